"""A treatment against control, for one metric on one scale, and what it takes to compare them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from domain.analysis import comparison, sequential
from domain.analysis.comparison import Estimate, Pair
from domain.analysis.fixed_look import Place
from domain.analysis.notes import ResultNote
from domain.analysis.tallies import Tallies
from domain.experiments import Experiment
from domain.metrics import EffectScale, MetricDefinition, MetricRole
from domain.variants import Variant

Arms: TypeAlias = tuple[Variant, Variant]  # control and treatment
Gated: TypeAlias = tuple[Sequence[ResultNote], Estimate | None]

_LARGEST = 1e150


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Without an estimate until its gate opens; the notes say why. `r`: how much has been seen, for
    what holds at every look; None where nothing does. `clock`: the rate of a bandit's r, once it
    has begun."""

    metric: MetricDefinition
    variant: Variant
    scale: EffectScale
    pair: Pair
    notes: Sequence[ResultNote]
    estimate: Estimate | None
    r: float | None
    clock: float | None = None

    @property
    def place(self) -> Place:
        return self.metric.id, self.variant.id, self.scale

    @property
    def is_headline(self) -> bool:
        return self.scale is self.metric.scale

    @property
    def is_in_family(self) -> bool:
        return self.is_headline and self.metric.role is not MetricRole.GUARDRAIL


def gated(
    pair: Pair,
    metric: MetricDefinition,
    scale: EffectScale,
    effect: Callable[[EffectScale], Estimate | None],
) -> Gated:
    note = comparison.gate(pair, metric.aggregation, scale)
    if note is not None:
        return (note,), None
    estimate = effect(scale) if _is_measurable(pair) else None
    if estimate is None:
        return (ResultNote.TOO_FEW_OBSERVATIONS,), None
    caution = comparison.caution(pair, metric.aggregation, scale)
    return (() if caution is None else (caution,)), estimate


def _is_measurable(pair: Pair) -> bool:
    """Floats hold the squares of what was measured, too."""
    arms = [arm for arm in (pair.control, pair.treatment) if arm is not None]
    return all(abs(arm.mean) < _LARGEST and arm.u < _LARGEST**2 for arm in arms)


def rho_squared(experiment: Experiment, tallies: Tallies, arms: Arms) -> float:
    return sequential.rho_squared(experiment.alpha, _horizon(experiment, tallies, arms))


def _horizon(experiment: Experiment, tallies: Tallies, arms: Arms) -> float:
    """By the weights of the first phase in which both had traffic: it does not move later."""
    for phase in tallies.phases:
        weights = [tallies.weight(arm, phase) for arm in arms]
        if min(weights) > 0.0:
            others = [weight for weight in tallies.shares[phase].values() if weight > 0.0]
            return sequential.horizon(experiment.minimum_sample_size, [*weights, *others], 0, 1)
    return sequential.horizon(experiment.minimum_sample_size, (1.0, 1.0), 0, 1)
