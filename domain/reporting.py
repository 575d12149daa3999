"""What trackers report of users: that they converted, and whatever else they did."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from domain.assigning import check_user
from domain.assignments import Assignment, ExperimentNotRunning
from domain.checks import Checks
from domain.errors import InvalidInput
from domain.experiments import ExperimentKey, ExperimentStatus
from domain.ids import new_id
from domain.json_values import Json
from domain.metrics import Metric, MetricDefinition
from domain.running import Running

CONVERSION = "conversion"
MAX_VALUE = 1e15
MAX_EVENT_ID = 256
MOST_AHEAD = timedelta(hours=24)

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_TAKE_REPORTS = frozenset(
    {ExperimentStatus.ACTIVE, ExperimentStatus.PAUSED, ExperimentStatus.COMPLETED}
)
ONE_CONVERSION = "\tconversion"  # no eventId of a caller may hold a tabulator


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertRequest:
    key: ExperimentKey
    user_id: str
    value: float = 1.0
    metadata: Json | None = None

    def check(self, now: datetime) -> None:
        checks = Checks()
        check_user(checks, self.key, self.user_id)
        checks.number(("value",), self.value, -MAX_VALUE, MAX_VALUE)
        checks.document(("metadata",), self.metadata)
        checks.done()

    def report(self, running: Running, now: datetime) -> "Report":
        return Report(
            id=new_id(),
            experiment_id=running.experiment.id,
            user_id=self.user_id,
            event_id=ONE_CONVERSION,
            event_type=CONVERSION,
            value=self.value,
            details={} if self.metadata is None else self.metadata,
            happened_at=now,
            arrived_at=now,
            session_context={},
            definitions=_fed(running, CONVERSION),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRequest:
    key: ExperimentKey
    user_id: str
    event_type: str
    value: float = 1.0
    data: Json | None = None
    timestamp: datetime | None = None
    source: str | None = None
    session_context: Json | None = None
    event_id: str | None = None

    def check(self, now: datetime) -> None:
        checks = Checks()
        check_user(checks, self.key, self.user_id)
        checks.name(("event_type",), self.event_type)
        checks.number(("value",), self.value, -MAX_VALUE, MAX_VALUE)
        checks.document(("data",), self.data)
        checks.document(("session_context",), self.session_context)
        checks.text(("source",), self.source, MAX_EVENT_ID)
        if self.event_id is not None:
            checks.name(("event_id",), self.event_id, MAX_EVENT_ID)
        _check_time(checks, self.timestamp, now)
        checks.done()

    def report(self, running: Running, now: datetime) -> "Report":
        happened_at = now if self.timestamp is None else self.timestamp
        _check_kept(running, happened_at)
        return Report(
            id=new_id(),
            experiment_id=running.experiment.id,
            user_id=self.user_id,
            event_id=self.event_id,
            event_type=self.event_type,
            value=self.value,
            details={} if self.data is None else self.data,
            happened_at=happened_at,
            arrived_at=now,
            source=self.source,
            session_context={} if self.session_context is None else self.session_context,
            definitions=_fed(running, self.event_type),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An event of a user of whom only the store knows which variant they have."""

    id: UUID
    experiment_id: UUID
    user_id: str
    event_id: str | None
    event_type: str
    value: float
    details: Json
    happened_at: datetime
    arrived_at: datetime
    definitions: Sequence[MetricDefinition]
    source: str | None = None
    session_context: Json

    @property
    def is_conversion(self) -> bool:
        return self.event_id == ONE_CONVERSION

    @property
    def user(self) -> tuple[UUID, str]:
        return self.experiment_id, self.user_id

    @property
    def event(self) -> tuple[UUID, str, str] | None:
        """What of several reports is one and the same event."""
        return None if self.event_id is None else (*self.user, self.event_id)

    def of(self, user: Assignment) -> Metric:
        return Metric(
            id=self.id,
            experiment_id=self.experiment_id,
            variant_id=user.variant_id,
            assignment_id=user.id,
            user_id=self.user_id,
            event_id=self.event_id,
            event_type=self.event_type,
            event_value=self.value,
            event_data=self.details,
            event_timestamp=self.happened_at,
            source=self.source,
            session_context=self.session_context,
            created_at=self.arrived_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What is stored by now; `is_new`: by this report."""

    metric: Metric
    assignment: Assignment
    is_new: bool


def require_reports(running: Running) -> None:
    """What users did with an experiment that is over is kept, too."""
    if running.experiment.status not in _TAKE_REPORTS:
        raise ExperimentNotRunning(running.experiment)


def _check_time(checks: Checks, timestamp: datetime | None, now: datetime) -> None:
    if timestamp is None:
        return
    if timestamp > now + MOST_AHEAD:
        checks.refuse(("timestamp",), "lies more than 24 hours ahead")
    elif timestamp < _EARLIEST:
        checks.refuse(("timestamp",), f"lies before {_EARLIEST:%Y-%m-%d}")


def _check_kept(running: Running, happened_at: datetime) -> None:
    """What was pruned is not known any more, and would count again."""
    pruned = running.experiment.events_pruned_before
    if pruned is not None and happened_at < pruned:
        message = f"lies before {pruned:%Y-%m-%d %H:%M}Z, up to where events have been pruned"
        raise InvalidInput(message, ("timestamp",))


def _fed(running: Running, event_type: str) -> Sequence[MetricDefinition]:
    return [each for each in running.definitions if each.event_type == event_type]
