from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.ids import ProjectId
from domain.json_values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    id: UUID
    experiment_id: UUID
    name: str
    label: str | None
    description: str | None
    response_template: str | None
    system_prompt: str | None
    config_overrides: Json
    content: Json
    traffic_weight: float
    is_control: bool
    is_active: bool
    position: int
    impressions: int
    conversions: int
    conversion_rate: float
    total_value: float
    confidence_interval_lower: float | None
    confidence_interval_upper: float | None
    created_at: datetime
    updated_at: datetime


class VariantStore(Protocol):
    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Variant]: ...

    async def by_experiment(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Sequence[Variant]]:
        """Active ones and others, by position."""
        ...
