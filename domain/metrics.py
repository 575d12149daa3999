from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.ids import ProjectId
from domain.json_values import Json
from domain.paging import Nested, Ordering

NEWEST_FIRST = Ordering("event_timestamp")


class MetricAggregation(StrEnum):
    BINARY = "binary"
    SUM = "sum"
    COUNT = "count"
    MEAN = "mean"


class MetricRole(StrEnum):
    PRIMARY = "primary"
    SECONDARY = "secondary"
    GUARDRAIL = "guardrail"


class MetricDirection(StrEnum):
    INCREASE = "increase"
    DECREASE = "decrease"


class EffectScale(StrEnum):
    RELATIVE = "relative"
    ABSOLUTE = "absolute"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDefinition:
    id: UUID
    experiment_id: UUID
    position: int
    name: str
    event_type: str
    aggregation: MetricAggregation
    role: MetricRole
    direction: MetricDirection
    scale: EffectScale
    cap_low: float | None
    cap_high: float | None
    window_hours: float | None
    non_inferiority_margin: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMetricDefinition:
    name: str
    event_type: str
    aggregation: MetricAggregation
    role: MetricRole = MetricRole.SECONDARY
    direction: MetricDirection = MetricDirection.INCREASE
    scale: EffectScale = EffectScale.RELATIVE
    cap_low: float | None = None
    cap_high: float | None = None
    window_hours: float | None = None
    non_inferiority_margin: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One event of one user, as a tracker reported it; of several with one `event_id` the first."""

    id: UUID
    experiment_id: UUID
    variant_id: UUID
    assignment_id: UUID
    user_id: str
    event_id: str | None
    event_type: str
    event_value: float
    event_data: Json
    event_timestamp: datetime
    source: str | None
    session_context: Json
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFilter:
    event_type: str | None = None
    source: str | None = None
    after: datetime | None = None
    before: datetime | None = None


class MetricStore(Nested[Metric, MetricFilter], Protocol):
    async def definitions_by_experiment(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Sequence[MetricDefinition]]: ...
