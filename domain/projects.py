from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.audit import Deed
from domain.errors import DomainError, ErrorCode
from domain.ids import ProjectId


class Plan(StrEnum):
    FREE = "free"
    PRO = "pro"
    UNLIMITED = "unlimited"

    @property
    def experiment_limit(self) -> int | None:
        return {Plan.FREE: 3, Plan.PRO: 50, Plan.UNLIMITED: None}[self]


class PlanLimitReached(DomainError):
    code = ErrorCode.PLAN_LIMIT

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"the plan allows {limit} experiments that are not archived: archive one, or upgrade"
        )
        self.limit = limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    id: ProjectId
    name: str
    plan: Plan
    created_at: datetime


class ProjectStore(Protocol):
    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Project]:
        """The caller's own; others do not exist."""
        ...

    async def experiment_counts(
        self, project: ProjectId, ids: Collection[UUID]
    ) -> Mapping[UUID, int]:
        """Those that count for the plan."""
        ...

    async def all(self) -> Sequence[Project]:
        """For the command line alone."""
        ...

    async def create(self, project: Project, deed: Deed) -> None: ...

    async def set_plan(self, project: ProjectId, plan: Plan, deed: Deed) -> Project | None: ...
