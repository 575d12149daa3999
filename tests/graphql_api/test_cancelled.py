"""Nothing is worked out for who has gone, and no change is left half way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette

from tests.graphql_api.conftest import SERVER_KEY, Graph
from tests.graphql_api.posting import CREATE
from tests.live.conftest import Running, running

SOON = 3.0  # seconds; a statement that nobody ends goes on for four
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1
"""
COUNT = "{ experiments { totalCount } }"
NESTED = "{ experiments { nodes { assignments { nodes { userId } } } } }"
COUNTS, CREATES = "SELECT count(*) AS %", "INSERT INTO ab_experiments%"
READS_ASSIGNMENTS = "SELECT %ab_assignments%"


class Locked:
    """A table that nobody can read until it is left."""

    def __init__(self, locking: asyncpg.Connection, watching: asyncpg.Connection) -> None:
        self._locking = locking
        self._watching = watching

    async def waiting(self, count: int, statement: str = COUNTS) -> None:
        """Until so many such statements wait for the table."""
        async with asyncio.timeout(SOON):
            while await self._watching.fetchval(WAITING, statement) != count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def release(self) -> None:
        await self._locking.execute("ROLLBACK")


@asynccontextmanager
async def locked(url: str, table: str = "ab_experiments") -> AsyncIterator[Locked]:
    locking, watching = [await asyncpg.connect(url) for _ in range(2)]
    try:
        await locking.execute(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield Locked(locking, watching)
    finally:
        await locking.close()
        await watching.close()


@pytest.fixture
async def server(app: Starlette, database_url: str) -> AsyncIterator[Running]:
    async with running(database_url) as found:
        found.http.headers["Authorization"] = f"Bearer {SERVER_KEY}"
        yield found


def ask(server: Running, query: str, accept: str = "*/*") -> "asyncio.Task[httpx.Response]":
    headers = {"Accept": accept}
    return asyncio.create_task(
        server.http.post("/graphql", json={"query": query}, headers=headers, timeout=20)
    )


async def leave(*requests: "asyncio.Task[httpx.Response]") -> None:
    """As a client that closes its connection."""
    for request in requests:
        request.cancel()
    await asyncio.wait(requests)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_the_statement_of_a_client_that_has_gone_is_ended(
    server: Running, database_url: str, accept: str
) -> None:
    async with locked(database_url) as lock:
        request = ask(server, COUNT, accept)
        await lock.waiting(1)

        await leave(request)

        await lock.waiting(0)
        assert request.cancelled()


async def test_what_is_nested_is_ended_too(
    graph: Graph, server: Running, database_url: str
) -> None:
    await graph(CREATE)
    async with locked(database_url, "ab_assignments") as lock:
        request = ask(server, NESTED)
        await lock.waiting(1, READS_ASSIGNMENTS)

        await leave(request)

        await lock.waiting(0, READS_ASSIGNMENTS)
        assert request.cancelled()


async def test_by_get_it_is_ended_too(server: Running, database_url: str) -> None:
    async with locked(database_url) as lock:
        request = asyncio.create_task(server.http.get("/graphql", params={"query": COUNT}))
        await lock.waiting(1)

        await leave(request)

        await lock.waiting(0)
        assert request.cancelled()


async def test_who_stays_is_answered(server: Running, database_url: str) -> None:
    async with locked(database_url) as lock:
        request, gone = ask(server, COUNT), ask(server, COUNT)
        await lock.waiting(2)
        await leave(gone)
        await lock.waiting(1)
        await lock.release()

        answer = (await request).json()

    assert answer == {"data": {"experiments": {"totalCount": 0}}}


async def test_a_change_that_was_begun_is_finished(
    graph: Graph, server: Running, database_url: str
) -> None:
    async with locked(database_url) as lock:
        request = ask(server, CREATE)
        await lock.waiting(1, CREATES)
        await leave(request)
        await asyncio.sleep(0.5)  # in which a query would have been ended
        await lock.waiting(1, CREATES)
        await lock.release()

        async with asyncio.timeout(SOON):
            while (await graph(COUNT))["experiments"]["totalCount"] != 1:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    assert await graph("{ experiments { nodes { name } } }") == {
        "experiments": {"nodes": [{"name": "a"}]}
    }


async def test_connections_to_the_database_come_back(server: Running, database_url: str) -> None:
    async with locked(database_url) as lock:
        for _ in range(3):
            requests = [ask(server, COUNT) for _ in range(5)]
            await lock.waiting(5)
            await leave(*requests)
            await lock.waiting(0)

    answers = await asyncio.gather(*(ask(server, COUNT) for _ in range(20)))
    assert [each.json() for each in answers] == [{"data": {"experiments": {"totalCount": 0}}}] * 20


@pytest.mark.parametrize("goes", [True, False], ids=["the client goes", "it completes"])
async def test_a_change_that_was_begun_over_a_socket_is_finished(
    server: Running, database_url: str, goes: bool
) -> None:
    async with locked(database_url) as table:
        async with server.connected() as socket:
            await socket.begin(SERVER_KEY)
            await socket.subscribe(CREATE)
            await table.waiting(1, CREATES)
            if not goes:
                await socket.say({"type": "complete", "id": "1"})
                await socket.say({"type": "ping"})
                assert await socket.hear() == {"type": "pong"}
        await table.release()

    async with asyncio.timeout(SOON):
        while (await server.graph(COUNT))["totalCount"] != 1:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert (await server.graph(COUNT))["totalCount"] == 1
