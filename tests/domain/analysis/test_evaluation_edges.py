"""Experiments that have hardly begun, or in which nothing varies: nulls with reasons, no NaN."""

import math
from collections.abc import Sequence

import pytest

from domain.analysis.evidence import DecisionKind
from domain.analysis.notes import ResultNote
from domain.analysis.observed import ArmSums
from domain.analysis.results import Effect, ExperimentResults
from domain.analysis.sample_ratio import SampleRatioState
from domain.analysis.sums import Sums
from domain.experiments import ExperimentStatus
from domain.metrics import EffectScale, MetricAggregation
from tests.domain.analysis.observing import (
    SHARES,
    assigned,
    conversions,
    first_comparison,
    make_phases,
    make_sums,
    make_variants,
    measured,
    numbers,
    results,
)
from tests.factories import make_metric_definition

WAITS = ResultNote.PLANNED_SAMPLE_NOT_REACHED


def both(shown: ExperimentResults) -> tuple[Effect, Effect]:
    compared = first_comparison(shown)
    return compared.absolute, compared.relative


def of_sums(
    control: Sums,
    clear: Sums,
    aggregation: MetricAggregation = MetricAggregation.SUM,
    scale: EffectScale = EffectScale.RELATIVE,
) -> ExperimentResults:
    metric = make_metric_definition(aggregation=aggregation, scale=scale)
    arms = list(zip(make_variants(SHARES), (control, clear), strict=True))
    rows = [assigned(variant, sums.users) for variant, sums in arms]
    rows += [measured(variant, metric, sums) for variant, sums in arms]
    return results([variant for variant, _ in arms], rows, definitions=[metric])


@pytest.mark.parametrize(
    "arms",
    [
        [(0, 0), (0, 0)],
        [(0, 1), (0, 0)],
        [(1, 1), (0, 0)],
        [(0, 1), (1, 1)],
        [(0, 5000), (0, 5000)],
        [(5000, 5000), (5000, 5000)],
        [(0, 5000), (5000, 5000)],
        [(24, 50), (25, 50)],
        [(500, 10**9), (10**9 - 500, 10**9)],
        [(10, 100), (0, 0), (5, 50)],
        [(100, 1000)] * 10,
        [(5, 3), (4, 4)],
    ],
)
def test_every_number_is_a_number(arms: Sequence[tuple[int, int]]) -> None:
    shown = conversions(*arms)

    assert all(math.isfinite(number) for number in numbers(shown))


@pytest.mark.parametrize("aggregation", [MetricAggregation.SUM, MetricAggregation.MEAN])
@pytest.mark.parametrize("scale", EffectScale)
@pytest.mark.parametrize(
    ("control", "clear"),
    [
        (make_sums(0), make_sums(0)),
        (make_sums(1, total=5, squares=25, events=1, event_squares=1, cross=5), make_sums(0)),
        (make_sums(5000), make_sums(5000)),
        (
            make_sums(200, total=-400, squares=900, events=300, event_squares=600, cross=-700),
            make_sums(200, total=400, squares=900, events=300, event_squares=600, cross=700),
        ),
        (
            make_sums(200, total=400, squares=800, events=200, event_squares=200, cross=400),
            make_sums(200, total=400, squares=800, events=200, event_squares=200, cross=400),
        ),
        (
            make_sums(200, total="1e-200", squares="1e-400", events=9, event_squares=9),
            make_sums(200, total="1e200", squares="1e399", events=9, event_squares=9),
        ),
        (
            make_sums(200, total="1e320", squares="1e640", events=9, event_squares=9),
            make_sums(200, total="-1e320", squares="1e640", events=9, event_squares=9),
        ),
    ],
    ids=["nobody", "one", "nothing", "negative", "constant", "tiny and huge", "endless"],
)
def test_every_number_of_a_mean_is_a_number(
    control: Sums, clear: Sums, scale: EffectScale, aggregation: MetricAggregation
) -> None:
    shown = of_sums(control, clear, aggregation, scale)

    assert all(math.isfinite(number) for number in numbers(shown))


def test_without_users_there_is_nothing_and_it_says_so() -> None:
    shown = conversions((0, 0), (0, 0))

    variant, compared = shown.metrics[0].variants[1], first_comparison(shown)
    assert (variant.users, variant.conversions, variant.total) == (0, 0, 0.0)
    assert (variant.mean, variant.interval, variant.probability_best) == (None, None, None)
    assert compared.chance_to_beat_control is None
    for effect in both(shown):
        assert (effect.estimate, effect.anytime, effect.fixed, effect.credible) == (None,) * 4
        assert effect.notes == (ResultNote.NO_USERS, WAITS)
    assert (shown.conversion_rate, shown.progress) == (0.0, 0.0)
    assert shown.sample_ratio.state is SampleRatioState.NOT_ENOUGH_DATA
    assert shown.sample_ratio.anytime_p_value is None
    assert shown.decision.reason == (
        "It is too early to judge clear: users are needed in both clear and control."
    )


def test_an_empty_arm_beside_a_full_one_is_not_compared() -> None:
    shown = conversions((100, 1000), (0, 0))

    assert shown.metrics[0].variants[0].mean == 0.1
    assert shown.metrics[0].variants[0].probability_best is None
    assert both(shown)[1].notes == (ResultNote.NO_USERS, WAITS)


def test_before_the_gate_there_is_an_estimate_and_no_inference() -> None:
    shown = conversions((24, 500), (30, 500))

    compared = first_comparison(shown)
    assert compared.relative.estimate == pytest.approx(0.25)
    assert (compared.relative.anytime, compared.relative.credible) == (None, None)
    assert compared.relative.notes == (ResultNote.TOO_FEW_OBSERVATIONS, WAITS)
    assert compared.chance_to_beat_control == pytest.approx(0.797, abs=1e-3)


@pytest.mark.parametrize("converted", [0, 5000])
def test_where_nobody_or_everybody_converts_rates_have_intervals(converted: int) -> None:
    shown = conversions((converted, 5000), (converted, 5000))

    control = shown.metrics[0].variants[0]
    assert control.interval is not None
    assert control.mean in (control.interval.lower, control.interval.upper)
    assert control.standard_deviation == 0.0
    assert control.probability_best == pytest.approx(0.5)
    for effect in both(shown):
        assert (effect.anytime, effect.fixed) == (None, None)
        assert effect.notes == (ResultNote.TOO_FEW_OBSERVATIONS,)


def test_a_mean_without_spread_is_compared_with_nothing() -> None:
    constant = make_sums(200, total=400, squares=800)

    shown = of_sums(constant, constant)

    variant = shown.metrics[0].variants[0]
    assert (variant.mean, variant.standard_deviation, variant.interval) == (2.0, 0.0, None)
    assert variant.probability_best is None
    for effect in both(shown):
        assert effect.notes == (ResultNote.ZERO_VARIANCE, WAITS)


@pytest.mark.parametrize("total", [0, -400])
def test_without_a_positive_baseline_there_are_no_percentages(total: int) -> None:
    control, clear = make_sums(200, total=total, squares=900), make_sums(200, total=40, squares=900)

    absolute, relative = both(of_sums(control, clear))

    assert absolute.anytime is not None
    assert (relative.estimate, relative.anytime, relative.credible) == (None, None, None)
    assert relative.notes == (ResultNote.BASELINE_NOT_POSITIVE, WAITS)


def test_one_user_shows_a_mean_and_no_spread() -> None:
    shown = of_sums(make_sums(1, total=5, squares=25), make_sums(1, total=6, squares=36))

    variant = shown.metrics[0].variants[0]
    assert (variant.mean, variant.standard_deviation, variant.interval) == (5.0, None, None)


def test_a_ratio_beyond_all_measure_has_no_expected_loss() -> None:
    tiny = make_sums(200, total="2e-156", squares="4e-314")
    huge = make_sums(200, total="2e151", squares="4e300")

    shown = of_sums(tiny, huge)

    compared = first_comparison(shown)
    assert compared.chance_to_beat_control == 1.0
    assert compared.expected_loss is None
    assert all(math.isfinite(number) for number in numbers(shown))


def test_heavy_tails_are_pointed_out() -> None:
    heavy = make_sums(2000, total=2000, squares=100_000)

    relative = both(of_sums(heavy, heavy))[1]

    assert relative.anytime is not None
    assert relative.notes == (ResultNote.LOW_PRECISION,)


@pytest.mark.parametrize("over", [False, True])
def test_a_variant_alone_is_shown_and_compared_with_nobody(over: bool) -> None:
    control = make_variants({"control": 1.0})
    status = ExperimentStatus.COMPLETED if over else ExperimentStatus.ACTIVE

    shown = results(control, [assigned(control[0], 400, 40)], status=status)

    assert shown.metrics[0].variants[0].mean == 0.1
    assert shown.metrics[0].variants[0].probability_best == pytest.approx(1.0)
    assert shown.metrics[0].comparisons == []
    assert (shown.decision.arms, shown.decision.variant) == ([], None)
    wanted = DecisionKind.INCONCLUSIVE if over else DecisionKind.KEEP_RUNNING
    assert shown.decision.kind is wanted
    assert shown.decision.reason.startswith("There is nothing to compare")


def test_without_a_control_nothing_is_compared() -> None:
    variants = make_variants({"old": 0.5, "clear": 0.25, "bold": 0.25})[1:]

    shown = results(variants, [assigned(each, 4000, 400) for each in variants])

    assert [each.probability_best for each in shown.metrics[0].variants] == [
        pytest.approx(0.5),
        pytest.approx(0.5),
    ]
    assert shown.metrics[0].comparisons == []


def test_without_variants_there_is_nothing_at_all() -> None:
    shown = results([], [])

    assert (shown.total_assignments, shown.conversion_rate, shown.progress) == (0, 0.0, 0.0)
    assert (shown.metrics[0].variants, shown.metrics[0].comparisons) == ([], [])
    assert (shown.sample_ratio.expected, shown.sample_ratio.observed) == ((), ())


def test_a_draft_has_no_phase_and_no_users() -> None:
    shown = results(
        make_variants(SHARES), [], phases=[], status=ExperimentStatus.DRAFT, started_at=None
    )

    assert (shown.sample_ratio.expected, shown.sample_ratio.observed) == ((0.0, 0.0), (0, 0))
    assert shown.decision.kind is DecisionKind.KEEP_RUNNING


def test_a_weight_of_0_is_no_division_by_it() -> None:
    variants = make_variants({"control": 1.0, "clear": 0.0})
    alone: list[ArmSums] = [assigned(variants[0], 4000, 400)]

    shown = results(variants, alone)
    stray = results(variants, [*alone, assigned(variants[1], 1)])

    assert shown.sample_ratio.state is SampleRatioState.NOT_ENOUGH_DATA
    assert shown.decision.kind is DecisionKind.KEEP_RUNNING
    assert stray.sample_ratio.state is SampleRatioState.ALARM
    assert stray.sample_ratio.anytime_p_value == 0.0


def test_weights_that_are_all_0_promise_nothing() -> None:
    variants = make_variants({"control": 0.0, "clear": 0.0})
    rows = [assigned(each, 4000, 400) for each in variants]

    shown = results(variants, rows, phases=make_phases({"control": 0.0, "clear": 0.0}))

    assert shown.sample_ratio.state is SampleRatioState.NOT_ENOUGH_DATA
    assert shown.total_assignments == 8000
