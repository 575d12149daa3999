"""Running sums: what a report adds to them. They are exact, so that the order of the reports does
not matter and at every instant they are what a recount of the rows would give."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact
from functools import lru_cache
from typing import Any, Protocol, Self, TypeVar
from uuid import UUID
from zlib import crc32

from domain.assignments import Assignment
from domain.ids import NIL
from domain.metrics import Metric, MetricAggregation, MetricDefinition

STRIPES = 8
OWN = NIL  # the metric under which an experiment counts its users and their conversions

_ZERO = Decimal(0)
_GRAIN = Decimal("1e-12")
_ROUNDED = Context(prec=60, rounding=ROUND_HALF_UP)
_EXACT = Context(prec=200, traps=[Inexact])


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSums:
    """Over the users of one variant, phase and stripe that have a value x of a metric, made of d
    events. For `OWN` over all users: x is what the conversion was worth, d is 1 where there was
    one. `changes` grows with each write."""

    experiment_id: UUID
    variant_id: UUID
    metric_id: UUID
    phase: int
    stripe: int
    users: int = 0
    total: Decimal = _ZERO
    squares: Decimal = _ZERO
    events: int = 0
    event_squares: int = 0
    cross_products: Decimal = _ZERO
    capped: int = 0
    changes: int = 1

    @property
    def key(self) -> tuple[UUID, UUID, UUID, int, int]:
        return self.experiment_id, self.variant_id, self.metric_id, self.phase, self.stripe

    def plus(self, other: "RunningSums", sign: int = 1) -> "RunningSums":
        combined = _EXACT.add if sign > 0 else _EXACT.subtract
        return replace(
            self,
            users=self.users + sign * other.users,
            total=combined(self.total, other.total),
            squares=combined(self.squares, other.squares),
            events=self.events + sign * other.events,
            event_squares=self.event_squares + sign * other.event_squares,
            cross_products=combined(self.cross_products, other.cross_products),
            capped=self.capped + sign * other.capped,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UserTotal:
    """What the events of one user make for one metric, before any cap."""

    experiment_id: UUID
    user_id: str
    metric_id: UUID
    total: Decimal
    events: int

    @property
    def key(self) -> tuple[UUID, str, UUID]:
        return self.experiment_id, self.user_id, self.metric_id

    def plus(self, other: "UserTotal", sign: int = 1) -> "UserTotal":
        combined = _EXACT.add if sign > 0 else _EXACT.subtract
        total = combined(self.total, other.total)
        return replace(self, total=total, events=self.events + sign * other.events)


class _Addable(Protocol):
    @property
    def key(self) -> tuple[Any, ...]: ...

    def plus(self, other: Self) -> Self: ...


Sums = TypeVar("Sums", bound=_Addable)


@lru_cache(maxsize=4096)
def exact(value: float) -> Decimal:
    """To the 15 digits that a float is good for and 12 decimals."""
    return Decimal(f"{value:.15g}").quantize(_GRAIN, context=_ROUNDED)


def enrolled(users: Iterable[Assignment]) -> list[RunningSums]:
    """In the order of `summed`. Counted first: adding up hundreds of ones as sums took a fifth of
    the tracker's path."""
    counted = Counter(
        (each.experiment_id, each.variant_id, each.phase, _stripe(each)) for each in users
    )
    return summed(
        RunningSums(
            experiment_id=experiment,
            variant_id=variant,
            metric_id=OWN,
            phase=phase,
            stripe=stripe,
            users=users_of_it,
        )
        for (experiment, variant, phase, stripe), users_of_it in counted.items()
    )


def converted(user: Assignment, value: float) -> RunningSums:
    return replace(_of(user, OWN, exact(value), 1), users=0)


def reported(definition: MetricDefinition, metric: Metric) -> UserTotal:
    return UserTotal(
        experiment_id=metric.experiment_id,
        user_id=metric.user_id,
        metric_id=definition.id,
        total=exact(metric.event_value),
        events=1,
    )


def counts(definition: MetricDefinition, user: Assignment, metric: Metric) -> bool:
    """Not what came after the metric's window."""
    if definition.event_type != metric.event_type:
        return False
    if definition.window_hours is None:
        return True
    return metric.event_timestamp <= user.assigned_at + timedelta(hours=definition.window_hours)


def moved(
    user: Assignment, definition: MetricDefinition, after: UserTotal, by: UserTotal
) -> RunningSums:
    """What changes where the user's total is now `after`, having grown by `by`."""
    before = after.plus(by, -1)
    return _contribution(user, definition, after).plus(_contribution(user, definition, before), -1)


def summed(changes: Iterable[Sums]) -> list[Sums]:
    """One for each row that is touched, in the order in which everybody touches them."""
    found: dict[tuple[Any, ...], Sums] = {}
    for change in changes:
        known = found.get(change.key)
        found[change.key] = change if known is None else known.plus(change)
    return sorted(found.values(), key=lambda each: each.key)


def _contribution(user: Assignment, definition: MetricDefinition, held: UserTotal) -> RunningSums:
    if held.events == 0:
        return _nothing(user, definition.id)
    x, capped = _value(definition, held)
    return replace(_of(user, definition.id, x, held.events), capped=capped)


def _value(definition: MetricDefinition, held: UserTotal) -> tuple[Decimal, int]:
    """And 1 where a cap has changed it."""
    match definition.aggregation:
        case MetricAggregation.BINARY:
            return Decimal(1), 0
        case MetricAggregation.COUNT:
            return _capped(definition, Decimal(held.events))
        case MetricAggregation.SUM | MetricAggregation.MEAN:
            return _capped(definition, held.total)


def _capped(definition: MetricDefinition, raw: Decimal) -> tuple[Decimal, int]:
    value = raw
    if definition.cap_low is not None:
        value = max(value, exact(definition.cap_low))
    if definition.cap_high is not None:
        value = min(value, exact(definition.cap_high))
    return value, int(value != raw)


def _of(user: Assignment, metric: UUID, x: Decimal, events: int) -> RunningSums:
    return replace(
        _nothing(user, metric),
        users=1,
        total=x,
        squares=_EXACT.multiply(x, x),
        events=events,
        event_squares=events * events,
        cross_products=_EXACT.multiply(x, Decimal(events)),
    )


def _nothing(user: Assignment, metric: UUID) -> RunningSums:
    return RunningSums(
        experiment_id=user.experiment_id,
        variant_id=user.variant_id,
        metric_id=metric,
        phase=user.phase,
        stripe=_stripe(user),
    )


def _stripe(user: Assignment) -> int:
    return crc32(user.user_id.encode()) % STRIPES
