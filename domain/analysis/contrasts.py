"""Every treatment against control, for every metric, on both scales."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from domain.analysis import comparison, sequential
from domain.analysis.comparison import Estimate, Pair, Phase
from domain.analysis.fixed_look import Place
from domain.analysis.notes import ResultNote
from domain.analysis.observed import Observed
from domain.analysis.tallies import Tallies
from domain.experiments import AllocationMode, Experiment
from domain.metrics import EffectScale, MetricDefinition, MetricRole
from domain.variants import Variant

_Gated: TypeAlias = tuple[Sequence[ResultNote], Estimate | None]
_LARGEST = 1e150
_NO_PAIR = Pair(control=None, treatment=None)
_OF_BANDITS: _Gated = ((ResultNote.NOT_FOR_BANDITS,), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Without an estimate until its gate opens; the notes say why. `horizon`: the users at whom
    what holds at every look is sharpest."""

    metric: MetricDefinition
    variant: Variant
    scale: EffectScale
    pair: Pair
    horizon: float
    notes: Sequence[ResultNote]
    estimate: Estimate | None

    @property
    def place(self) -> Place:
        return self.metric.id, self.variant.id, self.scale

    @property
    def is_headline(self) -> bool:
        return self.scale is self.metric.scale

    @property
    def is_in_family(self) -> bool:
        return self.is_headline and self.metric.role is not MetricRole.GUARDRAIL

    @property
    def users(self) -> int:
        return sum(arm.n for arm in (self.pair.control, self.pair.treatment) if arm is not None)


def contrasts(observed: Observed, tallies: Tallies) -> list[Contrast]:
    control = observed.control
    if control is None:
        return []
    return [
        contrast
        for variant in observed.treatments
        for metric in observed.metrics
        for contrast in _both_scales(observed.experiment, tallies, metric, (control, variant))
    ]


def _both_scales(
    experiment: Experiment,
    tallies: Tallies,
    metric: MetricDefinition,
    arms: tuple[Variant, Variant],
) -> list[Contrast]:
    plain = experiment.allocation is AllocationMode.FIXED
    pair = _pair(tallies, metric, arms) if plain else _NO_PAIR
    horizon = _horizon(experiment, tallies, arms)
    held = []
    for scale in EffectScale:
        notes, estimate = _gated(pair, metric, scale) if plain else _OF_BANDITS
        held.append(
            Contrast(
                metric=metric,
                variant=arms[1],
                scale=scale,
                pair=pair,
                horizon=horizon,
                notes=notes,
                estimate=estimate,
            )
        )
    return held


def _pair(tallies: Tallies, metric: MetricDefinition, arms: tuple[Variant, Variant]) -> Pair:
    control, treatment = arms
    phases = [
        Phase(
            control=tallies.sums(control, phase, metric),
            treatment=tallies.sums(treatment, phase, metric),
            control_weight=tallies.weight(control, phase),
            treatment_weight=tallies.weight(treatment, phase),
        )
        for phase in tallies.phases
    ]
    return comparison.paired(phases, metric.aggregation)


def _gated(pair: Pair, metric: MetricDefinition, scale: EffectScale) -> _Gated:
    note = comparison.gate(pair, metric.aggregation, scale)
    if note is not None:
        return (note,), None
    estimate = comparison.effect(pair, scale) if _is_measurable(pair) else None
    if estimate is None:
        return (ResultNote.TOO_FEW_OBSERVATIONS,), None
    caution = comparison.caution(pair, metric.aggregation, scale)
    return (() if caution is None else (caution,)), estimate


def _is_measurable(pair: Pair) -> bool:
    """Floats hold the squares of what was measured, too."""
    arms = [arm for arm in (pair.control, pair.treatment) if arm is not None]
    return all(abs(arm.mean) < _LARGEST and arm.u < _LARGEST**2 for arm in arms)


def _horizon(experiment: Experiment, tallies: Tallies, arms: tuple[Variant, Variant]) -> float:
    """By the weights of the first phase in which both had traffic: it does not move later."""
    for phase in tallies.phases:
        weights = [tallies.weight(arm, phase) for arm in arms]
        if min(weights) > 0.0:
            others = [weight for weight in tallies.shares[phase].values() if weight > 0.0]
            return sequential.horizon(experiment.minimum_sample_size, [*weights, *others], 0, 1)
    return sequential.horizon(experiment.minimum_sample_size, (1.0, 1.0), 0, 1)
