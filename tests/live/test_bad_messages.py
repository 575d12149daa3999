"""Every way in which a client breaks graphql-transport-ws, and the code that it is closed with."""

import asyncio
import json
from typing import Any

import pytest

from tests.live.conftest import SERVER_KEY, STATS, Running

INIT = {"type": "connection_init"}
TICK = {"type": "ping"}


def _subscribe(**changes: Any) -> dict[str, Any]:
    return {"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }"}} | changes


DEEP = "[" * 30_000 + "]" * 30_000
WRONG = {
    "the message is no valid JSON": [
        "",
        "{",
        "[[[",
        DEEP,
        '{"type": "ping", "payload": NaN}',
        '{"type": "\\ud800"}',
    ],
    "the message is no JSON object": ["5", "null", "[]", '"ping"', "true"],
    "there is no message of the type None": ["{}", {"type": None}, {"id": "1"}],
    "there is no message of the type 7": [{"type": 7}],
    "there is no message of the type ['ping']": [{"type": ["ping"]}],
    "there is no message of the type 'PING'": [{"type": "PING"}],
    "there is no message of the type 'start'": [{"type": "start", "id": "1"}],
    "there is no message of the type 'connection_ack'": [{"type": "connection_ack"}],
    "there is no message of the type 'next'": [{"type": "next", "id": "1"}],
    "id must be a text of 1 to 256 characters": [
        {"type": "complete"},
        {"type": "complete", "id": 1},
        _subscribe(id=1),
        _subscribe(id=None),
        _subscribe(id=""),
    ],
    "payload must be an object": [
        {"type": "ping", "payload": "x"},
        {"type": "pong", "payload": []},
        _subscribe(payload="{ __typename }"),
        _subscribe(payload=[]),
    ],
    "query must be a text that is not empty": [
        {"type": "subscribe", "id": "1"},
        _subscribe(payload=None),
        _subscribe(payload={}),
        _subscribe(payload={"query": 5}),
        _subscribe(payload={"query": ""}),
    ],
    "variables must be an object": [
        _subscribe(payload={"query": "{ a }", "variables": [1]}),
        _subscribe(payload={"query": "{ a }", "variables": "{}"}),
    ],
    "extensions must be an object": [_subscribe(payload={"query": "{ a }", "extensions": 1})],
    "operationName must be a text": [_subscribe(payload={"query": "{ a }", "operationName": {}})],
}


async def _closed(server: Running, message: object) -> tuple[int | None, str | None]:
    async with server.talking() as socket:
        await socket.say(message)
        return await socket.closed()


@pytest.mark.parametrize(("reason", "messages"), WRONG.items(), ids=range(len(WRONG)))
async def test_a_message_that_is_none_closes_with_4400(
    server: Running, reason: str, messages: list[object]
) -> None:
    for message in messages:
        assert await _closed(server, message) == (4400, reason), message


async def test_bytes_close_with_4400(server: Running) -> None:
    async with server.talking() as socket:
        await socket.connection.send(json.dumps(TICK).encode())

        assert await socket.closed() == (4400, "send text, not bytes")


async def test_a_long_reason_is_cut_to_what_a_close_has_room_for(server: Running) -> None:
    async with server.talking() as socket:
        await socket.say({"type": "😀" * 5_000})
        code, reason = await socket.closed()

    assert code == 4400
    assert reason is not None
    assert reason.startswith("there is no message of the type '😀😀")
    assert len(reason.encode()) <= 123


@pytest.mark.parametrize(
    "payload", [{"Authorization": 5}, {"authorization": ["Bearer x"]}, {"AUTHORIZATION": {}}]
)
async def test_an_authorization_that_is_no_text_closes_with_4400(
    server: Running, payload: dict[str, Any]
) -> None:
    async with server.connected() as socket:
        await socket.say(INIT | {"payload": payload})

        assert await socket.closed() == (4400, "authorization must be a text")


@pytest.mark.parametrize("payload", ["x", 5, [], True])
async def test_an_init_with_a_payload_that_is_no_object_closes_with_4400(
    server: Running, payload: object
) -> None:
    async with server.connected() as socket:
        await socket.say(INIT | {"payload": payload})

        assert await socket.closed() == (4400, "payload must be an object")


async def test_who_has_not_begun_may_not_subscribe(server: Running) -> None:
    async with server.connected() as socket:
        await socket.say(_subscribe())

        assert await socket.closed() == (4401, "Unauthorized")


@pytest.mark.parametrize(
    "shown", ["Bearer abk_nobody-has-such-a-key", "Bearer abs_x", "Bearer", "Basic YTpi", ""]
)
async def test_what_is_no_credential_closes_with_4403(server: Running, shown: str) -> None:
    async with server.connected() as socket:
        await socket.say(INIT | {"payload": {"Authorization": shown}})
        code, reason = await socket.closed()

    assert code == 4403
    assert reason == "Forbidden: log in, or send an API key, as Authorization: Bearer …"


async def test_a_key_of_the_handshake_counts_where_the_init_shows_none(server: Running) -> None:
    headers = {"Authorization": "Bearer abk_nobody-has-such-a-key"}
    async with server.connected(additional_headers=headers) as socket:
        await socket.say(INIT)

        assert (await socket.closed())[0] == 4403

    async with server.connected(additional_headers=headers) as socket:
        await socket.begin(SERVER_KEY)


@pytest.mark.parametrize("offered", [["graphql-ws"], ["Graphql-Transport-WS"], None])
async def test_another_subprotocol_closes_with_4406(
    server: Running, offered: list[str] | None
) -> None:
    async with server.connected(subprotocols=offered) as socket:
        assert socket.connection.subprotocol is None
        assert await socket.closed() == (4406, "Subprotocol not acceptable")


async def test_ours_is_chosen_among_the_subprotocols_that_are_offered(server: Running) -> None:
    offered = ["graphql-ws", "graphql-transport-ws"]
    async with server.connected(subprotocols=offered) as socket:
        await socket.begin()

        assert socket.connection.subprotocol == "graphql-transport-ws"


async def test_who_does_not_begin_is_closed_with_4408(server: Running) -> None:
    loop = asyncio.get_running_loop()
    async with server.connected() as socket:
        began = loop.time()
        await socket.say(TICK)
        assert await socket.hear() == {"type": "pong"}

        assert await socket.closed(20) == (4408, "Connection initialisation timeout")
        assert loop.time() - began > 4


@pytest.mark.parametrize("query", ["subscription { a }", STATS])
async def test_an_id_that_is_in_use_closes_with_4409(server: Running, query: str) -> None:
    await server.experiment()
    async with server.talking() as socket:
        await socket.subscribe(STATS, id="mine", name="colour")
        await socket.value()
        await socket.subscribe(query, id="mine", name="colour")

        assert await socket.closed() == (4409, "Subscriber for 'mine' already exists")


async def test_an_id_of_a_query_is_in_use_until_it_is_answered(server: Running) -> None:
    async with server.talking() as socket:
        await socket.say(_subscribe())
        await socket.say(_subscribe())

        assert await socket.closed() == (4409, "Subscriber for '1' already exists")


async def test_a_second_init_closes_with_4429(server: Running) -> None:
    async with server.talking() as socket:
        await socket.say(INIT)

        assert await socket.closed() == (4429, "Too many initialisation requests")


async def test_a_second_init_right_behind_the_first_closes_with_4429(server: Running) -> None:
    async with server.connected() as socket:
        await socket.say(INIT)
        await socket.say(INIT)

        assert await socket.closed() == (4429, "Too many initialisation requests")
