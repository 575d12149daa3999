"""Sums, pairs and estimates for the tests of one comparison."""

from collections.abc import Iterable
from decimal import Decimal, localcontext

from domain.analysis.comparison import Estimate, Pair, Phase, paired
from domain.analysis.intervals import Interval
from domain.analysis.sums import EXACT, Sample, Sums, merged, sample
from domain.metrics import EffectScale, MetricAggregation


def one_user(value: str | float | Decimal, events: int = 1) -> Sums:
    x, d = Decimal(value), Decimal(events)
    with localcontext(EXACT):
        return Sums(users=1, total=x, squares=x * x, events=d, event_squares=d * d, cross=x * d)


def many(values: Iterable[str | float | Decimal]) -> Sums:
    return merged(one_user(value) for value in values)


def negative(sums: Sums) -> Sums:
    """The change that takes these users away."""
    return Sums(
        users=-sums.users,
        total=-sums.total,
        squares=-sums.squares,
        events=-sums.events,
        event_squares=-sums.event_squares,
        cross=-sums.cross,
    )


def converted(conversions: int, users: int) -> Sums:
    return Sums(users=users, total=Decimal(conversions), squares=Decimal(conversions))


def described(users: int, mean: str, deviation: str) -> Sums:
    """Of a published mean and standard deviation."""
    total = Decimal(mean) * users
    squares = Decimal(deviation) ** 2 * (users - 1) + total * Decimal(mean)
    return Sums(users=users, total=total, squares=squares)


def sampled(sums: Sums, aggregation: MetricAggregation) -> Sample:
    held = sample(sums, aggregation)
    assert held is not None
    return held


def phase(control: Sums, treatment: Sums, weights: tuple[float, float] = (0.5, 0.5)) -> Phase:
    return Phase(
        control=control,
        treatment=treatment,
        control_weight=weights[0],
        treatment_weight=weights[1],
    )


def pair_of(control: Sums, treatment: Sums, aggregation: MetricAggregation) -> Pair:
    return paired([phase(control, treatment)], aggregation)


def estimated(theta: float, error: float = 1.0, degrees: float = 1_000.0) -> Estimate:
    return Estimate(scale=EffectScale.ABSOLUTE, estimate=theta, error=error, degrees=degrees)


def excludes_zero(interval: Interval) -> bool:
    return interval.lower > 0 or interval.upper < 0
