"""What a connection has still to say: few words of its own, and of each operation the latest value
and how it ended. Who reads slowly makes none of it longer."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from graphql_api.operations import Answer, extended

_MOST_WORDS = 32


class Letter:
    """Of one operation."""

    def __init__(self, outbox: "Outbox", id: str, on_end: Callable[[], object]) -> None:
        self._outbox = outbox
        self._id = orjson.dumps(id).decode()
        self._on_end = on_end
        self._value: str | None = None
        self._tail = ""
        self._ending: str | None = None
        self.is_recalled = False
        self.sent = asyncio.Event()

    def next(self, payload: str, tail: str = "") -> None:
        if not self.is_recalled:
            self._value, self._tail = payload, tail
            self._outbox.take(self)

    def error(self, errors: list[dict[str, Any]]) -> None:
        self._value = None
        self._end(_ending(self._id, errors))

    def complete(self) -> None:
        self._end(f'{{"id":{self._id},"type":"complete"}}')

    def answer(self, answer: Answer) -> None:
        """The only one."""
        if answer.is_request_error:
            self.error(answer.errors)
        else:
            self.next(answer.encoded().decode())
            self.complete()

    def recall(self) -> None:
        """Nobody waits for it any more."""
        self.is_recalled = True
        self._value = self._ending = None
        self.sent.set()

    def frame(self) -> str | None:
        """The next one to be sent, if any."""
        if self._value is not None:
            payload, self._value = extended(self._value, self._tail), None
            return f'{{"id":{self._id},"type":"next","payload":{payload}}}'
        ending, self._ending = self._ending, None
        if ending is not None:
            self.sent.set()
            self._on_end()
        return ending

    def _end(self, frame: str) -> None:
        if not self.is_recalled:
            self._ending = frame
            self._outbox.take(self)


class Outbox:
    def __init__(self, send: Callable[[str], Awaitable[None]]) -> None:
        self._send = send
        self._words: deque[str] = deque()
        self._letters: dict[Letter, None] = {}
        self._filled, self._emptied = asyncio.Event(), asyncio.Event()
        self._is_closed = self._is_broken = False
        self._emptied.set()

    def take(self, letter: Letter) -> None:
        self._letters[letter] = None
        self._filled.set()

    async def say(self, word: str) -> None:
        """Waits where the peer does not read what it has been told before."""
        while len(self._words) >= _MOST_WORDS and not self._is_broken:
            self._emptied.clear()
            await self._emptied.wait()
        if not self._is_broken:
            self._words.append(word)
            self._filled.set()

    async def refuse(self, id: str, errors: list[dict[str, Any]]) -> None:
        """An operation that gets no letter: however many are refused, they are not kept."""
        await self.say(_ending(orjson.dumps(id).decode(), errors))

    async def run(self) -> None:
        """Until it is closed, and all is said; or until the peer is gone."""
        try:
            await self._run()
        finally:
            self._is_broken = True
            self._emptied.set()

    async def _run(self) -> None:
        while not self._is_closed or self._words or self._letters:
            await self._filled.wait()
            while self._words:
                await self._send(self._words.popleft())
            self._emptied.set()
            if self._letters:
                await self._deliver(next(iter(self._letters)))
            elif not self._is_closed:
                self._filled.clear()

    def close(self) -> None:
        self._is_closed = True
        self._filled.set()

    async def _deliver(self, letter: Letter) -> None:
        del self._letters[letter]
        while (frame := letter.frame()) is not None:
            await self._send(frame)


def _ending(id: str, errors: list[dict[str, Any]]) -> str:
    return f'{{"id":{id},"type":"error","payload":{orjson.dumps(errors).decode()}}}'
