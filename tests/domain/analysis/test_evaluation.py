"""From running sums to what is shown."""

import pytest

from domain.analysis.evidence import DecisionKind
from domain.analysis.intervals import Interval
from domain.analysis.observed import ArmSums
from domain.analysis.results import Comparison
from domain.experiments import Correction
from domain.metrics import (
    EffectScale,
    MetricAggregation,
    MetricDirection,
    MetricRole,
)
from tests.domain.analysis.observing import (
    SHARES,
    assigned,
    conversions,
    first_comparison,
    make_sums,
    make_variants,
    measured,
    of_two_arms,
    results,
)
from tests.factories import NOON, make_metric_definition

LOOSE = pytest.approx
CONTROL, CLEAR = make_variants(SHARES)


def shown(interval: Interval | None) -> tuple[float, float, float]:
    assert interval is not None
    return interval.lower, interval.upper, interval.level


def test_the_experiment_is_summed_up() -> None:
    result = conversions((30, 300), (50, 500), minimum_sample_size=200)

    assert (result.total_assignments, result.total_conversions) == (800, 80)
    assert (result.conversion_rate, result.progress) == (0.1, 1.5)
    assert (result.as_of, result.revision) == (NOON, 7)
    assert result.sample_ratio.observed == (300, 500)
    assert result.sample_ratio.expected == (400.0, 400.0)


def test_an_experiment_without_metrics_has_its_conversions() -> None:
    metric = conversions((30, 300), (50, 500)).metrics[0]

    definition, clear = metric.metric, metric.variants[1]
    assert (definition.name, definition.event_type) == ("conversion", "conversion")
    assert definition.role is MetricRole.PRIMARY
    assert definition.aggregation is MetricAggregation.BINARY
    assert definition.direction is MetricDirection.INCREASE
    assert definition.scale is EffectScale.RELATIVE
    assert (clear.users, clear.conversions, clear.total, clear.mean) == (500, 50, 50.0, 0.1)
    assert clear.standard_deviation == LOOSE(0.3)


@pytest.mark.parametrize(
    ("caps", "mean", "squares"),
    [
        ({}, 0.75, 3.5),
        ({"cap_low": -1.0, "cap_high": 9.0}, 0.75, 3.5),
        ({"cap_low": 0.5}, 1.125, 3.6875),
        ({"cap_high": -0.5}, 0.375, 3.6875),
    ],
)
def test_users_without_events_are_zeros_or_what_the_caps_make_of_them(
    caps: dict[str, float], mean: float, squares: float
) -> None:
    revenue = make_metric_definition(aggregation=MetricAggregation.SUM, **caps)
    sums = make_sums(100, total=300, squares=1400)

    clear = of_two_arms(revenue, sums, sums, (400, 400)).metrics[0].variants[1]

    variance = (squares * 400 - 400 * mean * mean) / 399
    assert (clear.users, clear.conversions, clear.mean) == (400, 100, mean)
    assert clear.standard_deviation == LOOSE(variance**0.5)


def test_a_binary_metric_counts_users_with_events_whatever_their_values() -> None:
    orders = make_metric_definition(cap_low=5.0)
    sums = make_sums(40, total=777, squares=99999, events=60)

    control, clear = of_two_arms(orders, sums, sums, (400, 200)).metrics[0].variants

    assert (control.users, control.conversions, control.total, control.mean) == (400, 40, 40.0, 0.1)
    assert clear.mean == 0.2


def family(correction: Correction) -> list[Comparison]:
    """Orders and visits in two treatments, and errors that must not grow."""
    roles = [MetricRole.PRIMARY, MetricRole.SECONDARY, MetricRole.GUARDRAIL]
    metrics = [make_metric_definition(name=f"m{role}", role=role) for role in roles]
    variants = make_variants({"control": 0.25, "clear": 0.25, "bold": 0.5})
    rows: list[ArmSums] = []
    for place, variant in enumerate(variants):
        rows.append(assigned(variant, 4000))
        for rank, metric in enumerate(metrics):
            rows.append(measured(variant, metric, make_sums(400 + place * (24 + 20 * rank))))
    result = results(variants, rows, definitions=metrics, correction=correction)
    return [compared for metric in result.metrics for compared in metric.comparisons]


def test_headlines_of_the_family_are_corrected_and_nothing_else() -> None:
    compared = family(Correction.HOLM)
    inferences = [each.relative.anytime for each in compared]
    ps = [inference.p_value for inference in inferences if inference]
    adjusted = [inference.adjusted_p_value for inference in inferences if inference]

    first, *others = sorted(range(4), key=ps.__getitem__)
    assert adjusted[first] == LOOSE(4 * ps[first])
    assert all(adjusted[place] >= ps[place] for place in others)
    assert adjusted[4:] == ps[4:]
    for each in compared:
        assert each.absolute.anytime is not None
        assert each.absolute.anytime.adjusted_p_value == each.absolute.anytime.p_value


@pytest.mark.parametrize("correction", Correction)
def test_significance_interval_and_adjusted_p_agree(correction: Correction) -> None:
    inferences = [
        inference
        for each in family(correction)
        for inference in (each.relative.anytime, each.relative.fixed)
        if inference is not None
    ]

    assert len(inferences) == 12
    for inference in inferences:
        excludes = not inference.interval.lower <= 0.0 <= inference.interval.upper
        assert excludes == inference.significant == (inference.adjusted_p_value < 0.05)


def test_bonferroni_shares_alpha_among_all() -> None:
    inference = family(Correction.BONFERRONI)[0].relative.anytime

    assert inference is not None
    assert inference.interval.level == LOOSE(1 - 0.05 / 4)
    assert inference.adjusted_p_value == LOOSE(min(1.0, 4 * inference.p_value))


def test_a_hypothesis_that_cannot_be_told_yet_counts_with_p_1() -> None:
    compared = conversions((400, 4000), (480, 4000), (3, 4000)).metrics[0].comparisons

    known, unknown = (each.relative.anytime for each in compared)
    assert unknown is None
    assert known is not None
    assert known.adjusted_p_value == LOOSE(2 * known.p_value)


def test_the_headline_scale_is_the_one_that_is_corrected() -> None:
    variants = make_variants({"control": 1 / 3, "clear": 1 / 3, "bold": 1 / 3})
    metric = make_metric_definition(scale=EffectScale.ABSOLUTE)
    rows = [assigned(each, 4000) for each in variants]
    rows += [measured(each, metric, make_sums(400 + 40 * n)) for n, each in enumerate(variants)]

    compared = results(variants, rows, definitions=[metric]).metrics[0].comparisons[1]

    assert compared.absolute.anytime is not None
    assert compared.relative.anytime is not None
    assert compared.absolute.anytime.adjusted_p_value == LOOSE(
        2 * compared.absolute.anytime.p_value
    )
    assert compared.relative.anytime.adjusted_p_value == compared.relative.anytime.p_value


def test_fewer_is_better_where_fewer_is_wanted() -> None:
    errors = make_metric_definition(name="errors", direction=MetricDirection.DECREASE)

    result = of_two_arms(errors, make_sums(400), make_sums(200), (4000, 4000))

    compared = first_comparison(result)
    assert compared.relative.estimate == -0.5
    assert compared.chance_to_beat_control == LOOSE(1.0)
    assert result.metrics[0].variants[1].probability_best == LOOSE(1.0)
    assert result.decision.kind is DecisionKind.SHIP
    assert result.decision.variant == result.metrics[0].variants[1].variant


def test_the_primary_decides_wherever_it_stands() -> None:
    visits = make_metric_definition(name="visits", role=MetricRole.SECONDARY)
    orders = make_metric_definition(name="orders")
    rows = [assigned(CONTROL, 4000), assigned(CLEAR, 4000)]
    rows += [measured(CONTROL, visits, make_sums(400)), measured(CLEAR, visits, make_sums(800))]
    rows += [measured(CONTROL, orders, make_sums(800)), measured(CLEAR, orders, make_sums(400))]
    pages = make_metric_definition(name="pages", role=MetricRole.SECONDARY)

    decision = results([CONTROL, CLEAR], rows, definitions=[visits, orders, pages]).decision

    assert decision.kind is DecisionKind.ROLL_BACK
    assert decision.reason.startswith("clear is worse than control: orders are")


@pytest.mark.parametrize(
    ("scale", "loss"), [(EffectScale.RELATIVE, 0.0376), (EffectScale.ABSOLUTE, 43.1)]
)
def test_a_loss_is_a_share_of_control_or_in_units_of_the_metric(
    scale: EffectScale, loss: float
) -> None:
    """The difference is normal around 0 with a deviation of 108, a tenth of control."""
    revenue = make_metric_definition(aggregation=MetricAggregation.SUM, scale=scale)
    sums = make_sums(400, total=400 * 1080, squares=400 * (1080**2 + 1080 * 2160))

    compared = first_comparison(of_two_arms(revenue, sums, sums, (400, 400)))

    assert compared.chance_to_beat_control == LOOSE(0.5)
    assert compared.expected_loss == LOOSE(loss, rel=2e-3)


def test_a_large_difference_has_a_chance_and_a_loss_as_well() -> None:
    revenue = make_metric_definition(aggregation=MetricAggregation.SUM, scale=EffectScale.ABSOLUTE)
    control = make_sums(400, total=400_000, squares=500_000_000)
    clear = make_sums(400, total=4_000_000, squares=50_000_000_000)

    compared = first_comparison(of_two_arms(revenue, control, clear, (400, 400)))

    assert compared.absolute.estimate == 9000.0
    assert compared.chance_to_beat_control == LOOSE(1.0)
    assert compared.expected_loss == LOOSE(0.0, abs=1e-9)


def test_a_guardrail_that_is_hurt_takes_the_winner_back() -> None:
    orders = make_metric_definition(name="orders")
    errors = make_metric_definition(
        name="errors", role=MetricRole.GUARDRAIL, direction=MetricDirection.DECREASE
    )
    rows = [assigned(CONTROL, 4000), assigned(CLEAR, 4000)]
    rows += [measured(CONTROL, orders, make_sums(400)), measured(CLEAR, orders, make_sums(600))]
    rows += [measured(CONTROL, errors, make_sums(100)), measured(CLEAR, errors, make_sums(200))]

    result = results([CONTROL, CLEAR], rows, definitions=[orders, errors])

    assert result.decision.kind is DecisionKind.ROLL_BACK
    assert result.decision.reason.startswith("clear does harm: errors are")


def test_the_same_sums_give_the_same_results() -> None:
    rows = [assigned(CONTROL, 5000, 300), assigned(CLEAR, 5000, 333)]
    experiment = results([CONTROL, CLEAR], rows).experiment

    first = results([CONTROL, CLEAR], rows, experiment=experiment)
    again = results([CONTROL, CLEAR], rows[::-1], experiment=experiment)

    assert repr(first) == repr(again)
