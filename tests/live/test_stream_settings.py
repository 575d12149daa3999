"""What bounds a stream is a setting."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from graphql_api.settings import Settings
from tests.live.conftest import CHANGED, CREATE, STATS, Running, eventually, running
from tests.live.peers import peer


@asynccontextmanager
async def bounded(url: str, **settings: Any) -> AsyncIterator[Running]:
    async with running(url, Settings(log_level="warning", **settings)) as found:
        yield found


async def test_the_time_until_a_connection_begins(prepared: str) -> None:
    async with bounded(prepared, begin_time=1) as server, server.connected() as socket:
        code, reason = await socket.closed(within=4)

    assert (code, reason) == (4408, "Connection initialisation timeout")


async def test_how_often_a_peer_is_asked_whether_it_lives_and_how_long_for(prepared: str) -> None:
    async with bounded(prepared, ping_interval=1, pong_time=1) as server:
        async with peer(server.url) as dead:
            is_cut = await dead.is_cut()
        await eventually(lambda: len(server.endpoints.connections) == 0)

    assert is_cut


async def test_the_size_of_a_value(prepared: str) -> None:
    async with bounded(prepared, max_value=500) as server:
        variants = [{"name": "control", "isControl": True}, {"name": "other"}]
        described = {"name": "large", "description": "d" * 500, "variants": variants}
        await server.graph(CREATE, i=described)
        await server.experiment("small")
        async with server.talking() as socket:
            await socket.subscribe(CHANGED, "1", name="large")
            refused = await socket.hear()
            await socket.subscribe(CHANGED, "2", name="small")
            value = await socket.value()

    (error,) = refused["payload"]
    assert error["extensions"]["code"] == "COST_LIMIT_EXCEEDED"
    assert error["message"].endswith("bytes, and at most 500 are sent: select less")
    assert value["status"] == "ACTIVE"


async def test_how_many_subscriptions_may_differ(prepared: str) -> None:
    async with bounded(prepared, max_subscriptions=1) as server:
        await server.experiment()
        async with server.talking() as socket:
            await socket.subscribe(STATS, "1", name="colour", every=200)
            await socket.value()
            await socket.subscribe(CHANGED, "2", name="colour")
            refused = await socket.hear()
            await socket.subscribe(STATS, "3", name="colour", every=200)
            shared = await socket.value()

    (error,) = refused["payload"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert error["message"] == "1 different subscriptions are open: try again later"
    assert shared["totalAssignments"] == 0
