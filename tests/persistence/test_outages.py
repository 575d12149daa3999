import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, literal, select

from domain.errors import Unavailable
from persistence.engine import Database
from tests.persistence.servers import ask, open_folder, postmaster, running

ONE = select(literal(1))
NAP = select(func.pg_sleep(0.05))
LIMIT = 5.0
REASONS = {"53300": "too many clients", "57P03": "the database system is starting up"}


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


async def kept(database: Database) -> None:
    await database.rows(ONE, {})


async def new(database: Database) -> None:
    await database.rows(select(literal(2)))


async def written(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(ONE)


WAYS = (kept, new, written)


async def warm(database: Database) -> None:
    """All connections made, all at rest."""
    await asyncio.gather(*(database.rows(NAP, {}) for _ in range(10)))


async def time_until_unavailable(*asked: Awaitable[object]) -> float:
    start = time.monotonic()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable] * len(results)
    return time.monotonic() - start


@contextmanager
def stopped(server: int) -> Iterator[None]:
    """Still there, and silent: nothing is answered and nothing refused."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    processes = [server, *map(int, children)]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


@asynccontextmanager
async def impostor(answer: Callable[[asyncio.StreamWriter], None]) -> AsyncIterator[str]:
    """What answers each newcomer in its own way, in place of a server."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        answer(writer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield f"postgresql://a:b@127.0.0.1:{port}/d?sslmode=disable"


def refusal(state: str) -> Callable[[asyncio.StreamWriter], None]:
    fields = f"SFATAL\0VFATAL\0C{state}\0M{REASONS[state]}\0\0".encode()

    def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"E" + (len(fields) + 4).to_bytes(4) + fields)
        writer.close()

    return answer


async def test_where_nothing_listens_callers_are_told_at_once() -> None:
    database = Database("postgresql://a:b@127.0.0.1:1/d")

    assert await time_until_unavailable(*(way(database) for way in WAYS)) < 1
    assert await time_until_unavailable(*(way(database) for way in WAYS * 10)) < LIMIT


@pytest.mark.parametrize(
    "answer",
    [refusal("53300"), refusal("57P03"), asyncio.StreamWriter.close],
    ids=["full", "starting", "gone"],
)
async def test_a_server_that_refuses_is_away(
    answer: Callable[[asyncio.StreamWriter], None],
) -> None:
    async with impostor(answer) as url:
        database = Database(url)

        assert await time_until_unavailable(*(way(database) for way in WAYS)) < 1


async def test_a_server_that_never_answers_a_newcomer_is_away() -> None:
    async with impostor(lambda _: None) as url:
        database = Database(url, pool_size=2)

        assert await time_until_unavailable(*(way(database) for way in WAYS * 10)) < LIMIT


async def test_the_reason_is_kept_for_the_log() -> None:
    async with impostor(refusal("57P03")) as url:
        with pytest.raises(Unavailable) as caught:
            await Database(url).ping()

    reasons = []
    error: BaseException | None = caught.value
    while error:
        reasons.append(str(error))
        error = error.__cause__
    assert REASONS["57P03"] in reasons


async def test_a_database_with_no_connection_left_is_away(database_url: str) -> None:
    name = database_url.rpartition("/")[2].partition("?")[0]
    await ask(database_url, f"ALTER DATABASE {name} CONNECTION LIMIT 2")
    database = Database(database_url)

    async with database.begin() as one, database.begin() as other:
        await one.execute(ONE)
        await other.execute(ONE)
        assert await time_until_unavailable(*(way(database) for way in WAYS)) < 1

    await kept(database)
    await database.dispose()


async def test_who_waits_for_a_connection_in_vain_is_told(database_url: str) -> None:
    database = Database(database_url, pool_size=2)

    async with AsyncExitStack() as held:
        held_ones = [await held.enter_async_context(database.begin()) for _ in range(2)]
        assert len(held_ones) == 2
        assert await time_until_unavailable(*(way(database) for way in WAYS * 3)) < LIMIT

    await asyncio.gather(*(way(database) for way in WAYS))
    await database.dispose()


async def test_a_server_that_falls_silent_is_away_until_it_speaks_again(folder: Path) -> None:
    async with running(folder) as url:
        database = Database(url)
        await warm(database)
        in_between = asyncio.Event()

        async def interrupted() -> None:
            async with database.begin() as connection:
                await connection.execute(ONE)
                await in_between.wait()
                await connection.execute(ONE)

        asleep = asyncio.create_task(interrupted())
        await asyncio.sleep(0.1)
        with stopped(postmaster(folder)):
            in_between.set()
            asked = (way(database) for way in WAYS * 10)
            assert await time_until_unavailable(asleep, *asked) < LIMIT

        await asyncio.gather(*(way(database) for way in WAYS * 10))
        await database.dispose()


async def test_a_server_started_again_is_used_again_without_an_error(folder: Path) -> None:
    async with running(folder, durable=True) as url:
        database = Database(url)
        await warm(database)
    assert await time_until_unavailable(*(way(database) for way in WAYS * 10)) < 1

    async with running(folder, durable=True):
        await asyncio.gather(*(way(database) for way in WAYS * 10))
        await database.dispose()


async def test_a_server_killed_under_load_fails_nobody_with_anything_else(folder: Path) -> None:
    async with running(folder) as url:
        database = Database(url)
        await warm(database)
        asked = [asyncio.create_task(way(database)) for _ in range(50) for way in WAYS]
        await asyncio.sleep(0.02)
        os.kill(postmaster(folder), signal.SIGKILL)
        results = await asyncio.gather(*asked, return_exceptions=True)

        assert {type(result) for result in results} <= {type(None), Unavailable}
        await database.dispose()
