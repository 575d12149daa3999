"""A connection that is lost after COMMIT went through, and before anybody heard of it: the server
has committed, and waits for a standby that never comes, when it is told to end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path
from typing import TypeVar

import asyncpg
import pytest

from domain.reporting import Recorded
from persistence import revisions
from persistence.engine import Database
from persistence.ingest import Ingest
from persistence.models import ASSIGNMENTS, METRICS
from persistence.recount import differences
from tests.persistence.servers import open_folder, running
from tests.persistence.shops import MEASURED, Shop, open_shop, rows_of

WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
Answer = TypeVar("Answer")


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


@pytest.fixture
async def url(folder: Path) -> AsyncIterator[str]:
    async with running(folder) as url:
        await revisions.upgrade(url)
        yield url


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    yield database
    await database.dispose()


@pytest.fixture
async def operator(url: str, shop: Shop) -> AsyncIterator[asyncpg.Connection]:
    """From then on each commit of others waits in vain."""
    connection = await asyncpg.connect(url, user="postgres")
    await connection.execute("SET synchronous_commit = off")
    name = await connection.fetchval("SELECT quote_ident(current_database())")
    await connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = on")
    await connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    await connection.execute("SELECT pg_reload_conf()")
    yield connection
    await connection.close()


@pytest.fixture
async def shop(database: Database) -> Shop:
    """With a user, Ada."""
    shop = await open_shop(database, MEASURED)
    await Ingest(database, lambda _: None).enrol([shop.assignment(user_id="ada")])
    await database.dispose()
    return shop


async def interrupted(operator: asyncpg.Connection, write: Awaitable[Answer]) -> Answer:
    writing = asyncio.ensure_future(write)
    async with asyncio.timeout(4):
        while (process := await operator.fetchval(WAITING)) is None:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)
    await operator.execute(f"SELECT pg_terminate_backend({process})")
    return await writing


async def test_users_are_enrolled_once_and_told_that_they_are_new(
    database: Database, operator: asyncpg.Connection, shop: Shop
) -> None:
    users = shop.users(3)

    answers = await interrupted(operator, Ingest(database, lambda _: None).enrol(users))

    assert list(answers) == users
    assert len(await rows_of(database, ASSIGNMENTS)) == 4
    assert await differences(database, shop.experiment.id) == []


async def test_events_count_once_and_are_told_to_be_recorded(
    database: Database, operator: asyncpg.Connection, shop: Shop
) -> None:
    reports = [shop.report("ada"), shop.report("ada", event_id="e"), shop.report("ada")]

    answers = await interrupted(operator, Ingest(database, lambda _: None).track(reports))

    told = [(one.is_new, one.metric.id) for one in answers if isinstance(one, Recorded)]
    assert told == [(True, report.id) for report in reports]
    assert len(await rows_of(database, METRICS)) == 3
    assert await differences(database, shop.experiment.id) == []


async def test_a_conversion_counts_once_and_is_told_to_be_recorded(
    database: Database, operator: asyncpg.Connection, shop: Shop
) -> None:
    report = shop.conversion("ada", value=2.5)

    [answer] = await interrupted(operator, Ingest(database, lambda _: None).convert([report]))

    assert isinstance(answer, Recorded)
    assert (answer.is_new, answer.assignment.conversion_value) == (True, 2.5)
    assert [row.has_converted for row in await rows_of(database, ASSIGNMENTS)] == [True]
    assert await differences(database, shop.experiment.id) == []
