"""What to do with each treatment, and with the experiment: the first rule that applies decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from domain.analysis import reasons
from domain.analysis.evidence import ArmDecision, ArmEvidence, Bounds, Circumstances, DecisionKind
from domain.analysis.sample_ratio import SampleRatioState
from domain.variants import Variant

_MOST_CROSSOVER = 0.01

Verdict: TypeAlias = tuple[DecisionKind, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`variant`: the one to ship."""

    kind: DecisionKind
    variant: Variant | None
    reason: str
    arms: Sequence[ArmDecision]


def decide(arms: Sequence[ArmEvidence], seen: Circumstances) -> Decision:
    decided = [decide_arm(arm, seen) for arm in arms]
    shipped = [arm for arm, made in zip(arms, decided, strict=True) if _is_ship(made)]
    if shipped:
        best = max(shipped, key=lambda arm: arm.lead).variant
        reason = reasons.shipped(best, decided)
        return Decision(kind=DecisionKind.SHIP, variant=best, reason=reason, arms=decided)
    kind = _together(decided, seen)
    reason = reasons.together(kind, decided)
    return Decision(kind=kind, variant=None, reason=reason, arms=decided)


def _is_ship(made: ArmDecision) -> bool:
    return made.kind is DecisionKind.SHIP


def _together(decided: Sequence[ArmDecision], seen: Circumstances) -> DecisionKind:
    kinds = {made.kind for made in decided}
    if not kinds and not seen.horizon_is_over:
        return DecisionKind.KEEP_RUNNING
    if kinds == {DecisionKind.ROLL_BACK}:
        return DecisionKind.ROLL_BACK
    if DecisionKind.INVESTIGATE in kinds:
        return DecisionKind.INVESTIGATE
    if DecisionKind.KEEP_RUNNING in kinds:
        return DecisionKind.KEEP_RUNNING
    return DecisionKind.INCONCLUSIVE


def decide_arm(arm: ArmEvidence, seen: Circumstances) -> ArmDecision:
    standing = seen.standing.get(arm.variant.id)
    if standing is not None and standing.kind is DecisionKind.ROLL_BACK:
        return standing
    verdict = _revoking(arm, seen)
    if verdict is None and standing is not None:
        return standing
    kind, reason = verdict or _judged(arm, seen)
    return ArmDecision(variant=arm.variant, kind=kind, reason=reason)


def _revoking(arm: ArmEvidence, seen: Circumstances) -> Verdict | None:
    if seen.sample_ratio is SampleRatioState.ALARM:
        return DecisionKind.INVESTIGATE, reasons.uneven_split()
    if seen.crossover > _MOST_CROSSOVER:
        return DecisionKind.INVESTIGATE, reasons.crossed_over(seen.crossover)
    for guardrail in arm.guardrails:
        if guardrail.fails:
            return DecisionKind.ROLL_BACK, reasons.hurts(arm, guardrail)
    return None


def _judged(arm: ArmEvidence, seen: Circumstances) -> Verdict:
    turned = arm.primary.turned
    if turned is None:
        return _too_early(arm, seen)
    if turned.upper < 0.0:
        return DecisionKind.ROLL_BACK, reasons.worse(arm)
    if turned.lower > 0.0:
        return _leading(arm, seen)
    if _is_negligible(turned, seen.planned_effect):
        return DecisionKind.INCONCLUSIVE, reasons.no_difference(arm)
    if seen.horizon_is_over:
        return DecisionKind.INCONCLUSIVE, reasons.ended_open(arm)
    return DecisionKind.KEEP_RUNNING, reasons.open_yet(arm)


def _too_early(arm: ArmEvidence, seen: Circumstances) -> Verdict:
    if seen.horizon_is_over:
        return DecisionKind.INCONCLUSIVE, reasons.ended_early(arm)
    return DecisionKind.KEEP_RUNNING, reasons.too_early(arm)


def _leading(arm: ArmEvidence, seen: Circumstances) -> Verdict:
    missing = _missing(arm, seen)
    if missing is None:
        return DecisionKind.SHIP, reasons.better(arm)
    if seen.horizon_is_over:
        return DecisionKind.INCONCLUSIVE, reasons.ended_leading(arm, missing)
    return DecisionKind.KEEP_RUNNING, reasons.leads(arm, missing)


def _missing(arm: ArmEvidence, seen: Circumstances) -> str | None:
    """What keeps a leading variant from being shipped."""
    for guardrail in arm.guardrails:
        if not guardrail.passes:
            return reasons.guardrail_open(guardrail)
    if seen.sample_ratio is not SampleRatioState.OK:
        return reasons.split_doubtful(seen.sample_ratio)
    if seen.days < seen.minimum_days:
        return reasons.runs_too_short(seen)
    return None


def _is_negligible(turned: Bounds, planned: float | None) -> bool:
    return planned is not None and -planned < turned.lower and turned.upper < planned
