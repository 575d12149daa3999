"""Snapshots in PostgreSQL: which are found, which are thinned out, and what each takes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import delete

from domain.analysis.observed import ArmSums
from domain.analysis.sums import Sums
from domain.experiments import ExperimentStatus
from domain.ids import ProjectId
from domain.snapshots import END_OF_TIME, Period, Snapshot, packed, unpacked
from persistence.engine import Database
from persistence.models import SNAPSHOTS
from persistence.snapshots import Snapshots, take
from persistence.tables import experiments
from tests.factories import NOON
from tests.persistence.graphs import stored_experiment
from tests.persistence.servers import ask
from tests.persistence.statements import Statement, counted

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def make_snapshot(experiment: UUID, number: int, at: datetime = NOON, **changes: Any) -> Snapshot:
    snapshot = Snapshot(
        experiment_id=experiment,
        number=number,
        taken_at=at,
        revision=number,
        status=ExperimentStatus.ACTIVE,
        active=[],
        sums=[],
        fixed=None,
        standing={},
        alarmed=False,
        clocks={},
        is_kept=False,
    )
    return replace(snapshot, **changes)


@pytest.fixture
async def experiment(database: Database, home: ProjectId) -> UUID:
    return (await stored_experiment(database, home)).id


@pytest.fixture
def store(database: Database) -> Snapshots:
    return Snapshots(database)


async def put(store: Snapshots, *snapshots: Snapshot) -> None:
    for snapshot in snapshots:
        assert await store.add(snapshot)


def whole(points: int = 500, start: datetime = NOON - 90 * DAY) -> Period:
    return Period(start=start, end=END_OF_TIME, points=points)


def numbers(snapshots: Sequence[Snapshot]) -> list[int]:
    return [snapshot.number for snapshot in snapshots]


async def test_it_comes_back_as_it_was_taken(
    store: Snapshots, home: ProjectId, experiment: UUID
) -> None:
    digits = Decimal("123456789012345678901234567890.123456789012")
    sums = Sums(users=2**53, total=digits, squares=digits * digits, cross=-digits)
    row = ArmSums(variant_id=UUID(int=1), phase=1, metric_id=UUID(int=2), sums=sums)
    snapshot = make_snapshot(
        experiment,
        2**40,
        at=NOON + timedelta(microseconds=1),
        revision=2**53,
        status=ExperimentStatus.COMPLETED,
        active=[str(UUID(int=1))],
        sums=packed([row]),
        fixed={"taken_at": None, "inferences": [{"p": 5e-324, "upper": 1.7976931348623157e308}]},
        standing={str(UUID(int=1)): {"kind": "ship", "reason": "b „beats“ a."}},
        alarmed=True,
        clocks={f"{UUID(int=2)}/{UUID(int=1)}/relative": 0.1 + 0.2},
        is_kept=True,
    )

    await put(store, snapshot)

    assert await store.latest(home, [experiment]) == {experiment: snapshot}
    assert unpacked((await store.latest(home, [experiment]))[experiment].sums) == [row]


async def test_the_latest_of_many_are_those_with_the_highest_numbers(
    database: Database, store: Snapshots, home: ProjectId, elsewhere: ProjectId
) -> None:
    owners = [(await stored_experiment(database, home)).id for _ in range(20)]
    theirs = (await stored_experiment(database, elsewhere)).id
    for owner in [*owners[1:], theirs]:
        await put(store, *(make_snapshot(owner, number) for number in (1, 3, 2)))

    async with counted(database) as seen:
        found = await store.latest(home, [*owners, theirs])

    assert {one: found[one].number for one in found} == dict.fromkeys(owners[1:], 3)
    assert len(seen) == 1


async def test_at_a_moment_it_is_the_last_one_that_was_taken_by_then(
    database: Database, store: Snapshots, home: ProjectId, elsewhere: ProjectId, experiment: UUID
) -> None:
    times = (NOON, NOON + HOUR, NOON + HOUR, NOON + 2 * HOUR)
    await put(store, *(make_snapshot(experiment, *each) for each in enumerate(times, 1)))
    moments = [
        timedelta(microseconds=-1),
        0 * HOUR,
        HOUR - timedelta(microseconds=1),
        HOUR,
        9 * DAY,
    ]

    async with counted(database) as seen:
        found = [await store.at(home, experiment, NOON + after) for after in moments]

    assert [one and one.number for one in found] == [None, 1, 1, 3, 4]
    assert len(seen) == len(moments)
    assert await store.at(elsewhere, experiment, END_OF_TIME) is None


@pytest.mark.parametrize(
    ("points", "found"),
    [(1, [9]), (2, [1, 9]), (3, [1, 5, 9]), (9, list(range(1, 10))), (500, list(range(1, 10)))],
    ids=str,
)
async def test_a_period_is_shown_by_as_many_as_are_asked_for(
    store: Snapshots, home: ProjectId, experiment: UUID, points: int, found: list[int]
) -> None:
    await put(store, *(make_snapshot(experiment, n, NOON + n * HOUR) for n in range(1, 10)))

    assert numbers(await store.between(home, experiment, whole(points))) == found


async def test_both_ends_of_a_period_belong_to_it(
    database: Database, store: Snapshots, home: ProjectId, elsewhere: ProjectId, experiment: UUID
) -> None:
    await put(store, *(make_snapshot(experiment, n, NOON + n * HOUR) for n in range(1, 6)))
    period = Period(start=NOON + 2 * HOUR, end=NOON + 4 * HOUR, points=2)

    async with counted(database) as seen:
        assert numbers(await store.between(home, experiment, period)) == [2, 4]

    assert len(seen) == 2
    assert await store.between(elsewhere, experiment, whole()) == []
    reversed_period = Period(start=period.end, end=period.start, points=9)
    assert await store.between(home, experiment, reversed_period) == []


async def test_one_of_two_with_the_same_number_is_kept(
    database: Database, store: Snapshots, home: ProjectId, experiment: UUID
) -> None:
    first, second = (make_snapshot(experiment, 1, revision=revision) for revision in (7, 8))

    async with counted(database) as seen:
        assert (await store.add(first), await store.add(second)) == (True, False)
    async with database.begin() as connection:
        assert not await take(connection, second)
        assert await take(connection, replace(second, number=2))

    assert [one.split()[0] for one in seen] == ["WITH", "DELETE"] * 2
    assert await store.between(home, experiment, whole()) == [first, replace(second, number=2)]


async def test_they_are_thinned_out_with_age(
    store: Snapshots, home: ProjectId, experiment: UUID
) -> None:
    now = datetime(2026, 11, 20, 12, 20, tzinfo=UTC)
    ages = {
        1: 40 * DAY + 9 * HOUR,  # another one of that day is younger
        2: 40 * DAY + 2 * HOUR,
        3: 31 * DAY,
        4: 29 * DAY + 2 * HOUR,
        5: 29 * DAY + 19 * HOUR / 60,  # another one of that hour is younger
        6: 29 * DAY,
        7: DAY,
        8: DAY - 10 * HOUR / 60,
        9: 15 * HOUR / 60,
        10: 0 * HOUR,
    }
    await put(store, *(make_snapshot(experiment, n, now - age) for n, age in ages.items()))
    assert numbers(await store.between(home, experiment, whole())) == [2, 3, 4, 6, 7, 8, 9, 10]

    await put(store, make_snapshot(experiment, 11, now + timedelta(seconds=1)))

    assert numbers(await store.between(home, experiment, whole())) == [2, 3, 4, 6, 8, 9, 10, 11]


async def test_what_is_kept_for_good_is_never_thinned_out(
    database: Database, store: Snapshots, home: ProjectId, experiment: UUID
) -> None:
    other = (await stored_experiment(database, home)).id
    old = [
        make_snapshot(owner, n, NOON + timedelta(minutes=n), is_kept=n < 3)
        for owner in (experiment, other)
        for n in range(1, 6)
    ]
    await put(store, *old)

    await put(store, make_snapshot(experiment, 6, NOON + 60 * DAY))

    assert numbers(await store.between(home, experiment, whole())) == [1, 2, 5, 6]
    assert numbers(await store.between(home, other, whole())) == [1, 2, 3, 4, 5]


async def test_they_go_with_their_experiment(
    database: Database, store: Snapshots, home: ProjectId, experiment: UUID, database_url: str
) -> None:
    kept = (await stored_experiment(database, home)).id
    await put(store, make_snapshot(experiment, 1, is_kept=True), make_snapshot(kept, 1))

    async with database.begin() as connection:
        await connection.execute(delete(experiments).where(experiments.c.id == experiment))

    assert await ask(database_url, "SELECT count(*) FROM ab_snapshots") == 1
    assert (await store.latest(home, [kept])).keys() == {kept}


Question = Callable[[Snapshots, ProjectId, UUID], Awaitable[Any]]
BY_NUMBER, BY_TIME = "pk_ab_snapshots", "idx_snapshot_taken_at"
INDEXES: list[tuple[Question, str]] = [
    (lambda store, home, one: store.latest(home, [one]), BY_NUMBER),
    (lambda store, home, one: store.at(home, one, NOON + 9 * DAY), BY_TIME),
    (lambda store, home, one: store.between(home, one, whole(9, NOON + 9 * DAY)), BY_TIME),
    (lambda store, home, one: store.between(home, one, whole(9, NOON + 9 * DAY)), BY_NUMBER),
    (lambda store, _, one: store.add(make_snapshot(one, 0, NOON + 10 * DAY)), BY_TIME),
]


async def test_they_are_read_and_thinned_out_by_an_index(
    database: Database, store: Snapshots, home: ProjectId, database_url: str
) -> None:
    owners = [(await stored_experiment(database, home)).id for _ in range(4)]
    rows = [make_snapshot(one, n, NOON + n * HOUR / 4) for one in owners for n in range(1, 1001)]
    async with database.begin() as connection:
        await connection.execute(SNAPSHOTS.table.insert(), [SNAPSHOTS.values(one) for one in rows])
    await ask(database_url, "ANALYZE")

    for question, index in INDEXES:
        async with counted(database) as seen:
            await question(store, home, owners[0])

        plans = [await plan(database_url, one) for one in seen if not one.startswith("WITH")]
        assert any(index in each for each in plans)
        assert not any("Seq Scan on ab_snapshots" in each for each in plans)


async def plan(url: str, statement: Statement) -> str:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(f"EXPLAIN {statement}", *statement.arguments)
    await connection.close()
    return "\n".join(row[0] for row in rows)
