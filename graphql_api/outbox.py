"""What a connection has still to say: few words of its own, and of each operation the latest value
and how it ended. Who reads slowly makes none of it longer."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from graphql_api.operations import Answer
from graphql_api.payloads import Outdated, Payload, opened

_MOST_WORDS, _LONGEST_WORDS = 32, 2**16  # the latter in bytes, unless it is a single one
_NOTHING = Payload(b"")


class Frame(NamedTuple):
    """Its payload is that of many others, too: it is never copied for one of them."""

    head: bytes
    payload: Payload = _NOTHING
    tail: bytes = b""
    within: bytes = b""  # said to this one alone, before the payload's end

    @property
    def parts(self) -> Sequence[bytes | memoryview]:
        return self.head, *opened(self.payload, self.within), self.tail


class Letter:
    """Of one operation."""

    def __init__(self, outbox: "Outbox", id: str, on_end: Callable[[], object]) -> None:
        self._outbox = outbox
        self._id = orjson.dumps(id)
        self._on_end = on_end
        self._value: Payload | None = None
        self._tail = b""
        self._ending: Frame | None = None
        self.is_recalled = False
        self.sent = asyncio.Event()

    def next(self, payload: Payload, tail: bytes = b"") -> None:
        if not self.is_recalled:
            self._value, self._tail = payload, tail
            self._outbox.take(self)

    def error(self, errors: list[dict[str, Any]]) -> None:
        self._value = None
        payload = self._outbox.own(orjson.dumps(errors))
        self._end(Frame(b'{"id":%b,"type":"error","payload":' % self._id, payload, b"}"))

    def complete(self) -> None:
        self._end(Frame(b'{"id":%b,"type":"complete"}' % self._id))

    def answer(self, answer: Answer) -> None:
        """The only one."""
        if answer.is_request_error:
            self.error(answer.errors)
        else:
            self.next(self._outbox.own(answer.encoded()))
            self.complete()

    def recall(self) -> None:
        """Nobody waits for it any more."""
        self.is_recalled = True
        self._value = self._ending = None
        self.sent.set()

    @property
    def is_over(self) -> bool:
        """No value comes any more; its end is still to be sent."""
        return self._ending is not None

    def held(self) -> Iterator[Payload]:
        if self._value is not None:
            yield self._value
        if self._ending is not None:
            yield self._ending.payload

    def frame(self) -> Frame | None:
        """The next one to be sent, if any."""
        if self._value is not None:
            payload, self._value = self._value, None
            head = b'{"id":%b,"type":"next","payload":' % self._id
            return Frame(head, payload, b"}", self._tail)
        ending, self._ending = self._ending, None
        if ending is not None:
            self.sent.set()
            self._on_end()
        return ending

    def _end(self, frame: Frame) -> None:
        if not self.is_recalled:
            self._ending = frame
            self._outbox.take(self)


class Outbox:
    def __init__(self, send: Callable[[Frame], Awaitable[None]], outdated: Outdated) -> None:
        self._send = send
        self._outdated = outdated
        self._words: deque[bytes] = deque()
        self._length = 0  # of the words, that which is being sent included
        self._under_way = _NOTHING
        self._letters: dict[Letter, None] = {}
        self._filled, self._emptied = asyncio.Event(), asyncio.Event()
        self._is_closed = self._is_broken = False
        self._emptied.set()

    def take(self, letter: Letter) -> None:
        self._letters[letter] = None
        self._filled.set()

    def own(self, data: bytes) -> Payload:
        """That nobody else is sent."""
        payload = Payload(data)
        self._outdated.take(payload)
        return payload

    def held(self) -> set[Payload]:
        """Of words there are few."""
        return {self._under_way}.union(*(letter.held() for letter in self._letters))

    async def say(self, word: bytes) -> None:
        """Waits where the peer does not read what it has been told before."""
        while not self._has_room_for(word) and not self._is_broken:
            self._emptied.clear()
            await self._emptied.wait()
        if not self._is_broken:
            self._words.append(word)
            self._length += len(word)
            self._filled.set()

    async def refuse(self, id: str, errors: list[dict[str, Any]]) -> None:
        """An operation that gets no letter: however many are refused, they are not kept."""
        await self.say(orjson.dumps({"id": id, "type": "error", "payload": errors}))

    async def run(self) -> None:
        """Until it is closed, and all is said; or until the peer is gone."""
        try:
            await self._run()
        finally:
            self._is_broken = True
            self._under_way = _NOTHING
            self._emptied.set()

    async def _run(self) -> None:
        while not self._is_closed or self._words or self._letters:
            await self._filled.wait()
            while self._words:
                word = self._words.popleft()
                await self._send(Frame(word))
                self._length -= len(word)
            self._emptied.set()
            if self._letters:
                await self._deliver(next(iter(self._letters)))
            elif not self._is_closed:
                self._filled.clear()

    def close(self) -> None:
        self._is_closed = True
        self._filled.set()

    async def _deliver(self, letter: Letter) -> None:
        """One value, and then others have their turn, unless its end is there as well."""
        del self._letters[letter]
        while (frame := letter.frame()) is not None:
            self._under_way = frame.payload
            await self._send(frame)
            if not letter.is_over:
                break
        self._under_way = _NOTHING

    def _has_room_for(self, word: bytes) -> bool:
        length = self._length + len(word)
        return not self._length or (length <= _LONGEST_WORDS and len(self._words) < _MOST_WORDS)
