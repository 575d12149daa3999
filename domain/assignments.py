from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.ids import ProjectId
from domain.json_values import Json
from domain.paging import Ordering, Owner, Page, Window

NEWEST_FIRST = Ordering("assigned_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    id: UUID
    experiment_id: UUID
    variant_id: UUID
    user_id: str
    session_id: str | None
    assigned_at: datetime
    bucket_value: float
    propensity: float
    has_converted: bool
    converted_at: datetime | None
    conversion_value: float | None
    context: Json
    metadata: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentFilter:
    user_id: str | None = None
    has_converted: bool | None = None
    assigned_after: datetime | None = None
    assigned_before: datetime | None = None


class AssignmentStore(Protocol):
    async def by_ids(
        self, project: ProjectId, ids: Collection[UUID]
    ) -> Mapping[UUID, Assignment]: ...

    async def pages(
        self,
        project: ProjectId,
        owner: Owner,
        owners: Collection[UUID],
        window: Window,
        filter: AssignmentFilter,
    ) -> Mapping[UUID, Page[Assignment]]:
        """A page for each owner, all in one statement."""
        ...

    async def counts(
        self,
        project: ProjectId,
        owner: Owner,
        owners: Collection[UUID],
        filter: AssignmentFilter,
    ) -> Mapping[UUID, int]: ...

    async def of_user(
        self, project: ProjectId, experiment: UUID, user_id: str
    ) -> Assignment | None: ...

    async def add(self, project: ProjectId, assignments: Sequence[Assignment]) -> Collection[UUID]:
        """The ids of those that are new: whoever has an assignment in that experiment keeps it."""
        ...
