"""The table of the decision rule, row by row."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from domain.analysis.evidence import (
    ArmEvidence,
    DecisionKind,
    MetricEvidence,
)
from domain.analysis.notes import ResultNote
from domain.analysis.sample_ratio import SampleRatioState
from domain.metrics import (
    EffectScale,
    MetricAggregation,
    MetricDefinition,
    MetricDirection,
)
from tests.domain.analysis.deciding import (
    CLEAR,
    CLICKS,
    CONTROL,
    ERRORS,
    LOSES,
    OPEN,
    REVENUE,
    WINS,
    arm,
    decided,
    evidence,
    kind,
    lifts,
)
from tests.factories import make_metric_definition

EACH = "clear and control each need at least"


def test_row_1_an_alarm_is_looked_into_before_all_else() -> None:
    hurt = arm(WINS, evidence(ERRORS, WINS))

    assert decided(hurt, sample_ratio=SampleRatioState.ALARM) == (
        DecisionKind.INVESTIGATE,
        (
            "The users are not split among the variants as planned, so no number here can be "
            "trusted until the cause is found."
        ),
    )


def test_row_1_so_is_a_user_in_a_hundred_who_saw_two_variants() -> None:
    assert decided(arm(WINS), crossover=0.014) == (
        DecisionKind.INVESTIGATE,
        (
            "1.4 % of the users saw more than one variant, so no number here can be trusted until "
            "the cause is found."
        ),
    )
    assert kind(arm(WINS), crossover=0.01) is DecisionKind.SHIP


def test_row_2_a_guardrail_that_is_hurt_takes_it_back_even_if_it_wins() -> None:
    assert decided(arm(WINS, evidence(ERRORS, WINS))) == (
        DecisionKind.ROLL_BACK,
        "clear does harm: errors are 4.2 % to 19.8 % higher than with control.",
    )


def test_row_2_a_margin_is_allowed_for() -> None:
    within, beyond = evidence(REVENUE, lifts(-0.09, -0.04)), evidence(REVENUE, lifts(-0.09, -0.06))

    assert kind(arm(WINS, within)) is DecisionKind.KEEP_RUNNING
    assert decided(arm(WINS, beyond)) == (
        DecisionKind.ROLL_BACK,
        (
            "clear does harm: revenue is 6.0 % to 9.0 % lower than with control, more than "
            "the 5.0 % allowed."
        ),
    )


def test_row_2_comes_before_the_gate_of_the_primary() -> None:
    assert kind(arm(None, evidence(ERRORS, WINS))) is DecisionKind.ROLL_BACK


def test_row_3_it_is_early_until_there_are_users_enough() -> None:
    assert decided(arm(None)) == (
        DecisionKind.KEEP_RUNNING,
        (
            "It is too early to judge clear: clear and control each need at least 25 users who "
            "count towards clicks and 25 who do not."
        ),
    )


def test_row_3_at_the_end_it_stays_open() -> None:
    assert decided(arm(None), horizon_is_over=True) == (
        DecisionKind.INCONCLUSIVE,
        (
            "The test ran its course before clear could be judged: clear and control each need at "
            "least 25 users who count towards clicks and 25 who do not."
        ),
    )


@pytest.mark.parametrize(
    ("metric", "note", "wanting"),
    [
        (CLICKS, ResultNote.NO_USERS, "users are needed in both clear and control"),
        (
            replace(CLICKS, scale=EffectScale.ABSOLUTE),
            ResultNote.TOO_FEW_OBSERVATIONS,
            f"{EACH} 100 users, with 25 who count towards clicks and 25 who do not",
        ),
        (
            REVENUE,
            ResultNote.BASELINE_NOT_POSITIVE,
            (
                "revenue has to be above 0 on average in both clear and control to be compared in "
                "per cent"
            ),
        ),
        (
            REVENUE,
            ResultNote.ZERO_VARIANCE,
            "revenue is the same for every user of clear and control",
        ),
        (
            REVENUE,
            ResultNote.TOO_FEW_OBSERVATIONS,
            f"{EACH} 100 users, and more if revenue varies widely from user to user",
        ),
        (
            replace(REVENUE, name="orders"),
            ResultNote.TOO_FEW_OBSERVATIONS,
            f"{EACH} 100 users, and more if orders vary widely from user to user",
        ),
        (
            replace(REVENUE, scale=EffectScale.ABSOLUTE),
            ResultNote.TOO_FEW_OBSERVATIONS,
            f"{EACH} 100 users",
        ),
    ],
)
def test_row_3_says_what_is_wanting(
    metric: MetricDefinition, note: ResultNote, wanting: str
) -> None:
    primary = evidence(metric, None, note)

    one = ArmEvidence(variant=CLEAR, control=CONTROL, primary=primary)

    assert decided(one)[1] == f"It is too early to judge clear: {wanting}."


@pytest.mark.parametrize("over", [False, True])
def test_row_3_a_bandit_is_not_judged_by_means_per_event_however_long_it_runs(over: bool) -> None:
    per_visit = replace(CLICKS, aggregation=MetricAggregation.MEAN)
    primary = evidence(per_visit, None, ResultNote.NOT_FOR_BANDITS)
    one = ArmEvidence(variant=CLEAR, control=CONTROL, primary=primary)

    assert decided(one, horizon_is_over=over)[1] == (
        "clear is not judged against control: the traffic follows the results, which would "
        "distort the comparison of a mean per event."
    )


def test_row_6_a_guardrail_that_a_bandit_cannot_judge_keeps_it_from_being_shipped() -> None:
    latency = replace(ERRORS, name="latency", aggregation=MetricAggregation.MEAN)

    one = arm(WINS, evidence(latency, None, ResultNote.NOT_FOR_BANDITS))

    assert decided(one)[1] == (
        "clear is ahead of control: clicks are 4.2 % to 19.8 % higher, but while the traffic "
        "follows the results, latency cannot be judged."
    )


def test_row_4_harm_takes_it_back() -> None:
    assert decided(arm(LOSES), days=0.1) == (
        DecisionKind.ROLL_BACK,
        "clear is worse than control: clicks are 4.2 % to 19.8 % lower.",
    )


def test_row_5_a_winner_is_shipped() -> None:
    assert decided(arm(WINS)) == (
        DecisionKind.SHIP,
        "clear beats control: clicks are 4.2 % to 19.8 % higher.",
    )


def test_row_5_with_guardrails_they_are_unhurt() -> None:
    unhurt = arm(WINS, evidence(ERRORS, OPEN), evidence(REVENUE, lifts(-0.04, 0.05)))

    assert decided(unhurt) == (
        DecisionKind.SHIP,
        "clear beats control: clicks are 4.2 % to 19.8 % higher, and no guardrail is hurt.",
    )


def test_row_5_fewer_is_better_where_fewer_is_wanted() -> None:
    fewer = make_metric_definition(name="complaints", direction=MetricDirection.DECREASE)
    one = ArmEvidence(variant=CLEAR, control=CONTROL, primary=evidence(fewer, LOSES))

    assert decided(one) == (
        DecisionKind.SHIP,
        "clear beats control: complaints are 4.2 % to 19.8 % lower.",
    )


@pytest.mark.parametrize(
    ("guardrail", "changes", "missing"),
    [
        (evidence(ERRORS, None), {}, "it is too early to say whether errors got worse"),
        (
            evidence(REVENUE, lifts(-0.08, 0.05)),
            {},
            "revenue is between 8.0 % lower and 5.0 % higher, which does not rule out harm",
        ),
        (
            evidence(ERRORS, OPEN),
            {"sample_ratio": SampleRatioState.WARNING},
            "it is doubtful whether the users are split as planned",
        ),
        (
            evidence(ERRORS, OPEN),
            {"sample_ratio": SampleRatioState.NOT_ENOUGH_DATA},
            "there are too few users to see whether they are split as planned",
        ),
        (
            evidence(ERRORS, OPEN),
            {"days": 3.25},
            "it has run for 3 days, and needs at least 7 days",
        ),
    ],
)
def test_row_6_a_leader_waits_for_what_is_missing(
    guardrail: MetricEvidence, changes: Mapping[str, Any], missing: str
) -> None:
    leader = arm(WINS, guardrail)

    running, ended = decided(leader, **changes), decided(leader, horizon_is_over=True, **changes)

    clicks = "clicks are 4.2 % to 19.8 % higher"
    assert running == (
        DecisionKind.KEEP_RUNNING,
        f"clear is ahead of control: {clicks}, but {missing}.",
    )
    assert ended == (
        DecisionKind.INCONCLUSIVE,
        f"The test has run its course with clear ahead of control: {clicks}, but {missing}.",
    )


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (-0.5, "less than a day"),
        (0.0, "less than a day"),
        (2 / 86_400, "less than a day"),
        (0.999, "less than a day"),
        (1.0, "1 day"),
        (1.999, "1 day"),
        (2.0, "2 days"),
        (6.999, "6 days"),
    ],
)
def test_row_6_days_are_whole_ones_that_have_passed(days: float, said: str) -> None:
    assert decided(arm(WINS), days=days)[1].endswith(
        f", but it has run for {said}, and needs at least 7 days."
    )
