"""Whoever else writes the same at the same time: one row, one count, one truth for all."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from random import Random

import pytest

from domain.assignments import Assignment, NotAssigned
from domain.errors import NotFound
from domain.reporting import Recorded, Report
from domain.sums import OWN
from persistence.engine import Database
from persistence.experiments import Experiments
from persistence.ingest import Ingest
from persistence.models import ASSIGNMENTS, METRICS
from persistence.recount import differences
from tests.factories import make_deed
from tests.persistence.contents import everything
from tests.persistence.shops import MEASURED, Shop, open_shop, rows_of, sums_of

PROCESSES = 6


def ignore(_: object) -> None:
    pass


@pytest.fixture
async def shop(database: Database) -> Shop:
    return await open_shop(database, MEASURED)


@pytest.fixture
def ingest(database: Database) -> Ingest:
    return Ingest(database, ignore)


@pytest.fixture
async def processes(database_url: str) -> AsyncIterator[Sequence[Ingest]]:
    databases = [Database(database_url, pool_size=3) for _ in range(PROCESSES)]
    yield [Ingest(database, ignore) for database in databases]
    for database in databases:
        await database.dispose()


async def test_processes_that_enrol_the_same_users_leave_one_assignment_each(
    database: Database, processes: Sequence[Ingest], shop: Shop
) -> None:
    users = [f"user-{number}" for number in range(200)]
    batches = [[shop.assignment(n % 2, user_id=user) for user in users] for n in range(PROCESSES)]
    for number, batch in enumerate(batches):
        Random(number).shuffle(batch)  # noqa: S311  the same every time

    answers = await asyncio.gather(
        *(process.enrol(batch) for process, batch in zip(processes, batches, strict=True))
    )

    stored = {one.user_id: one for one in await rows_of(database, ASSIGNMENTS)}
    assert len(stored) == 200
    for batch, answer in zip(batches, answers, strict=True):
        assert list(answer) == [stored[wanted.user_id] for wanted in batch]
    assert sum(one.users for one in (await sums_of(database, OWN)).values()) == 200


async def test_fifty_calls_for_one_user_give_one_variant_and_one_impression(
    database: Database, processes: Sequence[Ingest], shop: Shop
) -> None:
    wanted = [shop.assignment(n % 2, user_id="ada") for n in range(50)]

    answers = await asyncio.gather(
        *(processes[n % PROCESSES].enrol([one]) for n, one in enumerate(wanted))
    )

    [stored] = await rows_of(database, ASSIGNMENTS)
    assert {id(answer[0]) for answer in answers if answer[0] != stored} == set()
    assert {variant: one.users for variant, one in (await sums_of(database, OWN)).items()} == {
        stored.variant_id: 1
    }


async def test_of_fifty_conversions_of_one_user_one_counts_and_all_hear_of_it(
    database: Database, processes: Sequence[Ingest], ingest: Ingest, shop: Shop
) -> None:
    await ingest.enrol([shop.assignment(user_id="ada")])

    answers = await asyncio.gather(
        *(
            processes[n % PROCESSES].convert([shop.conversion("ada", value=float(n))])
            for n in range(50)
        )
    )

    heard = [answer[0] for answer in answers]
    recorded = [one for one in heard if isinstance(one, Recorded)]
    [stored] = await rows_of(database, ASSIGNMENTS)
    assert [one.is_new for one in recorded].count(True) == 1
    assert [one.assignment for one in recorded] == [stored] * 50
    [own] = (await sums_of(database, OWN)).values()
    assert (own.users, own.events, float(own.total)) == (1, 1, stored.conversion_value)


async def test_of_fifty_that_send_one_event_one_counts(
    database: Database, processes: Sequence[Ingest], ingest: Ingest, shop: Shop
) -> None:
    await ingest.enrol([shop.assignment(user_id="ada")])

    answers = await asyncio.gather(
        *(processes[n % PROCESSES].track([shop.report("ada", event_id="e")]) for n in range(50))
    )

    recorded = [answer[0] for answer in answers if isinstance(answer[0], Recorded)]
    [stored] = await rows_of(database, METRICS)
    assert [one.metric for one in recorded] == [stored] * 50
    assert [one.is_new for one in recorded].count(True) == 1


@pytest.mark.parametrize("seed", range(3))
async def test_after_every_storm_the_sums_are_what_the_rows_make(
    database: Database, processes: Sequence[Ingest], shop: Shop, seed: int
) -> None:
    random = Random(seed)  # noqa: S311  the same every time

    async def one_of_them(process: Ingest) -> list[object]:
        user = f"user-{random.randrange(30)}"
        match random.randrange(3):
            case 0:
                return list(
                    await process.enrol([shop.assignment(random.randrange(2), user_id=user)])
                )
            case 1:
                return list(await process.convert([shop.conversion(user, value=random.random())]))
            case _:
                name = random.choice([None, "e1", "e2"])
                value = random.choice([0.1, -3.0, 8.0])
                return list(await process.track([shop.report(user, event_id=name, value=value)]))

    async def caller(process: Ingest) -> list[object]:
        return [item for _ in range(10) for item in await one_of_them(process)]

    await processes[0].enrol(shop.users(15))
    answers = await asyncio.gather(*(caller(process) for process in processes for _ in range(10)))

    kinds = {type(item) for answer in answers for item in answer}
    assert kinds == {Assignment, Recorded, NotAssigned}
    assert await differences(database, shop.experiment.id) == []


async def test_what_is_written_twice_counts_once_and_is_answered_as_the_first_time(
    database: Database, database_url: str, ingest: Ingest, shop: Shop
) -> None:
    """As where a connection was lost whose COMMIT went through."""
    users = shop.users(3)
    events = [shop.report("user-0", event_id="e"), shop.report("user-1"), shop.report("user-1")]
    conversions = [shop.conversion("user-2", value=2.0)]

    async def written() -> list[object]:
        enrolled, tracked = await ingest.enrol(users), await ingest.track(events)
        return [*enrolled, *tracked, *(await ingest.convert(conversions))]

    first = await written()
    before = await everything(database_url)
    second = await written()

    assert [one.is_new for one in second if isinstance(one, Recorded)] == [True] * 4
    told = [one.metric for one in first if isinstance(one, Recorded)]
    assert [one.metric for one in second if isinstance(one, Recorded)] == told
    assert [one.id for one in second if isinstance(one, Assignment)] == [one.id for one in users]
    assert await everything(database_url) == before
    assert await differences(database, shop.experiment.id) == []


async def test_what_was_deleted_meanwhile_answers_for_itself_alone(
    database: Database, ingest: Ingest, shop: Shop
) -> None:
    other = await open_shop(database)
    await ingest.enrol([shop.assignment(user_id="ada"), other.assignment(user_id="ada")])
    await Experiments(database).delete(shop.project, shop.experiment, make_deed())

    [lost, kept] = await ingest.enrol([shop.assignment(), other.assignment(user_id="bob")])
    tracked = await ingest.track([shop.report("ada"), other.report("ada"), other.report("bob")])

    assert isinstance(lost, NotFound)
    assert isinstance(kept, Assignment)
    assert [type(one) for one in tracked] == [NotAssigned, Recorded, Recorded]
    assert await differences(database, other.experiment.id) == []


async def test_what_waits_is_written_before_the_end(
    database: Database, ingest: Ingest, shop: Shop
) -> None:
    await ingest.enrol([shop.assignment(user_id="ada")])
    reports: list[Report] = [shop.report("ada") for _ in range(20)]
    waiting = [asyncio.create_task(ingest.track([report])) for report in reports]
    waiting.append(asyncio.create_task(ingest.convert([shop.conversion("ada")])))
    await asyncio.sleep(0)

    await ingest.drain()

    assert [task.done() for task in waiting] == [True] * 21
    assert len(await rows_of(database, METRICS)) == 21
