"""The comparisons of one metric, put together from all that is known of its contrasts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.analysis import families, prospects
from domain.analysis.contrasts import Contrast
from domain.analysis.families import Judged
from domain.analysis.fixed_look import Place
from domain.analysis.notes import ResultNote
from domain.analysis.observed import Observed
from domain.analysis.results import Comparison, Effect, Inference
from domain.analysis.tallies import Tallies
from domain.analysis.weighted_means import WeightedMeans
from domain.metrics import EffectScale, MetricDefinition
from domain.variants import Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """`weighted`: a bandit's means, by metric. `fixed`: None for a place that had too few
    observations at the planned look, and no place before that look."""

    observed: Observed
    tallies: Tallies
    weighted: Mapping[UUID, WeightedMeans]
    contrasts: Mapping[Place, Contrast]
    anytime: Mapping[Place, Judged]
    fixed: Mapping[Place, Inference | None]


def comparisons(found: Findings, metric: MetricDefinition) -> list[Comparison]:
    control = found.observed.control
    if control is None:
        return []
    return [_comparison(found, metric, variant, control) for variant in found.observed.treatments]


def _comparison(
    found: Findings, metric: MetricDefinition, variant: Variant, control: Variant
) -> Comparison:
    absolute = found.contrasts[metric.id, variant.id, EffectScale.ABSOLUTE]
    relative = found.contrasts[metric.id, variant.id, EffectScale.RELATIVE]
    headline = absolute if absolute.is_headline else relative
    prospect = prospects.prospect(found.observed, found.tallies, headline)
    return Comparison(
        variant=variant,
        control=control,
        absolute=_effect(found, absolute),
        relative=_effect(found, relative),
        chance_to_beat_control=None if prospect is None else prospect.chance_to_beat_control,
        expected_loss=None if prospect is None else prospect.expected_loss,
    )


def _effect(found: Findings, contrast: Contrast) -> Effect:
    alpha = found.observed.experiment.alpha
    judged = found.anytime.get(contrast.place)
    return Effect(
        estimate=_estimate(contrast),
        anytime=None if judged is None else families.shown(judged, contrast.scale, alpha),
        fixed=found.fixed.get(contrast.place),
        credible=prospects.credible(found.observed, found.tallies, contrast, 1 - alpha),
        notes=_notes(found, contrast),
    )


def _estimate(contrast: Contrast) -> float | None:
    """Shown before the gate, too; for a share of control, that must be above 0."""
    control, treatment = contrast.pair.control, contrast.pair.treatment
    if control is None or treatment is None:
        return None
    if contrast.scale is EffectScale.ABSOLUTE:
        return _finite(treatment.mean - control.mean)
    return _finite(treatment.mean / control.mean - 1.0) if control.mean > 0.0 else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _notes(found: Findings, contrast: Contrast) -> Sequence[ResultNote]:
    notes = contrast.notes
    if ResultNote.NOT_FOR_BANDITS in notes:
        return notes
    if found.observed.is_bandit:
        return (*notes, ResultNote.NOT_FOR_BANDITS)  # why there is no planned look
    if contrast.place not in found.fixed:
        return (*notes, ResultNote.PLANNED_SAMPLE_NOT_REACHED)
    if found.fixed[contrast.place] is None and ResultNote.TOO_FEW_OBSERVATIONS not in notes:
        return (*notes, ResultNote.TOO_FEW_OBSERVATIONS)
    return notes
