from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.ids import ProjectId
from domain.json_values import Json
from domain.paging import Ordering


class ExperimentStatus(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    ARCHIVED = "archived"


class AllocationMode(StrEnum):
    FIXED = "fixed"
    THOMPSON = "thompson"


class Correction(StrEnum):
    HOLM = "holm"
    BENJAMINI_HOCHBERG = "benjamini_hochberg"
    BONFERRONI = "bonferroni"
    NONE = "none"


class HashAlgorithm(StrEnum):
    GROWTHBOOK_V2 = "growthbook_v2"
    GROWTHBOOK_V1 = "growthbook_v1"
    POSTHOG = "posthog"
    PLANOUT = "planout"
    OPTIMIZELY = "optimizely"
    UNLEASH = "unleash"
    EPPO = "eppo"
    STATSIG = "statsig"


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    id: UUID
    project_id: ProjectId
    name: str
    description: str | None
    hypothesis: str | None
    target_bot: str | None
    target_url: str | None
    metric_type: str
    minimum_sample_size: int
    alpha: float
    power: float
    correction: Correction
    status: ExperimentStatus
    allocation: AllocationMode
    hash_algorithm: HashAlgorithm
    hash_seed: str
    traffic_allocation: float
    default_traffic_split: Json
    metadata: Json
    winner_variant: str | None
    statistical_significance: float | None
    phase: int
    created_by: UUID | None
    started_at: datetime | None
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """While it lasts, weights and traffic stay as they are; their change opens the next one."""

    experiment_id: UUID
    number: int
    weights: Json
    traffic_allocation: float
    opened_at: datetime


class ExperimentOrderField(StrEnum):
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    STARTED_AT = "started_at"
    NAME = "name"


NEWEST_FIRST = Ordering(ExperimentOrderField.CREATED_AT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentFilter:
    status: frozenset[ExperimentStatus] | None = None
    target_bot: str | None = None
    created_by: UUID | None = None
    search: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
