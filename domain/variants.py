from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.changes import UNSET, Unset
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
    algorithm_state: bytes | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVariant:
    """A weight left open is a share of what the others leave over."""

    name: str
    label: str | None = None
    description: str | None = None
    response_template: str | None = None
    system_prompt: str | None = None
    config_overrides: Json | None = None
    content: Json | None = None
    traffic_weight: float | None = None
    is_control: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantChanges:
    name: str | Unset = UNSET
    label: str | Unset | None = UNSET
    description: str | Unset | None = UNSET
    response_template: str | Unset | None = UNSET
    system_prompt: str | Unset | None = UNSET
    config_overrides: Json | Unset = UNSET
    content: Json | Unset = UNSET
    traffic_weight: float | Unset = UNSET
    is_control: bool | Unset = UNSET
    is_active: bool | Unset = UNSET
    position: int | Unset = UNSET
    algorithm_state: bytes | Unset = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What the users of a variant did, by the running sums."""

    variant_id: UUID
    users: int = 0
    conversions: int = 0
    value: float = 0.0

    @property
    def rate(self) -> float:
        return self.conversions / self.users if self.users else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Of a variant: by the running sums while its experiment runs, else what itself says."""

    variant_id: UUID
    is_control: bool
    users: int
    conversions: int
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Of a variant, for people who read with SQL; frozen when its experiment is over."""

    impressions: int
    conversions: int
    conversion_rate: float
    total_value: float
    confidence_interval_lower: float | None
    confidence_interval_upper: float | None


class TallyStore(Protocol):
    async def by_variants(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Tally]:
        """Of those whose experiment runs; of others the variant itself says what is left."""
        ...

    async def standings(
        self, project: ProjectId, ids: Collection[UUID]
    ) -> Mapping[UUID, Standing]: ...


class VariantStore(Protocol):
    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Variant]: ...

    async def by_experiment(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Sequence[Variant]]:
        """Active ones and others, by position."""
        ...
