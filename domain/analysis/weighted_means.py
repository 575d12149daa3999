"""What the variants of a bandit show for one metric. Its plain means are biased, for the traffic
followed them. Each phase is an epoch, with the propensities and plug-in means it began with."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Context, Decimal, localcontext
from typing import TypeAlias
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from domain.analysis import aipw
from domain.analysis.aipw import Epochs, Estimates
from domain.analysis.comparison import Arm, Estimate, Pair
from domain.analysis.observed import Observed
from domain.analysis.sums import EXACT, ZERO, Sums, merged
from domain.analysis.tallies import Tallies
from domain.metrics import EffectScale, MetricAggregation, MetricDefinition
from domain.variants import Variant

_Floats: TypeAlias = NDArray[np.float64]
_SHORT = Context(prec=16)
_NOBODY = Pair(control=None, treatment=None, without_users=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedPair:
    """`users`: of all variants, while both had traffic. The gate sees `pair`, whose counts are the
    plain ones."""

    pair: Pair
    users: int = 0
    estimates: Estimates | None = None

    def effect(self, scale: EffectScale) -> Estimate | None:
        found = None if self.estimates is None else _contrast(self.estimates, scale)
        if found is None or not 0.0 < found.variance < math.inf:
            return None
        error = math.sqrt(found.variance)
        return Estimate(scale=scale, estimate=found.estimate, error=error, degrees=math.inf)


class WeightedMeans:
    """Values near a large number differ little: so that floats hold by how much, values and
    plug-in means have been moved by one and the same `centre`."""

    def __init__(self, places: Mapping[UUID, int], epochs: Epochs, centre: Decimal) -> None:
        self._places = places
        self._epochs = epochs
        self._centre = float(centre)

    def arm(self, variant: Variant) -> Arm | None:
        """Over the epochs in which it had traffic; None without users of its own."""
        held = self._held(variant)
        return None if held is None else held[1][0]

    def pair(self, control: Variant, treatment: Variant) -> WeightedPair:
        held = self._held(control, treatment)
        if held is None:
            return WeightedPair(pair=_NOBODY)
        estimates, (one, other) = held
        pair = Pair(control=one, treatment=other)
        return WeightedPair(pair=pair, users=estimates.users, estimates=estimates)

    def _held(self, *variants: Variant) -> tuple[Estimates, list[Arm]] | None:
        epochs = self._epochs.of([self._places[variant.id] for variant in variants])
        counts = epochs.cells.sum(axis=0)
        with np.errstate(over="ignore", invalid="ignore"):  # what no float holds is not shown
            moved = aipw.estimates(epochs)
        if moved is None or counts[:, 0].min() <= 0:
            return None
        means = tuple(mean + self._centre for mean in moved.means)
        return replace(moved, means=means), [
            Arm(n=int(n), total=total + n * self._centre, mean=mean, u=moved.covariance[at][at])
            for at, ((n, total, _), mean) in enumerate(zip(counts.tolist(), means, strict=True))
        ]


def weighted_means(observed: Observed, tallies: Tallies) -> Mapping[UUID, WeightedMeans]:
    """By metric; of a bandit alone, and of no ratio, for which there is no such estimator."""
    if not observed.is_bandit:
        return {}
    shares = np.array([_shares(observed, tallies, phase) for phase in tallies.phases])
    return {
        metric.id: _weighted(observed, tallies, metric, shares)
        for metric in observed.metrics
        if metric.aggregation is not MetricAggregation.MEAN
    }


def _shares(observed: Observed, tallies: Tallies, phase: int) -> list[float]:
    total = math.fsum(tallies.shares[phase].values()) or 1.0
    return [tallies.weight(variant, phase) / total for variant in observed.variants]


def _weighted(
    observed: Observed, tallies: Tallies, metric: MetricDefinition, shares: _Floats
) -> WeightedMeans:
    variants, plug_ins, cells = observed.variants, [], []
    centre = _centre(observed, tallies, metric)
    with localcontext(EXACT):
        for phase in tallies.phases:
            known = tallies.plug_ins(phase, metric)
            plug_ins += [_expected(known, variant, centre) for variant in variants]
            cells += [_moved(tallies.sums(each, phase, metric), centre) for each in variants]
    size = len(tallies.phases), len(variants)
    held = np.array(cells, dtype=np.float64).reshape(*size, 3)
    epochs = Epochs(
        users=held[..., 0].sum(axis=1),
        propensities=shares.reshape(size),
        plug_ins=np.array(plug_ins, dtype=np.float64).reshape(size),
        cells=held,
    )
    return WeightedMeans({each.id: at for at, each in enumerate(variants)}, epochs, centre)


def _expected(known: Mapping[str, float], variant: Variant, centre: Decimal) -> float:
    """0 where nobody expected anything: the estimates stay unbiased, but vary more."""
    return float(Decimal(known.get(variant.name, 0.0)) - centre)


def _centre(observed: Observed, tallies: Tallies, metric: MetricDefinition) -> Decimal:
    """The plain mean of all users, to as many digits as a float has; any number would do."""
    if metric.aggregation is MetricAggregation.BINARY:
        return ZERO
    pooled = merged(tallies.total(variant, metric) for variant in observed.variants)
    return _SHORT.divide(pooled.total, Decimal(max(1, pooled.users)))


def _moved(sums: Sums, centre: Decimal) -> tuple[int, float, float]:
    """n, Σy and Σy² of y = x - centre."""
    shift = sums.users * centre
    squares = sums.squares - centre * (2 * sums.total - shift)
    return sums.users, float(sums.total - shift), float(squares)


def _contrast(held: Estimates, scale: EffectScale) -> aipw.Contrast | None:
    if scale is EffectScale.ABSOLUTE:
        return aipw.absolute_contrast(held, treatment=1, control=0)
    return aipw.relative_contrast(held, treatment=1, control=0)
