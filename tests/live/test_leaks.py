"""However clients come and go, nothing of them is left."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import QueuePool

from tests.live.conftest import CHANGED, STATS, Running, eventually
from tests.live.peers import Peer, events, unread_events
from tests.persistence.statements import counted

AT_ONCE = 20
TIMES, TIMES_WHEN_SOAKING = 1_000, 10_000
OPEN = Path("/proc/self/fd")
LOOK = "max(ab_snapshots.number)"  # what no other statement asks
QUERY = "{ experiments { totalCount } }"


async def says_goodbye(url: str) -> None:
    peer = await watching(url)
    await peer.end()


async def resets(url: str) -> None:
    peer = await watching(url)
    peer.abort()


async def completes_first(url: str) -> None:
    peer = await watching(url)
    await peer.say({"id": "1", "type": "complete"})
    await peer.end()


async def says_nothing(url: str) -> None:
    peer = Peer(url)
    await peer.connect()
    peer.leave()


async def resets_unheard(url: str) -> None:
    peer = Peer(url)
    await peer.connect()
    peer.abort()


async def leaves_before_the_first_value(url: str) -> None:
    peer = Peer(url)
    await peer.connect()
    await peer.begin()
    await peer.subscribe(STATS, name="colour", every=200)
    peer.leave()


async def resets_in_the_middle_of_many(url: str) -> None:
    peer = await watching(url)
    for number in range(2, 12):
        await peer.subscribe(STATS, str(number), name="colour", every=200 + number)
    await peer.subscribe(CHANGED, "changed", name="colour")
    await peer.subscribe(QUERY, "query")
    peer.abort()


async def asks_for_what_is_not_there(url: str) -> None:
    peer = Peer(url)
    await peer.connect()
    await peer.begin()
    await peer.subscribe(STATS, name="nowhere", every=200)
    assert (await peer.hear())["type"] == "error"
    peer.leave()


async def reads_some_events(url: str) -> None:
    async with events(url, STATS, name="colour", every=200) as stream:
        await stream.value()


async def reads_no_events(url: str) -> None:
    async with unread_events(url, STATS, name="colour", every=200) as reader:
        assert await asyncio.get_running_loop().sock_recv(reader, 1)


MANNERS: tuple[Callable[[str], Awaitable[None]], ...] = (
    says_goodbye,
    resets,
    completes_first,
    says_nothing,
    resets_unheard,
    leaves_before_the_first_value,
    resets_in_the_middle_of_many,
    asks_for_what_is_not_there,
    reads_some_events,
    reads_no_events,
)


async def watching(url: str) -> Peer:
    peer = Peer(url)
    await peer.connect()
    await peer.begin()
    await peer.subscribe(STATS, name="colour", every=200)
    assert (await peer.hear())["type"] == "next"
    return peer


async def come_and_go(server: Running, times: int) -> None:
    """Of each manner as many, and some of each at once."""
    left = iter(range(times))

    async def one_after_the_other() -> None:
        for number in left:
            await MANNERS[number % len(MANNERS)](server.url)

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))


async def write_on(server: Running) -> None:
    number = 0
    while True:
        await server.assign(f"user-{number}")
        number += 1
        await asyncio.sleep(0.05)


async def descriptors(server: Running) -> int:
    """Without those of the pool, which has as many connections as there was work at once."""
    await server.database.dispose()
    return len(list(OPEN.iterdir()))  # noqa: ASYNC240  it takes no time


def checked_out(server: Running) -> int:
    pool = server.database.engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()


def is_at_rest(server: Running) -> bool:
    endpoints = server.endpoints
    return not (
        len(endpoints.connections)
        or len(endpoints.channels)
        or len(endpoints.vigil)
        or checked_out(server)
        or len(server.server.server_state.connections) > 1  # that of the test
        or server.server.server_state.tasks
    )


async def test_nothing_is_left_of_who_has_come_and_gone(
    server: Running, is_soak: bool, caplog: pytest.LogCaptureFixture
) -> None:
    await server.experiment()
    await come_and_go(server, AT_ONCE)
    await eventually(lambda: is_at_rest(server))
    tasks, before = asyncio.all_tasks(), await descriptors(server)

    writing = asyncio.create_task(write_on(server))
    await come_and_go(server, TIMES_WHEN_SOAKING if is_soak else TIMES)
    writing.cancel()
    await asyncio.wait([writing])
    await eventually(lambda: is_at_rest(server))

    assert len(server.endpoints.connections) == len(server.endpoints.channels) == 0
    assert len(server.endpoints.vigil) == checked_out(server) == 0
    assert asyncio.all_tasks() <= tasks
    assert await descriptors(server) <= before
    async with counted(server.database) as statements:
        await asyncio.sleep(0.5)
    assert [each for each in statements if LOOK in each] == []
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []
