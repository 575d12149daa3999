"""The one statement by which all live statistics are looked at."""

from uuid import UUID

import pytest
from sqlalchemy import delete

from domain.experiments import ExperimentStatus
from domain.following import Pulse
from domain.ids import ProjectId, new_id
from domain.sums import OWN, STRIPES
from persistence.engine import Database
from persistence.feed import Feed
from persistence.models import SNAPSHOTS
from persistence.sums import Sums
from persistence.tables import experiments
from tests.persistence.graphs import stored, stored_experiment, stored_variants
from tests.persistence.servers import ask
from tests.persistence.statements import counted
from tests.persistence.test_plans import plans
from tests.putting import put_running_sums
from tests.sums import make_running_sums, make_snapshot


@pytest.fixture
def feed(database: Database) -> Feed:
    return Feed(database)


async def put_sums(database: Database, experiment: UUID, phases: int = 3) -> None:
    """Of each variant, metric and phase; in many stripes."""
    variants = await stored_variants(database, experiment)
    metrics = [OWN, new_id(), new_id()]
    rows = [
        make_running_sums(
            experiment_id=experiment,
            variant_id=variant.id,
            metric_id=metric,
            phase=phase,
            stripe=stripe,
            users=stripe + 1,
            changes=phase + stripe,
        )
        for variant in variants
        for metric in metrics
        for phase in range(1, phases + 1)
        for stripe in range(STRIPES)
    ]
    await put_running_sums(database, rows)


async def put_snapshots(database: Database, experiment: UUID, *numbers: int) -> None:
    rows = [make_snapshot(experiment_id=experiment, number=number) for number in numbers]
    await stored(database, SNAPSHOTS, *rows)


def in_order(pulse: Pulse) -> list[str]:
    return sorted(map(repr, pulse.sums))


async def test_it_shows_the_experiment_its_last_snapshot_and_its_sums(
    database: Database, feed: Feed, home: ProjectId
) -> None:
    experiment = await stored_experiment(database, home, version=7, status=ExperimentStatus.PAUSED)
    await put_sums(database, experiment.id)
    await put_snapshots(database, experiment.id, 1, 12, 9)

    pulse = (await feed.pulses([experiment.id]))[experiment.id]

    sums = (await Sums(database).by_experiments(home, [experiment.id]))[experiment.id]
    assert (pulse.experiment, pulse.project) == (experiment.id, home)
    assert (pulse.version, pulse.status, pulse.snapshot) == (7, ExperimentStatus.PAUSED, 12)
    assert len(pulse.sums) == 2 * 3 * 3
    assert in_order(pulse) == sorted(map(repr, sums))
    assert pulse.state == (7, 12, sum(row.changes for row in sums))


async def test_where_nobody_came_there_are_no_sums_and_no_snapshot(
    database: Database, feed: Feed, home: ProjectId
) -> None:
    experiment = await stored_experiment(database, home, version=3)

    pulse = (await feed.pulses([experiment.id]))[experiment.id]

    assert (pulse.sums, pulse.snapshot) == ([], None)
    assert (pulse.design, pulse.state) == ((3, None), (3, None, 0))


@pytest.mark.parametrize("count", [0, 1, 40])
async def test_however_many_there_are_it_is_one_statement(
    database: Database, feed: Feed, home: ProjectId, elsewhere: ProjectId, count: int
) -> None:
    made = [
        await stored_experiment(database, (home, elsewhere)[number % 2]) for number in range(count)
    ]
    for experiment in made[::3]:
        await put_sums(database, experiment.id, phases=1)
        await put_snapshots(database, experiment.id, 1)

    async with counted(database, framed=True) as statements:
        found = await feed.pulses([one.id for one in made])

    assert len(statements) == 1
    assert {one.id: one.project_id for one in made} == {
        key: pulse.project for key, pulse in found.items()
    }
    assert [len(found[one.id].sums) for one in made] == [
        0 if number % 3 else 6 for number in range(count)
    ]


async def test_the_statement_is_the_same_however_many_there_are(
    database: Database, feed: Feed, home: ProjectId
) -> None:
    made = [(await stored_experiment(database, home)).id for _ in range(5)]

    async with counted(database) as statements:
        for count in range(6):
            await feed.pulses(made[:count])

    assert len(statements) == 6
    assert len(set(statements)) == 1


async def test_what_is_unknown_or_deleted_is_left_out(
    database: Database, feed: Feed, home: ProjectId
) -> None:
    kept, gone = [(await stored_experiment(database, home)).id for _ in range(2)]
    async with database.begin() as connection:
        await connection.execute(delete(experiments).where(experiments.c.id == gone))

    assert (await feed.pulses([kept, gone, new_id()])).keys() == {kept}


async def test_of_what_nobody_asks_for_nothing_is_read(
    database: Database, feed: Feed, home: ProjectId
) -> None:
    first, second = [(await stored_experiment(database, home)).id for _ in range(2)]
    for experiment in (first, second):
        await put_sums(database, experiment, phases=1)

    assert (await feed.pulses([second])).keys() == {second}


async def test_it_reads_what_it_needs_by_an_index(
    database: Database, database_url: str, feed: Feed, home: ProjectId
) -> None:
    made = [(await stored_experiment(database, home)).id for _ in range(100)]
    for experiment in made:
        await put_sums(database, experiment, phases=4)
        await put_snapshots(database, experiment, *range(1, 20))
    await ask(database_url, "ANALYZE")

    async with counted(database) as statements:
        await feed.pulses(made[:2])

    (statement,) = statements
    for plan in await plans(database_url, statement):
        assert "pk_ab_running_sums" in plan
        assert "pk_ab_snapshots" in plan
        assert "Seq Scan on ab_running_sums" not in plan
        assert "Seq Scan on ab_snapshots" not in plan
