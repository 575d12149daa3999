"""The decision, from what holds at every look."""

from domain.analysis import traffic
from domain.analysis.contrasts import Contrast
from domain.analysis.decision import Decision, decide
from domain.analysis.effects import Findings
from domain.analysis.evidence import ArmEvidence, Bounds, Circumstances, MetricEvidence
from domain.analysis.sample_ratio import SampleRatio
from domain.metrics import MetricDefinition, MetricRole
from domain.variants import Variant


def verdict(found: Findings, ratio: SampleRatio) -> Decision:
    return decide(_arms(found), _circumstances(found, ratio))


def _circumstances(found: Findings, ratio: SampleRatio) -> Circumstances:
    observed = found.observed
    return Circumstances(
        sample_ratio=ratio.state,
        days=traffic.days(observed),
        horizon_is_over=traffic.horizon_is_over(observed, found.tallies),
        crossover=observed.crossover,
        planned_effect=observed.planned_effect,
        standing=observed.standing,
    )


def _arms(found: Findings) -> list[ArmEvidence]:
    observed, control = found.observed, found.observed.control
    if control is None:
        return []
    guardrails = [each for each in observed.metrics if each.role is MetricRole.GUARDRAIL]
    return [
        ArmEvidence(
            variant=variant,
            control=control,
            primary=_evidence(found, observed.primary, variant),
            guardrails=[_evidence(found, guardrail, variant) for guardrail in guardrails],
        )
        for variant in observed.treatments
    ]


def _evidence(found: Findings, metric: MetricDefinition, variant: Variant) -> MetricEvidence:
    contrast = found.contrasts[metric.id, variant.id, metric.scale]
    return MetricEvidence(metric=metric, bounds=_bounds(found, contrast), notes=contrast.notes)


def _bounds(found: Findings, contrast: Contrast) -> Bounds | None:
    judged = found.anytime.get(contrast.place)
    if judged is None:
        return None
    interval = judged.inference.interval
    return Bounds(lower=interval.lower, upper=interval.upper)
