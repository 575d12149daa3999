"""What a connection has still to say, and in which order it is said."""

import asyncio
import json
from typing import Any

import pytest

from graphql_api.operations import Answer
from graphql_api.outbox import Frame, Letter, Outbox
from graphql_api.payloads import Outdated, Payload


class Peer:
    """Reads when it is told to."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.reads = asyncio.Event()
        self.ended: list[str] = []
        self.outdated = Outdated()
        self.outbox = Outbox(self._hear, self.outdated)

    async def _hear(self, frame: Frame) -> None:
        await self.reads.wait()
        self.heard.append(json.loads(b"".join(frame.parts)))

    def letter(self, id: str = "1") -> Letter:
        return Letter(self.outbox, id, on_end=lambda: self.ended.append(id))

    async def hears_all(self) -> list[dict[str, Any]]:
        """Until there is nothing left to say."""
        self.reads.set()
        self.outbox.close()
        async with asyncio.timeout(10):
            await self.outbox.run()
        return self.heard


@pytest.fixture
async def peer() -> Peer:
    return Peer()


def payload(number: int) -> Payload:
    return Payload(b'{"data":%d}' % number)


def value(number: int, id: str = "1") -> dict[str, Any]:
    return {"id": id, "type": "next", "payload": {"data": number}}


async def test_a_value_that_was_not_sent_is_replaced_by_the_newer(peer: Peer) -> None:
    letter = peer.letter()
    for number in range(1000):
        letter.next(payload(number))

    assert await peer.hears_all() == [value(999)]
    assert peer.ended == []


async def test_what_one_alone_gets_follows_what_all_get(peer: Peer) -> None:
    shared = Payload(b'{"errors":[{"message":"no"}],"data":1}')
    told, other = peer.letter("1"), peer.letter("2")
    told.next(shared, b',"extensions":{"cost":{}}')
    other.next(shared)

    first, second = await peer.hears_all()
    assert second["payload"] == {"errors": [{"message": "no"}], "data": 1}
    assert first["payload"] == second["payload"] | {"extensions": {"cost": {}}}


async def test_a_newer_value_has_its_own_end(peer: Peer) -> None:
    letter = peer.letter()
    letter.next(payload(1), b',"extensions":{}')
    letter.next(payload(2))

    assert await peer.hears_all() == [value(2)]


async def test_the_end_comes_after_the_last_value(peer: Peer) -> None:
    letter = peer.letter()
    letter.complete()
    letter.next(payload(1))

    assert await peer.hears_all() == [value(1), {"id": "1", "type": "complete"}]
    assert peer.ended == ["1"]
    assert letter.sent.is_set()


async def test_an_error_takes_the_place_of_a_value(peer: Peer) -> None:
    letter = peer.letter()
    letter.next(payload(1))
    letter.error([{"message": "no"}])

    assert await peer.hears_all() == [{"id": "1", "type": "error", "payload": [{"message": "no"}]}]
    assert peer.ended == ["1"]


async def test_an_answer_is_a_value_and_the_end_or_else_an_error(peer: Peer) -> None:
    peer.letter("1").answer(Answer(body={"data": 1}))
    peer.letter("2").answer(Answer(body={"errors": [{"message": "no"}]}, is_request_error=True))

    assert await peer.hears_all() == [
        value(1),
        {"id": "1", "type": "complete"},
        {"id": "2", "type": "error", "payload": [{"message": "no"}]},
    ]


async def test_what_is_recalled_is_not_sent_even_where_more_comes(peer: Peer) -> None:
    recalled, other = peer.letter("1"), peer.letter("2")
    for letter in (recalled, other):
        letter.next(payload(1))
    recalled.recall()
    recalled.next(payload(2))
    recalled.complete()

    assert await peer.hears_all() == [value(1, "2")]
    assert recalled.sent.is_set()
    assert peer.ended == []


async def test_any_text_may_be_an_id(peer: Peer) -> None:
    peer.letter('"\\\n\u2028é').complete()

    assert await peer.hears_all() == [{"id": '"\\\n\u2028é', "type": "complete"}]


async def test_who_reads_slowly_gets_the_latest_of_each_operation(peer: Peer) -> None:
    running = asyncio.create_task(peer.outbox.run())
    letters = [peer.letter("1"), peer.letter("2")]
    for number in range(100):
        for letter in letters:
            letter.next(payload(number))
        await asyncio.sleep(0)
    peer.reads.set()
    peer.outbox.close()
    async with asyncio.timeout(10):
        await running

    assert peer.heard == [value(0), value(99, "2"), value(99)]


async def test_words_are_bounded_and_whoever_says_more_waits(peer: Peer) -> None:
    running = asyncio.create_task(peer.outbox.run())
    said = []

    async def talk() -> None:
        for number in range(100):
            await peer.outbox.say(b'{"word":%d}' % number)
            said.append(number)

    talking = asyncio.create_task(talk())
    for _ in range(300):
        await asyncio.sleep(0)
    assert len(said) == 32

    peer.reads.set()
    async with asyncio.timeout(10):
        await talking
    peer.outbox.close()
    async with asyncio.timeout(10):
        await running
    assert [each["word"] for each in peer.heard] == list(range(100))


async def test_long_words_are_fewer(peer: Peer) -> None:
    running = asyncio.create_task(peer.outbox.run())
    said = []

    async def talk() -> None:
        for number in range(10):
            await peer.outbox.say(b'"%s"' % (b"x" * 30_000))
            said.append(number)

    talking = asyncio.create_task(talk())
    for _ in range(300):
        await asyncio.sleep(0)
    assert len(said) == 2

    peer.reads.set()
    async with asyncio.timeout(10):
        await talking
    peer.outbox.close()
    async with asyncio.timeout(10):
        await running
    assert len(peer.heard) == 10


async def test_it_holds_what_waits_and_what_is_being_sent_and_then_nothing(peer: Peer) -> None:
    running = asyncio.create_task(peer.outbox.run())
    first, second, other = payload(1), payload(2), payload(3)
    letter = peer.letter("1")
    letter.next(first)
    await asyncio.sleep(0)
    letter.next(second)
    peer.letter("2").next(other)
    held = peer.outbox.held()
    running.cancel()
    letter.recall()
    await asyncio.wait([running])

    assert held == {first, second, other}
    assert first not in peer.outbox.held()
    assert second not in peer.outbox.held()


async def test_its_own_answers_count_as_outdated_while_they_wait(peer: Peer) -> None:
    peer.letter("1").answer(Answer(body={"data": 1}))
    peer.letter("2").error([{"message": "no"}])
    waiting = peer.outdated.size
    await peer.hears_all()

    assert waiting == len('{"data":1}') + len('[{"message":"no"}]')
    assert peer.outdated.size == 0


async def test_words_come_before_values(peer: Peer) -> None:
    peer.letter().next(payload(1))
    await peer.outbox.say(b'{"type":"pong"}')

    assert await peer.hears_all() == [{"type": "pong"}, value(1)]


async def test_it_goes_on_until_it_is_closed(peer: Peer) -> None:
    peer.reads.set()
    running = asyncio.create_task(peer.outbox.run())
    letter = peer.letter()
    for number in range(3):
        letter.next(payload(number))
        for _ in range(5):
            await asyncio.sleep(0)
    assert not running.done()

    peer.outbox.close()
    async with asyncio.timeout(10):
        await running

    assert peer.heard == [value(0), value(1), value(2)]


async def test_one_that_never_ends_keeps_nobody_else_from_their_turn(peer: Peer) -> None:
    busy = peer.letter()

    async def hear(frame: Frame) -> None:
        peer.heard.append(json.loads(b"".join(frame.parts)))
        if len(peer.heard) < 100:
            busy.next(payload(len(peer.heard)))

    peer.outbox = Outbox(hear, peer.outdated)
    busy = peer.letter()
    busy.next(payload(0))
    await peer.outbox.say(b'{"type":"pong"}')
    peer.letter("2").next(payload(7))

    await peer.hears_all()

    assert {"type": "pong"} in peer.heard[:3]
    assert value(7, "2") in peer.heard[:3]
