"""Why, in sentences for those who run the product."""

from collections.abc import Sequence

from domain.analysis.evidence import (
    ArmDecision,
    ArmEvidence,
    Circumstances,
    DecisionKind,
    MetricEvidence,
)
from domain.analysis.notes import ResultNote
from domain.analysis.sample_ratio import SampleRatioState
from domain.analysis.wording import effect, is_or_are, listed, margin, number
from domain.metrics import MetricAggregation
from domain.variants import Variant


def uneven_split() -> str:
    return (
        "The users are not split among the variants as planned, so no number here can be "
        "trusted until the cause is found."
    )


def crossed_over(share: float) -> str:
    return (
        f"{number(100 * share)} % of the users saw more than one variant, so no number here can "
        "be trusted until the cause is found."
    )


def hurts(arm: ArmEvidence, guardrail: MetricEvidence) -> str:
    allowed = guardrail.metric.non_inferiority_margin
    more = "" if allowed is None else f", more than the {margin(guardrail.metric, allowed)} allowed"
    return f"{arm.variant.name} does harm: {effect(guardrail)} than with {arm.control.name}{more}."


def worse(arm: ArmEvidence) -> str:
    return f"{arm.variant.name} is worse than {arm.control.name}: {effect(arm.primary)}."


def better(arm: ArmEvidence) -> str:
    unhurt = ", and no guardrail is hurt" if arm.guardrails else ""
    return f"{arm.variant.name} beats {arm.control.name}: {effect(arm.primary)}{unhurt}."


def leads(arm: ArmEvidence, missing: str) -> str:
    return f"{_ahead(arm)}, but {missing}."


def ended_leading(arm: ArmEvidence, missing: str) -> str:
    return f"{_ahead(arm)}, but the test has run its course and {missing}."


def _ahead(arm: ArmEvidence) -> str:
    return f"{arm.variant.name} is ahead of {arm.control.name}: {effect(arm.primary)}"


def guardrail_open(guardrail: MetricEvidence) -> str:
    if guardrail.bounds is None:
        return f"it is too early to say whether {guardrail.metric.name} suffered"
    return f"{effect(guardrail)}, which does not rule out harm"


def split_doubtful(state: SampleRatioState) -> str:
    if state is SampleRatioState.WARNING:
        return "it is doubtful whether the users are split as planned"
    return "there are too few users to see whether they are split as planned"


def runs_too_short(seen: Circumstances) -> str:
    return (
        f"it has run for {number(max(0.0, seen.days))} of at least "
        f"{number(seen.minimum_days).removesuffix('.0')} days"
    )


def no_difference(arm: ArmEvidence) -> str:
    return (
        f"{arm.variant.name} makes no difference that was planned to matter: "
        f"{effect(arm.primary)} than with {arm.control.name}."
    )


def ended_open(arm: ArmEvidence) -> str:
    return (
        "The test has run its course, and "
        f"{arm.variant.name} cannot be told from {arm.control.name}: {effect(arm.primary)}."
    )


def open_yet(arm: ArmEvidence) -> str:
    return f"{arm.variant.name} cannot be told from {arm.control.name} yet: {effect(arm.primary)}."


def too_early(arm: ArmEvidence) -> str:
    return f"It is too early to judge {arm.variant.name}: {_wanting(arm)}."


def ended_early(arm: ArmEvidence) -> str:
    return (
        f"The test has run its course before {arm.variant.name} could be judged: {_wanting(arm)}."
    )


def _wanting(arm: ArmEvidence) -> str:
    """What is missing before there can be bounds."""
    metric, both = arm.primary.metric, f"{arm.variant.name} and {arm.control.name}"
    be, notes = is_or_are(metric.name), arm.primary.notes
    if ResultNote.NOT_FOR_BANDITS in notes:
        return "the traffic follows the results, which a plain comparison does not allow for"
    if ResultNote.NO_USERS in notes:
        return f"users are needed in both {both}"
    if ResultNote.BASELINE_NOT_POSITIVE in notes:
        return f"{metric.name} {be} not above 0 in both {both}, so there are no percentages"
    if metric.aggregation is MetricAggregation.BINARY:
        return f"{metric.name} {_need(be)} 25 users with and 25 without one in both {both}"
    return f"{metric.name} {_need(be)} 100 users and less scatter in both {both}"


def _need(be: str) -> str:
    return "need" if be == "are" else "needs"


def shipped(best: Variant, decided: Sequence[ArmDecision]) -> str:
    reason = next(made.reason for made in decided if made.variant.id == best.id)
    rivals = [
        made.variant.name
        for made in decided
        if made.kind is DecisionKind.SHIP and made.variant.id != best.id
    ]
    return f"{reason} So {_do(rivals)} {listed(rivals)}, by less." if rivals else reason


def _do(names: Sequence[str]) -> str:
    return "does" if len(names) == 1 else "do"


def together(kind: DecisionKind, decided: Sequence[ArmDecision]) -> str:
    reasons = {made.reason: made.variant.name for made in decided if made.kind is kind}
    if not reasons:
        return "There is nothing to compare: it takes a control and another active variant."
    if len(reasons) == 1:
        return next(iter(reasons))
    names = listed(list(reasons.values()))
    return _TOGETHER[kind].format(names=names)


_TOGETHER = {
    DecisionKind.ROLL_BACK: "No variant is safe to keep: {names} do harm.",
    DecisionKind.INVESTIGATE: "The numbers of {names} cannot be trusted until they are explained.",
    DecisionKind.KEEP_RUNNING: "There is no winner yet: {names} need more users or time.",
    DecisionKind.INCONCLUSIVE: "There is no winner: {names} made no difference to act on.",
}
