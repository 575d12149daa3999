"""How many may connect, from where, and what one connection may do to the others."""

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import delete
from websockets.exceptions import InvalidStatus

from domain.access import Scope
from graphql_api.settings import Settings
from persistence.people_tables import api_keys
from persistence.projects import Projects
from tests.graphql_api.neighbours import key_of
from tests.live.conftest import SERVER_KEY, STATS, Running, Socket, eventually, running
from tests.live.peers import Peer, peer

SHOP = "https://shop.example"
FLOOD = 5_000


async def _refusal(server: Running, **options: Any) -> tuple[int, dict[str, Any]]:
    """Of the handshake: its status, and its only error."""
    with pytest.raises(InvalidStatus) as refused:
        async with server.connected(**options):
            pass
    response = refused.value.response
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    (error,) = json.loads(response.body)["errors"]
    assert error["extensions"]["requestId"]
    return response.status_code, error


async def _forget_the_key_of_all_pages(server: Running) -> None:
    """With it, a tracker may connect from everywhere."""
    async with server.database.begin() as connection:
        await connection.execute(delete(api_keys).where(api_keys.c.name == "tracker"))


async def _key_from(server: Running, *origins: str) -> str:
    (project,) = await Projects(server.database).all()
    return await key_of(server.database, project.id, Scope.READ, allowed_origins=list(origins))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (Settings(connections=2, log_level="warning"), "there are 2 connections: try again later"),
        (
            Settings(connections_per_address=2, log_level="warning"),
            "your address has 2 connections: that is all it may have",
        ),
    ],
)
async def test_one_connection_too_many_is_refused_until_one_leaves(
    prepared: str, settings: Settings, sentence: str
) -> None:
    async with running(prepared, settings) as server, server.talking():
        async with server.connected():
            status, error = await _refusal(server)
        await eventually(lambda: len(server.endpoints.connections) == 1)

        assert (status, error["message"]) == (429, sentence)
        assert error["extensions"]["code"] == "RATE_LIMITED"
        async with server.talking():
            assert len(server.endpoints.connections) == 2


async def test_who_is_refused_takes_no_place(prepared: str) -> None:
    settings = Settings(connections=1, log_level="warning")
    async with running(prepared, settings) as server:
        await _forget_the_key_of_all_pages(server)
        for _ in range(3):
            await _refusal(server, origin="https://nobody.example")
        async with server.connected(subprotocols=["graphql-ws"]) as socket:
            await socket.closed()
        await eventually(lambda: len(server.endpoints.connections) == 0)

        async with server.talking():
            assert (await _refusal(server))[0] == 429


@pytest.mark.parametrize("origin", ["https://nobody.example", "null", "http://127.0.0.1:1", "["])
async def test_a_page_of_another_origin_may_not_connect(server: Running, origin: str) -> None:
    await _forget_the_key_of_all_pages(server)
    await _key_from(server, SHOP)
    status, error = await _refusal(server, origin=origin)

    assert (status, error["extensions"]["code"]) == (403, "FORBIDDEN")
    assert error["message"] == "pages of this origin may not connect"


async def test_a_page_of_our_own_may_connect(server: Running) -> None:
    async with server.connected(origin=server.url) as socket:
        await socket.begin()
        await socket.subscribe("{ __typename }")

        assert (await socket.hear())["payload"] == {"data": {"__typename": "Query"}}


async def test_a_page_that_a_key_names_may_connect_with_it(server: Running) -> None:
    await server.experiment()
    key = await _key_from(server, SHOP)
    async with server.connected(origin=SHOP) as socket:
        await socket.begin(key)
        await socket.subscribe(STATS, name="colour")

        assert (await socket.value())["totalAssignments"] == 0


@pytest.mark.parametrize("shown", [{"Authorization": f"Bearer {SERVER_KEY}"}, {}, None])
async def test_a_page_that_a_key_names_may_not_use_another(
    server: Running, shown: dict[str, str] | None
) -> None:
    await _key_from(server, SHOP)
    async with server.connected(origin=SHOP) as socket:
        await socket.say({"type": "connection_init", "payload": shown})

        sentence = "Forbidden: pages of this origin may not use these credentials"
        assert await socket.closed() == (4403, sentence)


async def test_nothing_is_compressed_even_where_the_client_offers_it(server: Running) -> None:
    async with server.connected(compression="deflate") as socket:
        await socket.begin()

        response = socket.connection.response
        assert response is not None
        assert "Sec-WebSocket-Extensions" not in response.headers


async def test_who_pings_and_never_reads_is_cut_off(server: Running) -> None:
    async with server.talking() as socket:
        transport = socket.connection.transport
        transport.pause_reading()
        pings = (b"\x89\xfd\0\0\0\0" + b"." * 125) * FLOOD
        async with asyncio.timeout(60):
            while len(server.endpoints.connections):
                transport.write(pings)
                await asyncio.sleep(0.05)
        transport.resume_reading()

    assert socket.connection.close_code == 1006


async def test_who_asks_for_pongs_and_never_reads_them_is_let_go(server: Running) -> None:
    async with peer(server.url, room=4096) as flooding:
        sending = asyncio.create_task(_flood(flooding))
        await asyncio.sleep(1)
        assert len(server.endpoints.connections) == 1
        sending.cancel()
        await asyncio.wait([sending])
        flooding.abort()

        await eventually(lambda: len(server.endpoints.connections) == 0)


async def _flood(flooding: Peer) -> None:
    while True:
        await flooding.say({"type": "ping", "payload": {"x": "." * 10_000}})
        await asyncio.sleep(0)


async def test_a_flood_of_small_messages_is_survived_by_others(server: Running) -> None:
    await server.experiment()
    async with server.talking() as flooding, server.talking() as other:
        await other.subscribe(STATS, name="colour", every=200)
        await other.value()
        sending = asyncio.create_task(_pong_for_ever(flooding))
        for user in range(5):
            await server.assign(f"user {user}")
            assert (await other.value())["totalAssignments"] > user
        sending.cancel()
        await asyncio.wait([sending])


async def _pong_for_ever(socket: Socket) -> None:
    while True:
        for _ in range(50):
            await socket.say({"type": "pong"})
        await asyncio.sleep(0)
