"""What an experiment shows; what cannot be computed is None, and notes say why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.analysis.decision import Decision
from domain.analysis.intervals import Interval
from domain.analysis.notes import ResultNote
from domain.analysis.sample_ratio import SampleRatio
from domain.experiments import Experiment
from domain.metrics import MetricDefinition
from domain.variants import Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    interval: Interval
    p_value: float
    adjusted_p_value: float
    significant: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """RELATIVE: the change as a share of control; ABSOLUTE: the difference."""

    estimate: float | None
    anytime: Inference | None
    fixed: Inference | None
    credible: Interval | None
    notes: Sequence[ResultNote]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The expected loss is a share of control where a normal posterior is compared RELATIVE, else
    in units of the metric."""

    variant: Variant
    control: Variant
    absolute: Effect
    relative: Effect
    chance_to_beat_control: float | None
    expected_loss: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantResult:
    """`conversions`: users with events of the metric. The expected loss is in units of the
    metric."""

    variant: Variant
    users: int
    conversions: int
    total: float
    mean: float | None
    standard_deviation: float | None
    interval: Interval | None
    probability_best: float | None
    expected_loss: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricResults:
    metric: MetricDefinition
    variants: Sequence[VariantResult]
    comparisons: Sequence[Comparison]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentResults:
    experiment: Experiment
    as_of: datetime
    revision: int
    total_assignments: int
    total_conversions: int
    conversion_rate: float
    progress: float
    sample_ratio: SampleRatio
    metrics: Sequence[MetricResults]
    decision: Decision
