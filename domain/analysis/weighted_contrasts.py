"""Contrasts of a bandit, whose always-valid inference counts information instead of users."""

import math
from collections.abc import Sequence

from domain.analysis import aipw
from domain.analysis.comparison import Estimate, Pair
from domain.analysis.contrasts import Arms, Contrast, gated, rho_squared
from domain.analysis.notes import ResultNote
from domain.analysis.observed import Observed
from domain.analysis.tallies import Tallies
from domain.analysis.weighted_means import WeightedMeans
from domain.metrics import EffectScale, MetricDefinition

_NO_PAIR = Pair(control=None, treatment=None)


def weighted_contrasts(
    observed: Observed,
    tallies: Tallies,
    means: WeightedMeans | None,
    metric: MetricDefinition,
    arms: Arms,
    *,
    may_begin: bool,
) -> list[Contrast]:
    """`may_begin`: whether this is the moment for a clock to begin."""
    if means is None:
        return [_uncompared(metric, arms, scale) for scale in EffectScale]
    held = means.pair(*arms)
    rate = rho_squared(observed.experiment, tallies, arms) if may_begin else None
    found = []
    for scale in EffectScale:
        notes, estimate = gated(held.pair, metric, scale, held.effect)
        known = observed.clocks.get((metric.id, arms[1].id, scale))
        clock = _begun(rate, estimate, held.users) if known is None else known
        r = _information(clock, estimate, held.users)
        found.append(
            Contrast(
                metric=metric,
                variant=arms[1],
                scale=scale,
                pair=held.pair,
                notes=_noted(notes, estimate, r),
                estimate=estimate,
                r=r,
                clock=clock,
            )
        )
    return found


def _uncompared(metric: MetricDefinition, arms: Arms, scale: EffectScale) -> Contrast:
    return Contrast(
        metric=metric,
        variant=arms[1],
        scale=scale,
        pair=_NO_PAIR,
        notes=(ResultNote.NOT_FOR_BANDITS,),
        estimate=None,
        r=None,
    )


def _begun(rate: float | None, estimate: Estimate | None, users: int) -> float | None:
    if rate is None or estimate is None:
        return None
    return _usable(aipw.lambda_at_first_look(rate, estimate.error**2, users))


def _information(clock: float | None, estimate: Estimate | None, users: int) -> float | None:
    if clock is None or estimate is None:
        return None
    return _usable(aipw.information(clock, estimate.error**2, users))


def _usable(value: float | None) -> float | None:
    return value if value is not None and 0.0 < value < math.inf else None


def _noted(
    notes: Sequence[ResultNote], estimate: Estimate | None, r: float | None
) -> Sequence[ResultNote]:
    """Behind the gate it waits for its clock to begin."""
    if estimate is None or r is not None:
        return notes
    return (*notes, ResultNote.TOO_FEW_OBSERVATIONS)
