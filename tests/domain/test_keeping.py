"""When results are kept. The clock is set by hand; the stores are in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from anyio.lowlevel import checkpoint

from domain.errors import Unavailable
from domain.experiments import Experiment, ExperimentStatus
from domain.ids import ProjectId
from domain.keeping import Keeper
from domain.metrics import MetricDefinition
from domain.results import Designs, Results
from domain.sums import OWN, RunningSums
from tests.domain.stored import arm, stored
from tests.domain.test_snapshots import FakeRunning, FakeSnapshots, FakeSums
from tests.factories import NOON, make_metric_definition, make_phase
from tests.fakes import FakeExperiments, FakeVariants, Memory

Arms = tuple[tuple[int, int], tuple[int, int]]
LEVEL: Arms = (40, 400), (41, 400)
WINS: Arms = (40, 400), (120, 400)
LOSES: Arms = (120, 400), (40, 400)
UNEVEN: Arms = (40, 600), (40, 300)


class FakeDefinitions:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def definitions_by_experiment(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Sequence[MetricDefinition]]:
        await checkpoint()
        return {one: self._memory.definitions.get(one, ()) for one in experiments}


class Server:
    def __init__(self) -> None:
        self.now = NOON
        self.memory, self.sums, self.snapshots = Memory(), FakeSums(), FakeSnapshots()
        designs = Designs(
            experiments=FakeExperiments(self.memory),
            variants=FakeVariants(self.memory),
            metrics=FakeDefinitions(self.memory),
        )
        self.results = Results(designs, self.sums, self.snapshots, lambda: self.now)
        self.keeper = Keeper(
            self.results, FakeRunning(self.memory), self.snapshots, lambda: self.now, pause=0
        )

    def started(self, days: float = 8, **changes: Any) -> Experiment:
        given = {"status": ExperimentStatus.ACTIVE, "started_at": NOON - timedelta(days=days)}
        experiment = stored(self.memory, **(given | {"phase": 1} | changes))
        weights = {"a": 0.5, "b": 0.5}
        self.memory.phases[experiment.id] = [make_phase(weights=weights, opened_at=NOON)]
        return experiment

    def sees(self, experiment: Experiment, arms: Arms) -> None:
        """From now on; each arm as those that converted, of all its users."""
        self.sums.rows[experiment.id] = [
            RunningSums(
                experiment_id=experiment.id,
                variant_id=arm(self.memory, experiment, name).id,
                metric_id=OWN,
                phase=1,
                stripe=0,
                users=users,
                events=converted,
                changes=users,
            )
            for name, (converted, users) in zip("ab", arms, strict=True)
        ]

    async def keeps(self, after: float = 0, noticed: Sequence[Experiment] = ()) -> list[int]:
        """The numbers of what is kept by then, so many minutes later."""
        self.now += timedelta(minutes=after)
        self.keeper.notice([one.id for one in noticed])
        await self.keeper.keep()
        return [one.number for one in self.snapshots.held]


@pytest.fixture
def server() -> Server:
    return Server()


async def test_the_first_look_is_kept_for_good(server: Server) -> None:
    experiment = server.started(days=1)
    server.sees(experiment, LEVEL)

    assert await server.keeps(noticed=[experiment]) == [1]

    [held] = server.snapshots.held
    assert (held.experiment_id, held.taken_at, held.is_kept) == (experiment.id, NOON, True)
    assert held.revision == experiment.version + 800
    assert (held.fixed, held.standing, held.alarmed) == (None, {}, False)


async def test_while_data_arrives_it_is_kept_every_fifteen_minutes(server: Server) -> None:
    experiment = server.started(days=1)
    kept = []
    for minute in range(32):
        server.sees(experiment, ((40, 400 + minute), (41, 400)))
        kept.append(len(await server.keeps(after=minute > 0, noticed=[experiment])))

    assert kept == [1] * 15 + [2] * 15 + [3] * 2
    assert [one.is_kept for one in server.snapshots.held] == [True, False, False]


async def test_what_has_not_moved_is_not_kept_again(server: Server) -> None:
    experiment = server.started(days=1)
    server.sees(experiment, LEVEL)
    await server.keeps(noticed=[experiment])

    assert await server.keeps(after=60, noticed=[experiment]) == [1]
    assert server.sums.looks == 2


async def test_it_is_looked_at_once_a_minute_at_most(server: Server) -> None:
    experiment = server.started(days=1)
    looks = []
    for _ in range(25):
        await server.keeps(after=5 / 60, noticed=[experiment])
        looks.append(server.sums.looks)

    assert looks == [1] * 12 + [2] * 12 + [3]


async def test_where_nothing_has_changed_nothing_is_asked(server: Server) -> None:
    server.started()

    assert await server.keeps(after=60) == []
    assert server.sums.looks == 0


@pytest.mark.parametrize(
    ("arms", "found"),
    [(WINS, "ship"), (LOSES, "roll_back"), (UNEVEN, "alarm")],
    ids=["ship", "roll back", "alarm"],
)
async def test_what_is_found_for_good_is_kept_at_once(
    server: Server, arms: Arms, found: str
) -> None:
    experiment = server.started()
    server.sees(experiment, LEVEL)
    await server.keeps(noticed=[experiment])

    server.sees(experiment, arms)

    assert await server.keeps(after=1, noticed=[experiment]) == [1, 2]
    last = server.snapshots.held[-1]
    kinds = [held["kind"] for held in last.standing.values()]
    assert (["alarm"] if last.alarmed else kinds, last.is_kept) == ([found], True)
    assert await server.keeps(after=1, noticed=[experiment]) == [1, 2]


async def test_what_was_found_stays_found_when_the_numbers_turn(server: Server) -> None:
    experiment = server.started()
    server.sees(experiment, UNEVEN)
    await server.keeps(noticed=[experiment])
    server.sees(experiment, WINS)

    assert await server.keeps(after=15, noticed=[experiment]) == [1, 2]

    assert [one.alarmed for one in server.snapshots.held] == [True, True]
    assert [one.is_kept for one in server.snapshots.held] == [True, False]


async def test_the_planned_sample_is_kept_at_once_and_the_look_handed_on(server: Server) -> None:
    experiment = server.started(days=1, minimum_sample_size=400)
    server.sees(experiment, ((40, 399), (41, 399)))
    await server.keeps(noticed=[experiment])
    server.sees(experiment, LEVEL)

    assert await server.keeps(after=1, noticed=[experiment]) == [1, 2]
    server.sees(experiment, ((50, 500), (70, 500)))
    assert await server.keeps(after=15, noticed=[experiment]) == [1, 2, 3]

    before, taken, later = (one.fixed for one in server.snapshots.held)
    assert before is None
    assert taken is not None
    assert taken["taken_at"] == (NOON + timedelta(minutes=1)).isoformat()
    assert later == taken


async def test_a_look_that_waits_for_a_window_is_taken_though_no_data_arrives(
    server: Server,
) -> None:
    experiment = server.started(days=1, minimum_sample_size=400)
    metric = make_metric_definition(experiment_id=experiment.id, window_hours=2.0)
    server.memory.definitions[experiment.id] = [metric]
    server.sees(experiment, LEVEL)

    await server.keeps(noticed=[experiment])
    waiting = [await server.keeps(after=30) for _ in range(3)]

    assert waiting == [[1]] * 3
    assert await server.keeps(after=30) == [1, 2]
    first, second = (one.fixed for one in server.snapshots.held)
    assert first == {"reached_at": NOON.isoformat(), "taken_at": None, "inferences": []}
    assert second is not None
    assert second["taken_at"] == (NOON + timedelta(hours=2)).isoformat()
    looks = server.sums.looks
    assert await server.keeps(after=30) == [1, 2]
    assert server.sums.looks == looks


@pytest.mark.parametrize(
    ("status", "kept"),
    [("draft", []), ("active", [1]), ("paused", [1]), ("completed", []), ("archived", [])],
)
async def test_only_what_runs_is_kept(server: Server, status: str, kept: list[int]) -> None:
    experiment = server.started(status=ExperimentStatus(status))

    assert await server.keeps(noticed=[experiment]) == kept


async def test_the_last_of_the_data_is_kept_though_no_more_arrives(server: Server) -> None:
    experiment = server.started(days=1)
    await server.keeps(noticed=[experiment])
    server.sees(experiment, LEVEL)

    kept = [await server.keeps(after=10, noticed=[experiment])]
    kept += [await server.keeps(after=1) for _ in range(6)]

    assert kept == [[1]] * 5 + [[1, 2]] * 2
    assert server.sums.looks == 7


async def test_what_is_completed_while_it_is_looked_at_stays_as_it_was_then(
    server: Server,
) -> None:
    experiment = server.started(days=1)
    server.sees(experiment, LEVEL)
    await server.keeps(noticed=[experiment])
    last = server.snapshots.held[-1]
    server.snapshots.held.append(replace(last, number=2, status=ExperimentStatus.COMPLETED))
    server.sees(experiment, UNEVEN)

    assert await server.keeps(after=20, noticed=[experiment]) == [1, 2]


async def test_another_server_may_keep_it_first(server: Server) -> None:
    experiment = server.started(days=1)
    server.sees(experiment, LEVEL)
    await server.keeps(noticed=[experiment])
    theirs = replace(server.snapshots.held[0], number=2, taken_at=NOON + timedelta(minutes=14))
    server.snapshots.held.append(theirs)
    server.sees(experiment, ((41, 400), (41, 401)))

    assert await server.keeps(after=15, noticed=[experiment]) == [1, 2]
    assert await server.keeps(after=14, noticed=[experiment]) == [1, 2, 3]


async def test_a_look_that_the_store_refused_is_taken_later(server: Server) -> None:
    experiment = server.started(days=1)
    server.sums.is_down = True
    with pytest.raises(Unavailable):
        await server.keeps(noticed=[experiment])

    server.sums.is_down = False

    assert await server.keeps(after=1) == [1]
