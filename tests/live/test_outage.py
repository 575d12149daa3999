"""The database goes away under those who watch, and comes back."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from graphql_api.app import begin
from graphql_api.settings import Settings
from persistence import revisions
from persistence.embedded import EmbeddedPostgres
from tests.graphql_api.test_outage import Server as Postgres
from tests.live.conftest import CHANGED, SERVER_KEY, STATS, Running, Socket, running
from tests.live.peers import Events, events
from tests.persistence.servers import open_folder, postmaster

LIMIT = 6.0  # seconds until somebody is told that the database is away
LONG = 5.0  # seconds that it is away: longer than any statement may take, and than two vigils
DELETE = """mutation {
  experimentDelete(input: {experiment: {name: "colour"}}) { errors { message } }
}"""
OTHER = STATS.replace("totalConversions", "")  # than anybody has asked for


@pytest.fixture(scope="module")
async def postgres() -> AsyncIterator[Postgres]:
    with open_folder() as home:
        embedded = EmbeddedPostgres(home)
        try:
            url = await embedded.start()
            await revisions.upgrade(url)
            await begin(Settings(bootstrap_server_key=SERVER_KEY), url)
            yield Postgres(home, embedded, url)
        finally:
            await embedded.stop()


@pytest.fixture
async def server(postgres: Postgres) -> AsyncIterator[Running]:
    """With an experiment of its own."""
    async with running(postgres.url) as found:
        await found.experiment()
        yield found
        await found.move("Complete")
        await found.graph(DELETE)


class Watchers:
    def __init__(self, stats: Socket, changed: Socket, stream: Events) -> None:
        self.stats = stats
        self.changed = changed
        self.stream = stream

    async def are_silent(self, seconds: float) -> bool:
        found = await asyncio.gather(self.stats.is_silent(seconds), self.changed.is_silent(seconds))
        return all(found)


@pytest.fixture
async def watchers(server: Running) -> AsyncIterator[Watchers]:
    """Who have all got their first value."""
    async with AsyncExitStack() as stack:
        stats = await stack.enter_async_context(server.talking())
        changed = await stack.enter_async_context(server.talking())
        await stats.subscribe(STATS, name="colour", every=200)
        await changed.subscribe(CHANGED, name="colour")
        stream = await stack.enter_async_context(
            events(server.url, STATS, name="colour", every=200)
        )
        found = Watchers(stats, changed, stream)
        assert (await stats.value())["totalAssignments"] == 0
        assert (await changed.value())["status"] == "ACTIVE"
        assert (await stream.value())["totalAssignments"] == 0
        yield found


async def assert_they_see_what_is_new(server: Running, watchers: Watchers) -> None:
    await server.assign("ada")
    await server.move("Pause")

    shown = [await watchers.stats.value()]
    while shown[-1]["experiment"]["status"] != "PAUSED":
        shown.append(await watchers.stats.value())
    streamed = await watchers.stream.value()
    while streamed["experiment"]["status"] != "PAUSED":
        streamed = await watchers.stream.value()
    assert {each["totalAssignments"] for each in shown} <= {0, 1}
    assert shown[-1]["totalAssignments"] == streamed["totalAssignments"] == 1
    assert (await watchers.changed.value())["status"] == "PAUSED"


async def test_a_database_that_is_silent_for_a_while(
    server: Running, watchers: Watchers, postgres: Postgres
) -> None:
    with postgres.frozen():
        assert await watchers.are_silent(LONG)

    await assert_they_see_what_is_new(server, watchers)


async def test_a_database_that_is_restarted(
    server: Running, watchers: Watchers, postgres: Postgres
) -> None:
    await postgres.postgres.stop()
    try:
        assert await watchers.are_silent(LONG)
    finally:
        await postgres.postgres.start()

    await assert_they_see_what_is_new(server, watchers)


async def test_a_database_that_is_killed(
    server: Running, watchers: Watchers, postgres: Postgres
) -> None:
    os.kill(postmaster(postgres.home), signal.SIGKILL)
    try:
        assert await watchers.are_silent(LONG)
    finally:
        await postgres.postgres.start()

    await assert_they_see_what_is_new(server, watchers)


@pytest.mark.parametrize(
    ("asked", "every"), [(OTHER, {"every": 200}), (CHANGED, {})], ids=["alone", "joining others"]
)
async def test_who_subscribes_meanwhile_is_told_in_time(
    server: Running, watchers: Watchers, postgres: Postgres, asked: str, every: dict[str, int]
) -> None:
    with postgres.frozen():
        began = time.monotonic()
        await watchers.changed.subscribe(asked, id="2", name="colour", **every)
        refusal = await watchers.changed.hear(LIMIT)
        took = time.monotonic() - began

    assert (refusal["id"], refusal["type"]) == ("2", "error")
    assert refusal["payload"][0]["extensions"]["code"] == "UNAVAILABLE"
    assert took < LIMIT
    await assert_they_see_what_is_new(server, watchers)


async def test_who_connects_meanwhile_is_told_to_try_again(
    server: Running, watchers: Watchers, postgres: Postgres
) -> None:
    with postgres.frozen():
        async with server.connected() as newcomer:
            payload = {"Authorization": "Bearer abk_nobody-knows-this-one"}
            await newcomer.say({"type": "connection_init", "payload": payload})
            code, _ = await newcomer.closed()

    assert code == 1013
    await assert_they_see_what_is_new(server, watchers)
