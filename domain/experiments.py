from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.audit import Deed
from domain.changes import UNSET, Unset
from domain.errors import NotFound
from domain.ids import ProjectId
from domain.json_values import Json
from domain.metrics import MetricDefinition
from domain.paging import Ordering, Page, Window
from domain.variants import Variant, VariantChanges


class ExperimentStatus(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    ARCHIVED = "archived"


RUNNING = frozenset({ExperimentStatus.ACTIVE, ExperimentStatus.PAUSED})


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
    events_pruned_before: datetime | None
    created_by: UUID | None
    started_at: datetime | None
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """While it lasts, weights and traffic stay as they are; their change opens the next one.
    `plug_ins`: what each metric's mean was expected to be in each variant, by the phases before;
    only a bandit opens phases with such."""

    experiment_id: UUID
    number: int
    weights: Json
    traffic_allocation: float
    plug_ins: Json
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentKey:
    """By id or, where that is None, by name."""

    id: UUID | None = None
    name: str | None = None

    def missing(self) -> NotFound:
        said = self.name if self.id is None else self.id
        return NotFound(f"there is no experiment {said!s}", ("experiment",))


class ExperimentOrderField(StrEnum):
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    STARTED_AT = "started_at"
    NAME = "name"


NEWEST_FIRST = Ordering(ExperimentOrderField.CREATED_AT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentFilter:
    """Archived ones are left out unless `status` asks for them."""

    status: frozenset[ExperimentStatus] | None = None
    target_bot: str | None = None
    created_by: UUID | None = None
    search: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentChanges:
    name: str | Unset = UNSET
    description: str | Unset | None = UNSET
    hypothesis: str | Unset | None = UNSET
    target_bot: str | Unset | None = UNSET
    target_url: str | Unset | None = UNSET
    metric_type: str | Unset = UNSET
    minimum_sample_size: int | Unset = UNSET
    traffic_allocation: float | Unset = UNSET
    metadata: Json | Unset = UNSET
    hash_seed: str | Unset = UNSET
    default_traffic_split: Json | Unset = UNSET
    status: ExperimentStatus | Unset = UNSET
    phase: int | Unset = UNSET
    winner_variant: str | Unset | None = UNSET
    statistical_significance: float | Unset | None = UNSET
    started_at: datetime | Unset = UNSET
    completed_at: datetime | Unset = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """All that one decision changes in an experiment and what belongs to it."""

    changes: ExperimentChanges = field(default_factory=ExperimentChanges)
    added: list[Variant] = field(default_factory=list)
    changed: Mapping[UUID, VariantChanges] = field(default_factory=dict)
    removed: frozenset[UUID] = frozenset()
    definitions: Sequence[MetricDefinition] | Unset = UNSET
    phase: Phase | None = None

    @property
    def is_empty(self) -> bool:
        return self == Edit()


class ExperimentStore(Protocol):
    async def by_ids(
        self, project: ProjectId, ids: Collection[UUID]
    ) -> Mapping[UUID, Experiment]: ...

    async def by_names(
        self, project: ProjectId, names: Collection[str]
    ) -> Mapping[str, Experiment]: ...

    async def page(
        self, project: ProjectId, window: Window, filter: ExperimentFilter
    ) -> Page[Experiment]: ...

    async def count(self, project: ProjectId, filter: ExperimentFilter) -> int: ...

    async def count_by_status(self, project: ProjectId) -> Mapping[ExperimentStatus, int]: ...

    async def active(self, project: ProjectId) -> Sequence[Experiment]:
        """By name."""
        ...

    async def phases_by_experiment(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Sequence[Phase]]: ...

    async def create(
        self,
        project: ProjectId,
        experiment: Experiment,
        variants: Sequence[Variant],
        definitions: Sequence[MetricDefinition],
        deed: Deed,
    ) -> None:
        """All of it or nothing; raises NameTaken and PlanLimitReached."""
        ...

    async def save(
        self, project: ProjectId, seen: Experiment, edit: Edit, deed: Deed
    ) -> Experiment | None:
        """Whole, as the next version of what was seen; None, and nothing is written, where
        somebody was faster."""
        ...

    async def delete(self, project: ProjectId, seen: Experiment, deed: Deed) -> bool:
        """With all that hangs on it; False where somebody was faster."""
        ...


class KeyedExperiments(Protocol):
    async def by_ids(
        self, project: ProjectId, ids: Collection[UUID]
    ) -> Mapping[UUID, Experiment]: ...

    async def by_names(
        self, project: ProjectId, names: Collection[str]
    ) -> Mapping[str, Experiment]: ...


async def found(store: KeyedExperiments, project: ProjectId, key: ExperimentKey) -> Experiment:
    """Raises NotFound."""
    known: Collection[Experiment] = ()
    if key.id is not None:
        known = (await store.by_ids(project, [key.id])).values()
    elif key.name is not None:
        known = (await store.by_names(project, [key.name])).values()
    for experiment in known:
        return experiment
    raise key.missing()
