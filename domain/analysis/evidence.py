"""What a decision rests on: bounds that hold at every look, and the circumstances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from domain.analysis.margins import direction_sign, harm_bound
from domain.analysis.notes import ResultNote
from domain.analysis.sample_ratio import SampleRatioState
from domain.metrics import MetricDefinition
from domain.variants import Variant


class DecisionKind(StrEnum):
    KEEP_RUNNING = "keep_running"
    SHIP = "ship"
    ROLL_BACK = "roll_back"
    INCONCLUSIVE = "inconclusive"
    INVESTIGATE = "investigate"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmDecision:
    variant: Variant
    kind: DecisionKind
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Of an effect, on its own scale: a difference, or the logarithm of a ratio."""

    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricEvidence:
    """Without bounds as long as it is too early for them; the notes say why."""

    metric: MetricDefinition
    bounds: Bounds | None
    notes: Sequence[ResultNote] = ()

    @property
    def turned(self) -> Bounds | None:
        """So that more is better."""
        if self.bounds is None or direction_sign(self.metric.direction) > 0:
            return self.bounds
        return Bounds(lower=-self.bounds.upper, upper=-self.bounds.lower)

    @property
    def fails(self) -> bool:
        return self.turned is not None and self.turned.upper < self._bound

    @property
    def passes(self) -> bool:
        if self.turned is None:
            return False
        if self.metric.non_inferiority_margin is None:
            return not self.fails
        return self.turned.lower > self._bound

    @property
    def _bound(self) -> float:
        metric = self.metric
        return harm_bound(metric.scale, metric.direction, metric.non_inferiority_margin)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmEvidence:
    variant: Variant
    control: Variant
    primary: MetricEvidence
    guardrails: Sequence[MetricEvidence] = ()

    @property
    def lead(self) -> float:
        """How much better than control it is at least; nothing is known before the gate."""
        turned = self.primary.turned
        return float("-inf") if turned is None else turned.lower


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """`crossover`: the share of users seen in more than one arm. `planned_effect`: the smallest
    one worth finding, on the scale of the primary metric. `standing`: the first SHIP or
    ROLL_BACK of each arm, which later data do not revoke."""

    sample_ratio: SampleRatioState
    days: float
    horizon_is_over: bool = False
    minimum_days: float = 7.0
    crossover: float = 0.0
    planned_effect: float | None = None
    standing: Mapping[UUID, ArmDecision] = field(default_factory=dict)
