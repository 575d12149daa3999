"""What trackers have changed is published a little later, and after an outage too."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from persistence.engine import Database
from persistence.ingest import Ingest
from persistence.publishing import Publisher
from persistence.tallies import Tallies
from tests.persistence.servers import ask
from tests.persistence.shops import Shop, open_shop
from tests.persistence.statements import counted

IMPRESSIONS = "SELECT sum(impressions)::int FROM ab_variants"


@pytest.fixture
def publisher(database: Database) -> Publisher:
    return Publisher(Tallies(database), pause=0.02)


@pytest.fixture
async def shop(database: Database) -> Shop:
    return await open_shop(database)


@asynccontextmanager
async def at_work(publisher: Publisher) -> AsyncIterator[None]:
    task = asyncio.create_task(publisher.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_what_changed_is_published_once(
    database: Database, database_url: str, publisher: Publisher, shop: Shop
) -> None:
    ingest = Ingest(database, publisher.notice)
    await ingest.enrol(shop.users(3))

    async with counted(database) as statements:
        await publisher.publish()
        await publisher.publish()

    assert await ask(database_url, IMPRESSIONS) == 3
    assert len(statements) == 3


async def test_where_nothing_changed_nothing_is_asked(
    database: Database, publisher: Publisher
) -> None:
    async with counted(database, framed=True) as statements:
        await publisher.publish()

    assert statements == []


async def test_it_goes_on_and_on(
    database: Database, database_url: str, publisher: Publisher, shop: Shop
) -> None:
    ingest = Ingest(database, publisher.notice)

    async with at_work(publisher):
        for count in (1, 2, 3):
            await ingest.enrol([shop.assignment()])
            assert await _reaches(database_url, count)


async def test_what_a_killed_process_left_behind_is_published_at_the_start(
    database: Database, database_url: str, publisher: Publisher, shop: Shop
) -> None:
    await Ingest(database, lambda _: None).enrol(shop.users(5))

    async with at_work(publisher):
        assert await _reaches(database_url, 5)


async def test_an_outage_is_logged_and_made_up_for(
    database: Database, database_url: str, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    away = Database("postgresql://a:b@127.0.0.1:1/d")
    publisher = Publisher(Tallies(away), pause=0.02)
    await Ingest(database, publisher.notice).enrol(shop.users(2))

    with caplog.at_level(logging.WARNING):
        await publisher.publish()

    assert [record.getMessage() for record in caplog.records] == [
        "the variants' columns could not be published: tried again later"
    ]
    assert await ask(database_url, IMPRESSIONS) == 0


async def test_what_could_not_be_published_is_the_next_time(database_url: str, shop: Shop) -> None:
    database = Database(database_url, pool_size=1, statement_timeout=0.2)
    publisher = Publisher(Tallies(database))
    await Ingest(database, publisher.notice).enrol(shop.users(2))
    other = Database(database_url)

    async with other.begin() as connection:
        await connection.exec_driver_sql("LOCK ab_variants")
        await publisher.publish()
    await publisher.publish()

    assert await ask(database_url, IMPRESSIONS) == 2
    await database.dispose()
    await other.dispose()


async def test_a_fault_is_logged_and_not_the_end(
    database: Database,
    database_url: str,
    publisher: Publisher,
    shop: Shop,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await Ingest(database, publisher.notice).enrol(shop.users(2))
    await ask(database_url, "ALTER TABLE ab_running_sums RENAME TO elsewhere")
    await publisher.publish()
    assert "could not be published" in caplog.text

    await ask(database_url, "ALTER TABLE elsewhere RENAME TO ab_running_sums")
    await publisher.publish()

    assert await ask(database_url, IMPRESSIONS) == 2


async def test_it_starts_where_the_database_is_away(caplog: pytest.LogCaptureFixture) -> None:
    publisher = Publisher(Tallies(Database("postgresql://a:b@127.0.0.1:1/d")), pause=0.02)

    async with at_work(publisher):
        await asyncio.sleep(0.2)

    assert caplog.records == []


async def _reaches(url: str, count: int) -> bool:
    async with asyncio.timeout(10):
        while await ask(url, IMPRESSIONS) != count:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)
    return True
