"""What a decision is taken on, for its tests."""

import math
from typing import Any

from domain.analysis.decision import decide
from domain.analysis.evidence import (
    ArmEvidence,
    Bounds,
    Circumstances,
    DecisionKind,
    MetricEvidence,
)
from domain.analysis.notes import ResultNote
from domain.analysis.sample_ratio import SampleRatioState
from domain.metrics import (
    MetricAggregation,
    MetricDefinition,
    MetricDirection,
    MetricRole,
)
from domain.variants import Variant
from tests.factories import make_metric_definition, make_variant

CONTROL = make_variant(name="control", is_control=True)
CLEAR = make_variant(name="clear")
BOLD = make_variant(name="bold")
CLICKS = make_metric_definition(name="clicks")
ERRORS = make_metric_definition(
    name="errors", role=MetricRole.GUARDRAIL, direction=MetricDirection.DECREASE
)
REVENUE = make_metric_definition(
    name="revenue",
    role=MetricRole.GUARDRAIL,
    aggregation=MetricAggregation.SUM,
    non_inferiority_margin=0.05,
)


def lifts(lower: float, upper: float) -> Bounds:
    return Bounds(lower=math.log1p(lower), upper=math.log1p(upper))


WINS, LOSES, OPEN = lifts(0.042, 0.198), lifts(-0.198, -0.042), lifts(-0.021, 0.032)


def evidence(metric: MetricDefinition, bounds: Bounds | None, *notes: ResultNote) -> MetricEvidence:
    return MetricEvidence(metric=metric, bounds=bounds, notes=notes)


def arm(
    bounds: Bounds | None, *guardrails: MetricEvidence, variant: Variant = CLEAR
) -> ArmEvidence:
    primary = evidence(CLICKS, bounds)
    return ArmEvidence(variant=variant, control=CONTROL, primary=primary, guardrails=guardrails)


def seen(**changes: Any) -> Circumstances:
    usual: dict[str, Any] = {"sample_ratio": SampleRatioState.OK, "days": 14.0}
    return Circumstances(**(usual | changes))


def decided(one: ArmEvidence, **changes: Any) -> tuple[DecisionKind, str]:
    made = decide([one], seen(**changes)).arms[0]
    return made.kind, made.reason


def kind(one: ArmEvidence, **changes: Any) -> DecisionKind:
    return decided(one, **changes)[0]
