"""Running sums by variant, phase and metric, over all users: those without events too."""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

from domain.analysis.observed import Observed
from domain.analysis.sums import EXACT, Sums, merged
from domain.design import split
from domain.ids import NIL
from domain.metrics import MetricAggregation, MetricDefinition
from domain.sums import exact
from domain.variants import Variant

_Key: TypeAlias = tuple[UUID, int, UUID | None]
_NOBODY = Sums(users=0)


class Tallies:
    """Of one look; what is asked for again and again is added up once."""

    def __init__(
        self,
        shares: Mapping[int, Mapping[str, float]],
        rows: Mapping[_Key, Sums],
        plug_ins: Mapping[int, Mapping[str, Mapping[str, float]]],
    ) -> None:
        self.shares = shares
        self._plug_ins = plug_ins
        self.phases = sorted(shares)
        self._rows = rows
        self._assigned: dict[UUID, Sums] = {}
        self._totals: dict[tuple[UUID, UUID], Sums] = {}
        self._steady: dict[tuple[str, ...], bool] = {}

    def assigned(self, variant: Variant, phase: int) -> Sums:
        return self._rows.get((variant.id, phase, None), _NOBODY)

    def users(self, variant: Variant) -> int:
        return self._everyone(variant).users

    def conversions(self, variant: Variant, metric: MetricDefinition | None = None) -> int:
        """Users with events of the metric, or who converted."""
        if metric is None or metric.id == NIL:
            return sum(int(self.assigned(variant, phase).events) for phase in self.phases)
        return sum(self._with_events(variant, phase, metric).users for phase in self.phases)

    def weight(self, variant: Variant, phase: int) -> float:
        return self.shares[phase].get(variant.name, 0.0)

    def plug_ins(self, phase: int, metric: MetricDefinition) -> Mapping[str, float]:
        """The means that were expected before the phase, by variant."""
        return self._plug_ins.get(phase, {}).get(str(metric.id), {})

    def had_traffic(self, variant: Variant) -> bool:
        weighed = any(self.weight(variant, phase) > 0.0 for phase in self.phases)
        return weighed or self.users(variant) > 0

    def sums(self, variant: Variant, phase: int, metric: MetricDefinition) -> Sums:
        row = self._with_events(variant, phase, metric)
        return _completed(self.assigned(variant, phase), row, metric)

    def total(self, variant: Variant, metric: MetricDefinition) -> Sums:
        key = variant.id, metric.id
        if key not in self._totals:
            rows = merged(self._with_events(variant, phase, metric) for phase in self.phases)
            self._totals[key] = _completed(self._everyone(variant), rows, metric)
        return self._totals[key]

    def is_steady(self, variants: Sequence[Variant]) -> bool:
        """Whether these variants shared their traffic alike in all phases that had users."""
        names = tuple(variant.name for variant in variants)
        if names not in self._steady:
            self._steady[names] = self._shared_alike(variants)
        return self._steady[names]

    def _shared_alike(self, variants: Sequence[Variant]) -> bool:
        used = [phase for phase in self.phases if any(self._counts(variants, phase))]
        shares = [_normalised([self.weight(each, phase) for each in variants]) for phase in used]
        return all(all(map(math.isclose, each, shares[0])) for each in shares)

    def _everyone(self, variant: Variant) -> Sums:
        if variant.id not in self._assigned:
            parts = (self.assigned(variant, phase) for phase in self.phases)
            self._assigned[variant.id] = merged(parts)
        return self._assigned[variant.id]

    def _counts(self, variants: Sequence[Variant], phase: int) -> list[int]:
        return [self.assigned(variant, phase).users for variant in variants]

    def _with_events(self, variant: Variant, phase: int, metric: MetricDefinition) -> Sums:
        return self._rows.get((variant.id, phase, metric.id), _NOBODY)


def tally(observed: Observed) -> Tallies:
    """A phase that nobody wrote down has the weights of today. A bandit's has been opened since
    the phases were read: its weights are not known yet."""
    rows = {(row.variant_id, row.phase, row.metric_id): row.sums for row in observed.sums}
    given: dict[int, Any] = {phase.number: phase.weights for phase in observed.phases}
    plug_ins: dict[int, Any] = {phase.number: phase.plug_ins for phase in observed.phases}
    present = {} if observed.is_bandit else split(observed.variants)
    unwritten = {row.phase: present for row in observed.sums if row.phase not in given}
    return Tallies(given | unwritten, rows, plug_ins)


def _completed(assigned: Sums, row: Sums, metric: MetricDefinition) -> Sums:
    if metric.id == NIL:
        return _rate(assigned.users, int(assigned.events))
    if metric.aggregation is MetricAggregation.BINARY:
        return _rate(assigned.users, row.users)
    return _with_absent(row, assigned.users - row.users, metric)


def _rate(users: int, converted: int) -> Sums:
    total = Decimal(converted)
    return Sums(users=max(users, converted), total=total, squares=total)


def _with_absent(row: Sums, absent: int, metric: MetricDefinition) -> Sums:
    """A user without events has 0, or what the caps make of it."""
    if absent <= 0:
        return row
    value = _capped_zero(metric)
    return Sums(
        users=row.users + absent,
        total=EXACT.fma(value, absent, row.total),
        squares=EXACT.fma(EXACT.multiply(value, value), absent, row.squares),
        events=row.events,
        event_squares=row.event_squares,
        cross=row.cross,
    )


def _capped_zero(metric: MetricDefinition) -> Decimal:
    low = 0.0 if metric.cap_low is None else metric.cap_low
    high = 0.0 if metric.cap_high is None else metric.cap_high
    return exact(max(low, 0.0) or min(high, 0.0))


def _normalised(weights: Sequence[float]) -> list[float]:
    total = math.fsum(weights) or 1.0
    return [weight / total for weight in weights]
