from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.errors import DomainError, ErrorCode
from domain.experiments import Experiment
from domain.ids import ProjectId
from domain.json_values import Json
from domain.paging import Nested, Ordering
from domain.variants import Variant

NEWEST_FIRST = Ordering("assigned_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    id: UUID
    experiment_id: UUID
    variant_id: UUID
    user_id: str
    phase: int
    session_id: str | None
    assigned_at: datetime
    bucket_value: float
    propensity: float
    has_converted: bool
    converted_at: datetime | None
    conversion_value: float | None
    context: Json
    metadata: Json


class AssignmentReason(StrEnum):
    NEW = "new"
    STICKY = "sticky"
    FORCED = "forced"
    NOT_IN_TRAFFIC = "not_in_traffic"
    NOT_RUNNING = "not_running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """What a user gets, and why."""

    reason: AssignmentReason
    variant: Variant | None = None
    assignment: Assignment | None = None


class NotAssigned(DomainError):
    code = ErrorCode.NOT_ASSIGNED

    def __init__(self) -> None:
        super().__init__("this user has no assignment in that experiment", ("user_id",))


class ExperimentNotRunning(DomainError):
    code = ErrorCode.EXPERIMENT_NOT_RUNNING

    def __init__(self, experiment: Experiment) -> None:
        super().__init__(
            f"{experiment.name} is {experiment.status.name}: nothing is reported to it",
            ("experiment",),
        )


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
