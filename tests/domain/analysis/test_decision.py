from typing import Any

import pytest

from domain.analysis.decision import Decision, decide
from domain.analysis.evidence import (
    ArmDecision,
    ArmEvidence,
    Bounds,
    DecisionKind,
)
from domain.analysis.sample_ratio import SampleRatioState
from domain.metrics import (
    EffectScale,
    MetricAggregation,
    MetricDirection,
    MetricRole,
)
from tests.domain.analysis.deciding import (
    BOLD,
    CLEAR,
    ERRORS,
    LOSES,
    OPEN,
    WINS,
    arm,
    decided,
    evidence,
    kind,
    lifts,
    seen,
)
from tests.factories import make_metric_definition, make_variant


@pytest.mark.parametrize("edge", [Bounds(lower=0.0, upper=0.2), Bounds(lower=-0.2, upper=0.0)])
def test_an_interval_that_touches_0_decides_nothing(edge: Bounds) -> None:
    assert kind(arm(edge)) is DecisionKind.KEEP_RUNNING


@pytest.mark.parametrize(
    ("direction", "passing", "undecided", "failing"),
    [
        (MetricDirection.INCREASE, (-0.049, 0.1), (-0.051, 0.1), (-0.2, -0.051)),
        (MetricDirection.DECREASE, (-0.1, 0.049), (-0.1, 0.051), (0.051, 0.2)),
    ],
)
def test_a_relative_margin_is_a_share_of_control(
    direction: MetricDirection,
    passing: tuple[float, float],
    undecided: tuple[float, float],
    failing: tuple[float, float],
) -> None:
    metric = make_metric_definition(
        role=MetricRole.GUARDRAIL, direction=direction, non_inferiority_margin=0.05
    )
    states = [evidence(metric, lifts(*each)) for each in (passing, undecided, failing)]

    assert [each.passes for each in states] == [True, False, False]
    assert [each.fails for each in states] == [False, False, True]


def test_without_a_margin_a_guardrail_passes_unless_it_fails() -> None:
    states = [evidence(ERRORS, bounds) for bounds in (LOSES, OPEN, WINS, None)]

    assert [each.passes for each in states] == [True, True, False, False]
    assert [each.fails for each in states] == [False, False, True, False]


def test_an_absolute_margin_is_in_units_of_the_metric() -> None:
    metric = make_metric_definition(
        name="basket",
        aggregation=MetricAggregation.SUM,
        role=MetricRole.GUARDRAIL,
        scale=EffectScale.ABSOLUTE,
        non_inferiority_margin=2.5,
    )
    fails = evidence(metric, Bounds(lower=-4.25, upper=-2.6))

    assert evidence(metric, Bounds(lower=-2.4, upper=1.0)).passes
    assert decided(arm(WINS, fails))[1] == (
        "clear does harm: basket is 2.6 to 4.2 lower than with control, more than the 2.5 allowed."
    )


def test_a_first_roll_back_stands_whatever_comes_later() -> None:
    before = ArmDecision(variant=CLEAR, kind=DecisionKind.ROLL_BACK, reason="It did harm.")

    standing = {CLEAR.id: before}

    assert decide([arm(WINS)], seen(standing=standing)).arms == [before]
    alarmed = seen(standing=standing, sample_ratio=SampleRatioState.ALARM)
    assert decide([arm(WINS)], alarmed).arms == [before]


def test_a_first_ship_stands_unless_data_or_a_guardrail_go_bad() -> None:
    before = ArmDecision(variant=CLEAR, kind=DecisionKind.SHIP, reason="It won.")
    standing = {CLEAR.id: before}

    assert decide([arm(LOSES)], seen(standing=standing)).arms == [before]
    assert decide([arm(None)], seen(standing=standing)).arms == [before]
    alarmed = kind(arm(WINS), standing=standing, sample_ratio=SampleRatioState.ALARM)
    assert alarmed is DecisionKind.INVESTIGATE
    assert kind(arm(WINS, evidence(ERRORS, WINS)), standing=standing) is DecisionKind.ROLL_BACK


def test_one_that_stands_without_bounds_gives_way_to_one_that_wins() -> None:
    before = ArmDecision(variant=CLEAR, kind=DecisionKind.SHIP, reason="It won.")

    made = decide([arm(None), arm(WINS, variant=BOLD)], seen(standing={CLEAR.id: before}))

    assert made.variant == BOLD


def together(clear: ArmEvidence, bold: Bounds | None, **changes: Any) -> Decision:
    return decide([clear, arm(bold, variant=BOLD)], seen(**changes))


def test_of_two_winners_the_one_that_wins_by_more_is_shipped() -> None:
    made = together(arm(WINS), lifts(0.05, 0.1))

    assert (made.kind, made.variant) == (DecisionKind.SHIP, BOLD)
    assert made.reason == (
        "bold beats control: clicks are 5.0 % to 10.0 % higher. "
        "clear wins too, but less of its gain is certain."
    )


def test_several_that_win_by_less_are_named_together() -> None:
    others = [arm(WINS), arm(WINS, variant=make_variant(name="light"))]

    made = decide([arm(lifts(0.05, 0.1), variant=BOLD), *others], seen())

    assert made.reason == (
        "bold beats control: clicks are 5.0 % to 10.0 % higher. "
        "clear and light win too, but less of their gain is certain."
    )


def test_a_winner_is_shipped_whatever_the_others_do() -> None:
    made = together(arm(LOSES), WINS)

    assert (made.kind, made.variant) == (DecisionKind.SHIP, BOLD)
    assert made.reason == "bold beats control: clicks are 4.2 % to 19.8 % higher."


def test_only_if_all_do_harm_is_the_experiment_taken_back() -> None:
    both, one = together(arm(LOSES), LOSES), together(arm(LOSES), OPEN)

    assert (both.kind, both.reason) == (
        DecisionKind.ROLL_BACK,
        "None of the new variants is safe to keep: clear and bold do harm.",
    )
    assert [each.kind for each in one.arms] == [DecisionKind.ROLL_BACK, DecisionKind.KEEP_RUNNING]
    assert (one.kind, one.reason) == (DecisionKind.KEEP_RUNNING, one.arms[1].reason)


def test_bad_data_are_said_once() -> None:
    made = together(arm(WINS), OPEN, sample_ratio=SampleRatioState.ALARM)

    assert (made.kind, made.variant, made.reason) == (
        DecisionKind.INVESTIGATE,
        None,
        made.arms[0].reason,
    )


def test_open_ones_keep_it_running_and_ended_ones_do_not() -> None:
    running = together(arm(OPEN), None)
    ended = together(arm(OPEN), lifts(-0.2, 0.3), horizon_is_over=True)

    assert (running.kind, running.reason) == (
        DecisionKind.KEEP_RUNNING,
        "There is no winner yet: clear and bold need more users or time.",
    )
    assert (ended.kind, ended.reason) == (
        DecisionKind.INCONCLUSIVE,
        "There is no winner: what clear and bold showed is not enough to act on.",
    )


@pytest.mark.parametrize(
    ("over", "expected"), [(False, DecisionKind.KEEP_RUNNING), (True, DecisionKind.INCONCLUSIVE)]
)
def test_without_treatments_there_is_nothing_to_decide(over: bool, expected: DecisionKind) -> None:
    made = decide([], seen(horizon_is_over=over))

    assert (made.kind, made.variant, list(made.arms)) == (expected, None, [])
    assert made.reason == (
        "There is nothing to compare: it takes a control and another active variant."
    )
