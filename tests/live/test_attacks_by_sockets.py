"""What can be done to the server by who has a socket: slowly, too often, too much at once."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import update
from websockets.exceptions import ConnectionClosed, InvalidStatus

from graphql_api.settings import Settings
from persistence.people_tables import api_keys
from tests.live.conftest import SERVER_KEY, STATS, Running, Socket, eventually, running

FOREIGN = "Forbidden: pages of this origin may not use these credentials"
EVIL = "https://evil.example"
TYPENAME = "{ __typename }"
VIEWER = "{ viewer { scopes } }"
HASH = hashlib.sha256(VIEWER.encode()).hexdigest()
BOMB = "{...f0}" + "".join(f"fragment f{n} on Query{{...f{n + 1} ...f{n + 1}}}" for n in range(90))
TOO_MUCH = {
    "nesting": "{" * 900,
    "tokens": "{" + "a " * 5000 + "}",
    "aliases": "{" + "".join(f"a{n}:__typename " for n in range(400)) + "}",
    "duplicates": "{" + "viewer { scopes } " * 480 + "}",
    "doubling": BOMB + "fragment f90 on Query { __typename }",
}


@asynccontextmanager
async def bounded(url: str, **settings: Any) -> AsyncIterator[Running]:
    async with running(url, Settings(log_level="warning", **settings)) as found:
        yield found


async def answer(socket: Socket, query: str, id: str = "1", **extensions: Any) -> dict[str, Any]:
    """The next message about that operation."""
    asked = {"query": query, "extensions": extensions} if query else {"extensions": extensions}
    await socket.say({"type": "subscribe", "id": id, "payload": asked})
    while (message := await socket.hear())["id"] != id or message["type"] == "complete":
        pass
    return message


@pytest.mark.parametrize("token", [None, SERVER_KEY])
@pytest.mark.parametrize("origin", [EVIL, "null", "http://127.0.0.1:1", "http://["])
async def test_a_page_of_another_origin_gets_nothing_from_a_socket(
    server: Running, origin: str, token: str | None
) -> None:
    payload = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with server.connected(origin=origin) as socket:  # a key of trackers allows any origin
        await socket.say({"type": "connection_init", "payload": payload})
        with pytest.raises(ConnectionClosed):
            await socket.hear()

    assert (socket.connection.close_code, socket.connection.close_reason) == (4403, FOREIGN)


async def test_where_no_key_names_its_origin_a_page_does_not_even_connect(
    server: Running,
) -> None:
    async with server.database.begin() as connection:
        await connection.execute(update(api_keys).values(allowed_origins=[]))

    with pytest.raises(InvalidStatus) as refused:
        async with server.connected(origin=EVIL):
            pass

    assert refused.value.response.status_code == 403


async def test_a_token_in_a_cookie_is_no_token(server: Running) -> None:
    async with server.connected(additional_headers={"Cookie": f"token={SERVER_KEY}"}) as socket:
        await socket.begin(token=None)
        message = await answer(socket, VIEWER)

    assert message["type"] == "error"
    assert message["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("name", TOO_MUCH)
async def test_limits_hold_on_sockets_too(server: Running, name: str) -> None:
    async with server.talking() as socket:
        message = await answer(socket, TOO_MUCH[name])
        after = await answer(socket, TYPENAME, "2")

    assert message["type"] == "error"
    assert message["payload"][0]["extensions"]["code"] in (
        "GRAPHQL_PARSE_FAILED",
        "GRAPHQL_VALIDATION_FAILED",
    )
    assert after["payload"] == {"data": {"__typename": "Query"}}


async def test_a_subscription_is_held_to_the_limits(server: Running) -> None:
    text = STATS.replace("revision", "".join(f"a{n}: revision " for n in range(31)))

    async with server.talking() as socket:
        message = await answer(socket, text)

    assert message["type"] == "error"
    assert message["payload"][0]["message"].startswith("limit of aliases")


async def test_who_asks_too_often_hears_an_error_and_stays(prepared: str) -> None:
    async with bounded(prepared, rate=1, rate_burst=4) as server, server.talking() as socket:
        first, second, third = [await answer(socket, VIEWER, str(n)) for n in range(3)]

    assert (first["type"], second["type"], third["type"]) == ("next", "next", "error")
    assert third["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_a_socket_tells_the_cost_of_who_asks(server: Running) -> None:
    async with server.talking() as socket:
        asked = await answer(socket, VIEWER, cost=True)
        silent = await answer(socket, VIEWER, "2")

    cost = asked["payload"]["extensions"]["cost"]
    assert (cost["requested"], cost["actual"]) == (2, 2)
    assert silent["payload"].keys() == {"data"}


async def test_a_stream_tells_the_cost_of_who_asks(server: Running) -> None:
    headers = {"Accept": "text/event-stream", "X-GraphQL-Cost": "1"}

    response = await server.http.post("/graphql", json={"query": VIEWER}, headers=headers)

    assert '"extensions":{"cost":{"requested":2,"actual":2,"remaining":' in response.text


async def test_a_socket_takes_hashes(server: Running) -> None:
    named = {"persistedQuery": {"version": 1, "sha256Hash": HASH}}

    async with server.talking() as socket:
        unknown = await answer(socket, "", "1", **named)
        sent = await answer(socket, VIEWER, "2", **named)
        by_name = await answer(socket, "", "3", **named)

    assert unknown["type"] == "error"
    assert unknown["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    assert by_name["payload"] == sent["payload"]
    assert by_name["payload"]["data"]["viewer"]["scopes"]


async def test_an_address_has_so_many_sockets_and_others_their_own(prepared: str) -> None:
    async with bounded(prepared, connections_per_address=2) as server:
        async with server.talking(), server.talking():
            with pytest.raises(InvalidStatus) as refused:
                async with server.connected():
                    pass
        await eventually(lambda: len(server.endpoints.connections) == 0)
        async with server.talking() as socket:
            after = await answer(socket, TYPENAME)

    assert refused.value.response.status_code == 429
    assert after["payload"] == {"data": {"__typename": "Query"}}


async def test_a_refused_handshake_tells_browsers_to_be_careful(prepared: str) -> None:
    async with bounded(prepared, connections=0) as server:
        with pytest.raises(InvalidStatus) as refused:
            async with server.connected():
                pass

    headers = refused.value.response.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


async def test_a_socket_has_so_many_operations(prepared: str) -> None:
    async with bounded(prepared, max_operations=2) as server:
        await server.experiment()
        async with server.talking() as socket:
            for number in range(3):
                await socket.subscribe(STATS, str(number), name="colour")
            heard = [await socket.hear() for _ in range(3)]

    [refused] = [message for message in heard if message["type"] == "error"]
    assert refused["id"] == "2"
    assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
