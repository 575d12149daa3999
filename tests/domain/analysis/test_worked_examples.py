"""From running sums to what is shown; the figures are those of the worked examples."""

from decimal import Decimal

import pytest

from domain.analysis.evidence import DecisionKind
from domain.analysis.intervals import Interval
from domain.analysis.sums import Sums
from domain.metrics import (
    MetricAggregation,
)
from tests.domain.analysis.observing import (
    SHARES,
    conversions,
    first_comparison,
    make_sums,
    make_variants,
    of_two_arms,
)
from tests.factories import make_metric_definition

LOOSE = pytest.approx
CONTROL, CLEAR = make_variants(SHARES)


def shown(interval: Interval | None) -> tuple[float, float, float]:
    assert interval is not None
    return interval.lower, interval.upper, interval.level


def moments(users: int, mean: str, deviation: str) -> Sums:
    n, m, s = Decimal(users), Decimal(mean), Decimal(deviation)
    return Sums(users=users, total=n * m, squares=(n - 1) * s * s + n * m * m)


def test_a_rate_is_the_second_worked_example() -> None:
    metric = conversions((412, 8230), (497, 8195), minimum_sample_size=8000).metrics[0]
    compared = metric.comparisons[0]
    absolute, relative = compared.absolute, compared.relative

    assert shown(metric.variants[0].interval) == LOOSE((0.0455557506, 0.0549855900, 0.95))
    assert shown(metric.variants[1].interval) == LOOSE((0.0556820657, 0.0660231123, 0.95))
    assert absolute.estimate == LOOSE(0.01058598247)
    assert absolute.fixed is not None
    assert absolute.fixed.p_value == LOOSE(0.003011451349, rel=1e-9)
    assert shown(absolute.fixed.interval) == LOOSE((0.003592522715, 0.01757944223, 0.95))
    assert relative.estimate == LOOSE(0.2114627081)
    assert relative.fixed is not None
    assert relative.fixed.p_value == LOOSE(0.003066011881, rel=1e-9)
    assert shown(relative.fixed.interval) == LOOSE((0.06701338558, 0.3754671807, 0.95))
    assert relative.anytime is not None
    assert relative.anytime.p_value == LOOSE(0.06086656683, rel=1e-9)
    assert shown(relative.anytime.interval) == LOOSE((-0.004758736072, 0.4746594081, 0.95))
    assert (relative.anytime.significant, relative.fixed.significant) == (False, True)
    assert relative.notes == absolute.notes == ()


def test_a_sum_is_the_third_worked_example() -> None:
    revenue = make_metric_definition(name="revenue", aggregation=MetricAggregation.SUM)

    result = of_two_arms(
        revenue,
        moments(5120, "21.37", "34.8"),
        moments(5087, "24.02", "36.1"),
        (5120, 5087),
        minimum_sample_size=5000,
    )

    compared = first_comparison(result)
    absolute, relative = compared.absolute, compared.relative
    assert absolute.estimate == LOOSE(2.65)
    assert absolute.fixed is not None
    assert absolute.fixed.p_value == LOOSE(0.0001607442059, rel=1e-9)
    assert shown(absolute.fixed.interval) == LOOSE((1.274065140, 4.025934860, 0.95))
    assert relative.fixed is not None
    assert relative.fixed.p_value == LOOSE(0.0001648071275, rel=1e-9)
    assert shown(relative.fixed.interval) == LOOSE((0.05770571147, 0.1944613796, 0.95))
    assert relative.anytime is not None
    assert relative.anytime.p_value == LOOSE(0.005417254696, rel=1e-9)
    assert shown(relative.anytime.interval) == LOOSE((0.02302337169, 0.2349557774, 0.95))
    assert result.decision.kind is DecisionKind.SHIP


def test_a_ratio_is_the_third_worked_example() -> None:
    per_order = make_metric_definition(name="price", aggregation=MetricAggregation.MEAN)
    names = ("total", "events", "squares", "event_squares", "cross")

    result = of_two_arms(
        per_order,
        make_sums(1400, **dict(zip(names, (3010, 4060, 16900, 19880, 14350), strict=True))),
        make_sums(1385, **dict(zip(names, (3241, 4072, 18350, 19975, 15190), strict=True))),
        (1400, 1385),
    )

    compared, (control, clear) = first_comparison(result), result.metrics[0].variants
    assert (control.mean, clear.mean) == LOOSE((0.7413793103, 0.7959233792))
    assert control.standard_deviation == LOOSE(0.5566505577**0.5)
    assert compared.absolute.estimate == LOOSE(0.05454406883)
    assert compared.absolute.fixed is not None
    assert compared.absolute.fixed.p_value == LOOSE(0.05532308616, rel=1e-9)
    assert compared.relative.fixed is not None
    assert compared.relative.fixed.p_value == LOOSE(0.05552942389, rel=1e-9)
    assert shown(compared.relative.fixed.interval) == LOOSE((-0.00167757157, 0.1544915837, 0.95))


def test_three_arms_are_the_fourth_worked_example() -> None:
    metric = conversions((37, 640), (52, 655), (41, 622)).metrics[0]

    best = [variant.probability_best for variant in metric.variants]
    losses = [variant.expected_loss for variant in metric.variants]
    chances = [each.chance_to_beat_control for each in metric.comparisons]
    assert best == LOOSE([0.0431682445, 0.7893948113, 0.1674369442], abs=1e-10)
    assert losses == LOOSE([0.02314144, 0.00166176, 0.01502378], abs=1e-8)
    assert chances == LOOSE([0.9366821947, 0.7242537269], abs=1e-10)
    assert shown(metric.comparisons[0].relative.credible) == LOOSE(
        (-0.0840978275, 1.0589723527, 0.95), abs=1e-10
    )
