from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.ids import ProjectId
from domain.json_values import Json
from domain.paging import Nested, Ordering

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


class AssignmentStore(Nested[Assignment, AssignmentFilter], Protocol):
    async def of_user(
        self, project: ProjectId, experiment: UUID, user_id: str
    ) -> Assignment | None: ...

    async def add(self, project: ProjectId, assignments: Sequence[Assignment]) -> Collection[UUID]:
        """The ids of those that are new: whoever has an assignment in that experiment keeps it."""
        ...
