"""Frames that are too large, too many or unreadable; and what goes wrong on our own side."""

import asyncio
import json
import logging

import pytest
from websockets.frames import Close, Opcode

from graphql_api.bounds import Bounds
from tests.live.conftest import Running
from tests.live.peers import peer

LARGEST_MESSAGE = Bounds().max_message

FLOOD = 5_000


@pytest.mark.parametrize("size", [LARGEST_MESSAGE + 1, 2**20, 2**24])
async def test_a_message_that_is_too_large_closes_with_1009(server: Running, size: int) -> None:
    async with server.talking() as socket:
        sending = asyncio.create_task(socket.say(" " * size))
        code, _ = await socket.closed()
        await asyncio.wait([sending])
        sending.exception()

    assert code == 1009


async def test_who_sends_too_much_is_heard_out_and_can_read_why(server: Running) -> None:
    async with peer(server.url) as talker:
        await talker.say("." * 2**24)
        frame = await talker.frame()

    assert frame.opcode is Opcode.CLOSE
    assert Close.parse(frame.data).code == 1009


async def test_the_pieces_of_a_message_count_together(server: Running) -> None:
    async with server.talking() as socket:
        pieces = [" " * 1024] * 65
        sending = asyncio.create_task(socket.connection.send(pieces))
        code, _ = await socket.closed()
        await asyncio.wait([sending])
        sending.exception()

    assert code == 1009


async def test_a_message_may_be_as_large_as_is_allowed(server: Running) -> None:
    async with server.talking() as socket:
        payload = {"query": "{ __typename }"}
        message = json.dumps({"type": "subscribe", "id": "1", "payload": payload})
        await socket.say(message + " " * (LARGEST_MESSAGE - len(message)))

        answer = await socket.hear()

    assert answer["payload"] == {"data": {"__typename": "Query"}}


async def test_what_is_not_utf_8_closes_with_1007(server: Running) -> None:
    async with server.talking() as socket:
        await socket.connection.send(b'{"type": "\xff"}', text=True)

        assert (await socket.closed())[0] == 1007


async def test_what_is_not_utf_8_is_no_fault_of_ours(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    async with server.talking() as socket:
        await socket.connection.send([b'{"type": "', b'\xff"}'], text=True)

        assert await socket.closed() == (1007, "a text that is not UTF-8")
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


@pytest.mark.parametrize(
    "message",
    [
        '{"type": "ping", "payload": {"deep": %s}}',
        '{"type": %s}',
        (
            '{"type": "subscribe", "id": "1", "payload": {"query": "subscription { a }",'
            ' "variables": {"deep": %s}}}'
        ),
    ],
)
async def test_what_is_nested_too_deeply_to_be_written_down_closes_with_4400(
    server: Running, message: str
) -> None:
    async with server.talking() as socket:
        await socket.say(message % ("[" * 1000 + "]" * 1000))

        assert await socket.closed() == (4400, "the message is nested too deeply")


async def test_a_fault_of_ours_closes_with_1011(server: Running) -> None:
    async with server.database.engine.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE ab_api_keys RENAME TO elsewhere")
    async with server.connected() as socket:
        payload = {"Authorization": "Bearer abk_unknown"}
        await socket.say({"type": "connection_init", "payload": payload})

        assert await socket.closed() == (1011, "something went wrong on our side")


async def test_too_many_messages_at_once_close_with_1008(server: Running) -> None:
    async with server.talking() as socket:
        message = b'\x81\x8f\0\0\0\0{"type":"pong"}'
        socket.connection.transport.write(message * FLOOD)

        assert await socket.closed() == (1008, "too many messages at once")


async def test_a_message_of_too_many_parts_closes_with_1009(server: Running) -> None:
    async with server.talking() as socket:
        empty = b"\0\x80\0\0\0\0"
        socket.connection.transport.write(b"\x01\x80\0\0\0\0" + empty * FLOOD)

        assert await socket.closed() == (1009, "a message of too many parts")
