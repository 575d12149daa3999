"""What is kept of results, and stores of it in memory."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

import pytest
from anyio.lowlevel import checkpoint

from domain.analysis.observed import ArmSums
from domain.analysis.sums import Sums
from domain.errors import BadRequest, Unavailable
from domain.experiments import RUNNING
from domain.ids import ProjectId
from domain.snapshots import END_OF_TIME, Period, Snapshot, arm_sums, packed, spread, unpacked
from domain.sums import OWN, RunningSums
from tests.factories import NOON
from tests.fakes import Memory

LONG = Decimal("123456789012345678901234567890.123456789012")
ARM, METRIC = UUID(int=1), UUID(int=2)
WHOLE = Sums(
    users=2**53,
    total=LONG,
    squares=LONG * 10,
    events=Decimal(2**60),
    event_squares=Decimal(2**70),
    cross=-LONG,
)


class FakeSnapshots:
    def __init__(self) -> None:
        self.held: list[Snapshot] = []

    async def latest(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Snapshot]:
        await checkpoint()
        return {one.experiment_id: one for one in self.held if one.experiment_id in experiments}

    async def at(self, project: ProjectId, experiment: UUID, moment: datetime) -> Snapshot | None:
        await checkpoint()
        taken = [one for one in self.held if one.taken_at <= moment]
        return next((one for one in reversed(taken) if one.experiment_id == experiment), None)

    async def between(self, project: ProjectId, experiment: UUID, period: Period) -> list[Snapshot]:
        await checkpoint()
        return [one for one in self.held if period.start <= one.taken_at <= period.end]

    async def add(self, snapshot: Snapshot) -> bool:
        await checkpoint()
        if snapshot.number in [one.number for one in self.held]:
            return False
        self.held.append(snapshot)
        return True


class FakeSums:
    """`looks`: how often it was asked."""

    def __init__(self) -> None:
        self.rows: dict[UUID, list[RunningSums]] = {}
        self.looks = 0
        self.is_down = False

    async def by_experiments(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Sequence[RunningSums]]:
        await checkpoint()
        self.looks += 1
        if self.is_down:
            raise Unavailable
        return {one: self.rows[one] for one in experiments if one in self.rows}


class FakeRunning:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def running(self) -> Mapping[UUID, ProjectId]:
        await checkpoint()
        known = self._memory.experiments.values()
        return {one.id: one.project_id for one in known if one.status in RUNNING}


@pytest.mark.parametrize("metric", [METRIC, None])
def test_what_is_packed_comes_back_from_json_to_the_last_digit(metric: UUID | None) -> None:
    rows = [
        ArmSums(variant_id=ARM, phase=3, metric_id=metric, sums=WHOLE),
        ArmSums(variant_id=METRIC, phase=1, metric_id=metric, sums=Sums(users=0)),
    ]

    held = json.loads(json.dumps(packed(rows)))

    assert unpacked(held) == rows
    assert str(unpacked(held)[0].sums.total) == "123456789012345678901234567890.123456789012"


def test_the_metric_of_an_experiments_own_users_is_written_as_an_id() -> None:
    row = ArmSums(variant_id=ARM, phase=1, metric_id=None, sums=Sums(users=5))

    assert packed([row]) == [[str(ARM), str(OWN), 1, 5, "0", "0", "0", "0", "0"]]


def test_a_running_sum_is_handed_on_without_its_stripe() -> None:
    row = RunningSums(
        experiment_id=METRIC,
        variant_id=ARM,
        metric_id=OWN,
        phase=2,
        stripe=7,
        users=3,
        total=LONG,
        squares=LONG * 2,
        events=4,
        event_squares=6,
        cross_products=LONG * 3,
        capped=1,
    )

    handed = arm_sums(row)

    assert (handed.variant_id, handed.phase, handed.metric_id) == (ARM, 2, None)
    assert handed.sums == Sums(
        users=3,
        total=LONG,
        squares=LONG * 2,
        events=Decimal(4),
        event_squares=Decimal(6),
        cross=LONG * 3,
    )


@pytest.mark.parametrize(
    ("count", "points", "chosen"),
    [
        (0, 1, []),
        (1, 1, [0]),
        (9, 1, [8]),
        (9, 2, [0, 8]),
        (9, 3, [0, 4, 8]),
        (9, 5, [0, 2, 4, 6, 8]),
        (9, 9, list(range(9))),
        (9, 500, list(range(9))),
    ],
    ids=str,
)
def test_points_are_spread_evenly(count: int, points: int, chosen: list[int]) -> None:
    assert spread(range(count), points) == chosen


def test_points_are_as_many_as_were_asked_for_and_each_is_another() -> None:
    for count in range(2, 60):
        for points in range(2, count):
            chosen = spread(range(count), points)

            assert (len(chosen), chosen[0], chosen[-1]) == (points, 0, count - 1)
            assert all(one < other for one, other in pairwise(chosen))
    assert len(set(spread(range(501), 500))) == 500


@pytest.mark.parametrize("points", [1, 2, 500])
def test_a_period_is_shown_by_1_to_500_points(points: int) -> None:
    assert Period(start=NOON, end=END_OF_TIME, points=points).points == points


@pytest.mark.parametrize("points", [-1, 0, 501, 2**31 - 1])
def test_fewer_or_more_points_are_refused(points: int) -> None:
    with pytest.raises(BadRequest) as refusal:
        Period(start=NOON, end=END_OF_TIME, points=points)

    assert str(refusal.value) == f"points is {points}: it must be from 1 to 500"
