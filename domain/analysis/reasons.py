"""Why, in sentences for those who run the product."""

from collections.abc import Sequence

from domain.analysis.comparison import MIN_CONVERSIONS, MIN_USERS
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
from domain.metrics import EffectScale, MetricAggregation, MetricDefinition
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
    return (
        f"{arm.variant.name} is ahead of {arm.control.name}: {effect(arm.primary)}, but {missing}."
    )


def ended_leading(arm: ArmEvidence, missing: str) -> str:
    return (
        f"The test has run its course with {arm.variant.name} ahead of {arm.control.name}: "
        f"{effect(arm.primary)}, but {missing}."
    )


def guardrail_open(guardrail: MetricEvidence) -> str:
    if ResultNote.NOT_FOR_BANDITS in guardrail.notes:
        return f"while the traffic follows the results, {guardrail.metric.name} cannot be judged"
    if guardrail.bounds is None:
        return f"it is too early to say whether {guardrail.metric.name} got worse"
    return f"{effect(guardrail)}, which does not rule out harm"


def split_doubtful(state: SampleRatioState) -> str:
    if state is SampleRatioState.WARNING:
        return "it is doubtful whether the users are split as planned"
    return "there are too few users to see whether they are split as planned"


def runs_too_short(seen: Circumstances) -> str:
    return f"it has run for {_days(seen.days)}, and needs at least {seen.minimum_days:g} days"


def _days(days: float) -> str:
    """No more than have passed."""
    if days < 1.0:
        return "less than a day"
    return "1 day" if days < 2.0 else f"{int(days)} days"


def no_difference(arm: ArmEvidence) -> str:
    return (
        f"{arm.variant.name} makes no difference as large as the test was planned to find: "
        f"{effect(arm.primary)} than with {arm.control.name}."
    )


def ended_open(arm: ArmEvidence) -> str:
    return (
        "The test has run its course, and "
        f"{arm.variant.name} cannot be told apart from {arm.control.name}: {effect(arm.primary)}."
    )


def open_yet(arm: ArmEvidence) -> str:
    return (
        f"{arm.variant.name} cannot be told apart from {arm.control.name} yet: "
        f"{effect(arm.primary)}."
    )


def too_early(arm: ArmEvidence) -> str:
    if ResultNote.NOT_FOR_BANDITS in arm.primary.notes:
        return _not_for_bandits(arm)
    return f"It is too early to judge {arm.variant.name}: {_wanting(arm)}."


def ended_early(arm: ArmEvidence) -> str:
    if ResultNote.NOT_FOR_BANDITS in arm.primary.notes:
        return _not_for_bandits(arm)
    return f"The test ran its course before {arm.variant.name} could be judged: {_wanting(arm)}."


def _not_for_bandits(arm: ArmEvidence) -> str:
    return (
        f"{arm.variant.name} is not judged against {arm.control.name}: the traffic follows the "
        "results, which would distort the comparison of a mean per event."
    )


def _wanting(arm: ArmEvidence) -> str:
    """What is missing before there can be bounds."""
    metric, notes = arm.primary.metric, arm.primary.notes
    name, both = metric.name, f"{arm.variant.name} and {arm.control.name}"
    be = is_or_are(name)
    if ResultNote.NO_USERS in notes:
        return f"users are needed in both {both}"
    if ResultNote.BASELINE_NOT_POSITIVE in notes:
        have = "have" if be == "are" else "has"
        return f"{name} {have} to be above 0 on average in both {both} to be compared in per cent"
    if ResultNote.ZERO_VARIANCE in notes:
        return f"{name} {be} the same for every user of {both}"
    return f"{both} each need at least {_enough(metric)}"


def _enough(metric: MetricDefinition) -> str:
    name, is_relative = metric.name, metric.scale is EffectScale.RELATIVE
    if metric.aggregation is MetricAggregation.BINARY:
        some = MIN_CONVERSIONS
        users = f"{some} users" if is_relative else f"{MIN_USERS} users, with {some}"
        return f"{users} who count towards {name} and {some} who do not"
    vary = "vary" if is_or_are(name) == "are" else "varies"
    more = f", and more if {name} {vary} widely from user to user" if is_relative else ""
    return f"{MIN_USERS} users{more}"


def shipped(best: Variant, decided: Sequence[ArmDecision]) -> str:
    reason = next(made.reason for made in decided if made.variant.id == best.id)
    rivals = [
        made.variant.name
        for made in decided
        if made.kind is DecisionKind.SHIP and made.variant.id != best.id
    ]
    if not rivals:
        return reason
    win, its = ("wins", "its") if len(rivals) == 1 else ("win", "their")
    return f"{reason} {listed(rivals)} {win} too, but less of {its} gain is certain."


def together(kind: DecisionKind, decided: Sequence[ArmDecision]) -> str:
    reasons = {made.reason: made.variant.name for made in decided if made.kind is kind}
    if not reasons:
        return "There is nothing to compare: it takes a control and another active variant."
    if len(reasons) == 1:
        return next(iter(reasons))
    names = listed(list(reasons.values()))
    return _TOGETHER[kind].format(names=names)


_TOGETHER = {
    DecisionKind.ROLL_BACK: "None of the new variants is safe to keep: {names} do harm.",
    DecisionKind.INVESTIGATE: "The numbers of {names} cannot be trusted until they are explained.",
    DecisionKind.KEEP_RUNNING: "There is no winner yet: {names} need more users or time.",
    DecisionKind.INCONCLUSIVE: "There is no winner: what {names} showed is not enough to act on.",
}
