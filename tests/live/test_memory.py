"""What a server process really holds for those who stop reading large values: of each connection
little, of a value one copy, and of values that are outdated no more than a bounded amount."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeAlias

import pytest

from graphql_api.payloads import MOST_OUTDATED
from tests.graphql_api.serving import KEY, Serving, serving
from tests.live.conftest import eventually
from tests.live.peers import SMALL, Peer, is_established, peer, unread_events
from tests.live.test_slow_readers import DESCRIBE, DESCRIBED, graph
from tests.tracking.load import begun

READERS = 200
OWN = 2**18  # bytes of each
COPY = 900_000  # bytes of a value, at least
SPARE = 24 * 2**20  # for the work itself: a value of this size is made anew each time
MANY = " ".join(f"a{number}: experiment {{ description }}" for number in range(90))
QUERY = f"""subscription {{
  experimentStats(experiment: {{name: "checkout"}}, intervalMs: 200) {{ totalAssignments {MANY} }}
}}"""
ASSIGN = """mutation ($user: String!) {
  assign(input: {experiment: "checkout", userId: $user}) { errors { message } }
}"""


class SlowPeer:
    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self.socket = peer.socket

    async def reads_one(self) -> None:
        await self._peer.hear()

    async def begins_another(self) -> None:
        await self._peer.frame()


class SlowEvents:
    def __init__(self, made: socket.socket) -> None:
        self.socket = made

    async def reads_one(self) -> None:
        await self._reads_until(b"}\n\n")

    async def begins_another(self) -> None:
        await self._reads_until(b"data: ")

    async def _reads_until(self, end: bytes) -> None:
        loop, found = asyncio.get_running_loop(), b""
        while not found.endswith(end):
            part = await loop.sock_recv(self.socket, 1)
            assert part
            found += part


Slow: TypeAlias = SlowPeer | SlowEvents
Subscribed: TypeAlias = Callable[[str], AbstractAsyncContextManager[Slow]]


@asynccontextmanager
async def slow_peer(url: str) -> AsyncIterator[Slow]:
    async with peer(url, room=SMALL, token=KEY) as found:
        await found.subscribe(QUERY)
        yield SlowPeer(found)


@asynccontextmanager
async def slow_events(url: str) -> AsyncIterator[Slow]:
    async with unread_events(url, QUERY, token=KEY) as found:
        yield SlowEvents(found)


@pytest.fixture(params=[slow_peer, slow_events], ids=["WebSocket", "events"])
def subscribed(request: pytest.FixtureRequest) -> Subscribed:
    found: Subscribed = request.param
    return found


@pytest.fixture
async def process(database_url: str) -> AsyncIterator[Serving]:
    async with serving(DATABASE_URL=database_url, ABGRAPH_MAX_ALIASES="90") as process:
        await begun(process.url, "checkout")
        yield process


async def test_a_value_that_many_stop_reading_is_held_once(
    process: Serving, subscribed: Subscribed
) -> None:
    async with AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(subscribed(process.url)) for _ in range(READERS)]
        for reader in readers:
            await reader.reads_one()
        before = process.memory()
        await graph(process.url, DESCRIBE, i=DESCRIBED)
        for reader in readers:
            await reader.begins_another()
        growth = process.memory() - before

        assert all(is_established(reader.socket) for reader in readers)
    assert growth < READERS * OWN + SPARE < READERS * COPY


async def test_of_many_values_that_are_outdated_few_are_held(
    process: Serving, subscribed: Subscribed
) -> None:
    await graph(process.url, DESCRIBE, i=DESCRIBED)
    async with AsyncExitStack() as stack:
        before, readers = process.memory(), list[Slow]()
        for number in range(READERS):
            await graph(process.url, ASSIGN, user=f"user-{number}")
            readers.append(await stack.enter_async_context(subscribed(process.url)))
            await readers[-1].begins_another()
        growth = process.memory() - before
        await eventually(lambda: not is_established(readers[0].socket))

        assert is_established(readers[-1].socket)
    assert growth < READERS * OWN + MOST_OUTDATED + SPARE < READERS * COPY
