"""Exact running sums of one metric, and the mean and variance they hold.

The sums are decimals, added without rounding: they do not depend on the order in which users came,
and need neither a shift of the values nor a guard against drift.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from typing import assert_never

from domain.metrics import MetricAggregation

# Values to 1e15 with 12 decimals in 1e9 users make products of about 100 digits.
EXACT = Context(prec=200)
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Over the users of one variant in one phase, for one metric; users without events are zeros.

    Of MEAN x is the user's value and d the number of events; of BINARY x is 0 or 1.
    """

    users: int
    total: Decimal = ZERO  # Σx
    squares: Decimal = ZERO  # Σx²
    events: Decimal = ZERO  # Σd
    event_squares: Decimal = ZERO  # Σd²
    cross: Decimal = ZERO  # Σxd

    def plus(self, change: "Sums") -> "Sums":
        """A change is what adding, replacing or removing users does to each sum."""
        return merged((self, change))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    n: int
    mean: float
    variance: float  # the standard error is sqrt(variance / n); 0 where one user shows no spread


def merged(parts: Iterable[Sums]) -> Sums:
    held = tuple(parts)
    with localcontext(EXACT):
        return Sums(
            users=sum(part.users for part in held),
            total=sum((part.total for part in held), ZERO),
            squares=sum((part.squares for part in held), ZERO),
            events=sum((part.events for part in held), ZERO),
            event_squares=sum((part.event_squares for part in held), ZERO),
            cross=sum((part.cross for part in held), ZERO),
        )


def sample(sums: Sums, aggregation: MetricAggregation) -> Sample | None:
    """None without users, and for a mean per event without events."""
    if sums.users <= 0:
        return None
    with localcontext(EXACT):
        match aggregation:
            case MetricAggregation.BINARY:
                return _rate(sums)
            case MetricAggregation.SUM | MetricAggregation.COUNT:
                return _mean(sums)
            case MetricAggregation.MEAN:
                return _ratio(sums) if sums.events > 0 else None
            case _:
                assert_never(aggregation)


def _rate(sums: Sums) -> Sample:
    n, converted = sums.users, sums.total
    variance = converted * (n - converted) / (n * n)
    return Sample(n=n, mean=float(converted / n), variance=float(variance))


def _mean(sums: Sums) -> Sample:
    n = sums.users
    scaled = n * sums.squares - sums.total * sums.total  # n times the sum of squared deviations
    variance = scaled / (n * max(n - 1, 1))
    return Sample(n=n, mean=float(sums.total / n), variance=float(variance))


def _ratio(sums: Sums) -> Sample:
    """The delta method: what is left of x once R·d is taken away has the mean 0."""
    n, x, d = sums.users, sums.total, sums.events
    scaled = d * d * sums.squares - 2 * x * d * sums.cross + x * x * sums.event_squares
    variance = n * n * scaled / (d * d * d * d * max(n - 1, 1))
    return Sample(n=n, mean=float(x / d), variance=float(variance))
