"""What streams get when the server is told to end."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import asyncpg
import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.graphql_api.serving import AUTHORIZATION, KEY, Serving, serving
from tests.live.conftest import ASSIGN, STATS, Socket
from tests.live.peers import SMALL, events, peer, talking, unread_events
from tests.tracking.load import begun

logger = logging.getLogger(__name__)

SECONDS = 10.0  # far more than it takes, far less than a peer could hold it up
GOING_AWAY = 1001
LARGE = f"""subscription {{
  experimentStats(experiment: {{name: "checkout"}}, intervalMs: 200) {{
    totalAssignments {" ".join(f"a{n}: experiment {{ description }}" for n in range(40))}
  }}
}}"""
DESCRIBE = """mutation ($i: ExperimentUpdateInput!) {
  experimentUpdate(input: $i) { errors { message } }
}"""
SLOW = 'mutation { experimentCreate(input: {name: "slow"}) { errors { code } } }'
WAITING = """SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND datname = current_database()"""
VALUES = 12  # of 300 KiB each: more than the system and we hold of them
ONE_OR_TWO = pytest.mark.parametrize("workers", ["1", "2"])


@pytest.fixture
async def server(database_url: str, workers: str) -> AsyncIterator[Serving]:
    large = {"ABGRAPH_MAX_ALIASES": "40"}
    async with serving("--workers", workers, DATABASE_URL=database_url, **large) as server:
        await begun(server.url, "checkout")
        yield server


@ONE_OR_TWO
async def test_what_was_committed_before_the_signal_is_the_last_value(server: Serving) -> None:
    async with talking(server.url, KEY) as socket:
        await socket.subscribe(STATS, name="checkout", every=60_000)
        first = await socket.value()
        await assign(server, "ada")

        server.tell(signal.SIGTERM)

        last = await socket.value()
        assert (first["totalAssignments"], last["totalAssignments"]) == (0, 1)
        assert await what_follows(socket) == []
        assert socket.connection.close_code == GOING_AWAY
    assert await server.ends(SECONDS) == 0
    assert faults(server) == []


@ONE_OR_TWO
async def test_events_end_after_the_last_value_and_without_complete(server: Serving) -> None:
    async with events(server.url, STATS, KEY, name="checkout", every=60_000) as stream:
        first = await stream.value()
        await assign(server, "ada")

        server.tell(signal.SIGTERM)

        last = await stream.value()
        assert (first["totalAssignments"], last["totalAssignments"]) == (0, 1)
        assert await stream.rest() == []
    assert await server.ends(SECONDS) == 0
    assert faults(server) == []


@ONE_OR_TWO
async def test_who_never_reads_does_not_hold_up_the_end(server: Serving) -> None:
    text = "d" * 8_000
    await graph(server, DESCRIBE, i={"experiment": {"name": "checkout"}, "description": text})
    async with (
        peer(server.url, room=SMALL, token=KEY) as idle,
        unread_events(server.url, LARGE, KEY),
        talking(server.url, KEY) as socket,
    ):
        await idle.subscribe(LARGE)
        await socket.subscribe(LARGE)
        for number in range(VALUES):
            await socket.value()
            await assign(server, f"user-{number}")

        began = time.monotonic()
        server.tell(signal.SIGTERM)

        assert await what_follows(socket) != []
        assert await server.ends(SECONDS) == 0
        took = time.monotonic() - began
    logger.info("%.1f s", took)
    assert faults(server) == []


@pytest.fixture
async def locker(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@ONE_OR_TWO
async def test_requests_that_are_under_way_are_still_answered(
    server: Serving, locker: asyncpg.Connection
) -> None:
    await locker.execute("BEGIN; LOCK TABLE ab_experiments")
    waiting = asyncio.create_task(graph(server, SLOW))
    await until_somebody_waits(locker)

    server.tell(signal.SIGTERM)
    await asyncio.sleep(0.5)  # nobody tells that it has been felt
    await locker.execute("COMMIT")

    assert await waiting == {"errors": []}
    assert await server.ends(SECONDS) == 0


@ONE_OR_TWO
async def test_a_change_that_is_under_way_over_a_socket_is_still_answered(
    server: Serving, locker: asyncpg.Connection
) -> None:
    async with talking(server.url, KEY) as socket:
        await locker.execute("BEGIN; LOCK TABLE ab_experiments")
        await socket.subscribe(SLOW)
        await until_somebody_waits(locker)

        server.tell(signal.SIGTERM)
        await asyncio.sleep(0.5)  # nobody tells that it has been felt
        await locker.execute("COMMIT")

        assert await socket.value() == {"errors": []}
        await what_follows(socket)
        assert socket.connection.close_code == GOING_AWAY
    assert await server.ends(SECONDS) == 0


def faults(server: Serving) -> list[str]:
    return [line for line in server.lines if "ERROR" in line or "Traceback" in line]


async def graph(server: Serving, query: str, **variables: Any) -> dict[str, Any]:
    async with httpx.AsyncClient(headers=AUTHORIZATION) as http:
        body = {"query": query, "variables": variables}
        answer = (await http.post(f"{server.url}/graphql", json=body)).json()
    assert "errors" not in answer, answer
    (value,) = answer["data"].values()
    found: dict[str, Any] = value
    assert not found["errors"], found
    return found


async def assign(server: Serving, user: str) -> None:
    await graph(server, ASSIGN, i={"experiment": "checkout", "userId": user})


async def what_follows(socket: Socket) -> list[str | bytes]:
    """All messages until the connection is closed."""
    found = []
    async with asyncio.timeout(SECONDS):
        with suppress(ConnectionClosed):
            while True:
                found.append(await socket.connection.recv())
    return found


async def until_somebody_waits(locker: asyncpg.Connection) -> None:
    async with asyncio.timeout(SECONDS):
        while not await locker.fetchval(WAITING):  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)
