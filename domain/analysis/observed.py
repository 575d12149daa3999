"""What the results of an experiment are computed from: its design and its running sums."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.analysis.clocks import Clocks
from domain.analysis.evidence import ArmDecision
from domain.analysis.fixed_look import FixedLook
from domain.analysis.sums import Sums
from domain.experiments import AllocationMode, Experiment, Phase
from domain.ids import NIL
from domain.metrics import (
    EffectScale,
    MetricAggregation,
    MetricDefinition,
    MetricDirection,
    MetricRole,
)
from domain.variants import Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSums:
    """With a metric: of the users of that variant and phase who have events of it. Without one:
    of all users assigned, their conversions (events, 0 or 1 a user) and the values of those."""

    variant_id: UUID
    phase: int
    metric_id: UUID | None
    sums: Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What earlier results have left behind comes back with the later ones: the `fixed` look,
    the `standing` decisions of the arms, whether the sample ratio has `alarmed` and nobody has
    acknowledged it, and the `clocks` of a bandit. `crossover` is the share of users seen in more
    than one arm; `planned_effect` the smallest one worth finding, on the scale of the primary
    metric."""

    experiment: Experiment
    variants: Sequence[Variant]
    definitions: Sequence[MetricDefinition]
    phases: Sequence[Phase]
    sums: Sequence[ArmSums]
    as_of: datetime
    revision: int
    fixed: FixedLook | None = None
    standing: Mapping[UUID, ArmDecision] = field(default_factory=dict)
    alarmed: bool = False
    clocks: Clocks = field(default_factory=dict)
    crossover: float = 0.0
    planned_effect: float | None = None

    @property
    def is_bandit(self) -> bool:
        return self.experiment.allocation is AllocationMode.THOMPSON

    @property
    def active(self) -> Sequence[Variant]:
        return [variant for variant in self.variants if variant.is_active]

    @property
    def control(self) -> Variant | None:
        return next((variant for variant in self.active if variant.is_control), None)

    @property
    def treatments(self) -> Sequence[Variant]:
        """Nothing is one without a control to compare it with."""
        control = self.control
        return [] if control is None else [each for each in self.active if each is not control]

    @property
    def metrics(self) -> Sequence[MetricDefinition]:
        return self.definitions or (conversion(self.experiment),)

    @property
    def primary(self) -> MetricDefinition:
        named = (metric for metric in self.metrics if metric.role is MetricRole.PRIMARY)
        return next(named, self.metrics[0])


def conversion(experiment: Experiment) -> MetricDefinition:
    """The metric of an experiment that defines none; its id is nobody's."""
    return MetricDefinition(
        id=NIL,
        experiment_id=experiment.id,
        position=0,
        name="conversion",
        event_type="conversion",
        aggregation=MetricAggregation.BINARY,
        role=MetricRole.PRIMARY,
        direction=MetricDirection.INCREASE,
        scale=EffectScale.RELATIVE,
        cap_low=None,
        cap_high=None,
        window_hours=None,
        non_inferiority_margin=None,
    )
