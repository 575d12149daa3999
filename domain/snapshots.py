"""Results over time: what the sums were, and what had been found for good, at some moments."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from domain.analysis.observed import ArmSums
from domain.analysis.sums import Sums
from domain.errors import BadRequest
from domain.experiments import ExperimentStatus
from domain.ids import ProjectId
from domain.sums import OWN, RunningSums

END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)
MOST_POINTS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """`active` are the variants that were, by id. `fixed`, `standing` and `alarmed` are handed on
    from each to the next: the planned look, decisions that stand, and an alarm of the sample
    ratio; so are the `clocks` of a bandit's comparisons, once they have begun. One that `is_kept`
    is never thinned out."""

    experiment_id: UUID
    number: int
    taken_at: datetime
    revision: int
    status: ExperimentStatus
    active: list[Any]
    sums: list[Any]
    fixed: dict[str, Any] | None
    standing: dict[str, Any]
    alarmed: bool
    clocks: dict[str, Any]
    is_kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Where it holds more than `points`, as many as that stand for it, the first and the last
    among them."""

    start: datetime
    end: datetime
    points: int

    def __post_init__(self) -> None:
        if not 1 <= self.points <= MOST_POINTS:
            raise BadRequest(f"points is {self.points}: it must be from 1 to {MOST_POINTS}")


def spread(numbers: Sequence[int], points: int) -> list[int]:
    """As many as `points` of them, evenly, the last always and the first if there is room."""
    if len(numbers) <= points:
        return list(numbers)
    if points == 1:
        return [numbers[-1]]
    step = (len(numbers) - 1) / (points - 1)
    return [numbers[round(place * step)] for place in range(points)]


class SnapshotStore(Protocol):
    async def latest(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Snapshot]: ...

    async def at(self, project: ProjectId, experiment: UUID, moment: datetime) -> Snapshot | None:
        """The last one that was taken by then."""
        ...

    async def between(
        self, project: ProjectId, experiment: UUID, period: Period
    ) -> Sequence[Snapshot]:
        """The oldest first."""
        ...

    async def add(self, snapshot: Snapshot) -> bool:
        """False where another one has that number already."""
        ...


class RunningStore(Protocol):
    async def running(self) -> Mapping[UUID, ProjectId]:
        """All that run, with their projects."""
        ...


class SumsStore(Protocol):
    async def by_experiments(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Sequence[RunningSums]]:
        """All stripes added up."""
        ...


def arm_sums(row: RunningSums) -> ArmSums:
    return ArmSums(
        variant_id=row.variant_id,
        phase=row.phase,
        metric_id=None if row.metric_id == OWN else row.metric_id,
        sums=Sums(
            users=row.users,
            total=row.total,
            squares=row.squares,
            events=Decimal(row.events),
            event_squares=Decimal(row.event_squares),
            cross=row.cross_products,
        ),
    )


def packed(rows: Iterable[ArmSums]) -> list[Any]:
    """As JSON that loses no digit."""
    return [
        [
            *(str(row.variant_id), str(row.metric_id or OWN), row.phase, row.sums.users),
            *(str(row.sums.total), str(row.sums.squares), str(row.sums.events)),
            *(str(row.sums.event_squares), str(row.sums.cross)),
        ]
        for row in rows
    ]


def unpacked(rows: Iterable[Any]) -> list[ArmSums]:
    return [_unpacked(*row) for row in rows]


def _unpacked(variant: str, metric: str, phase: int, users: int, *sums: str) -> ArmSums:
    total, squares, events, event_squares, cross = map(Decimal, sums)
    return ArmSums(
        variant_id=UUID(variant),
        phase=phase,
        metric_id=None if UUID(metric) == OWN else UUID(metric),
        sums=Sums(
            users=users,
            total=total,
            squares=squares,
            events=events,
            event_squares=event_squares,
            cross=cross,
        ),
    )
