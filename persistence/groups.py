"""Group commit: calls that come while a write is under way wait for each other and share the next.

A commit costs the same for one row as for five hundred. Nobody waits for a timer: an idle group
writes a single call at once, a busy one makes larger groups by itself.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from time import perf_counter
from typing import Generic, TypeVar

from domain.errors import Unavailable

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MOST = 500  # items that are written together
ROOM = 10_000  # items that may wait
PATIENCE = 4.5  # seconds until a caller is told

OnFlush = Callable[[int, float], None]


class _Call(Generic[Item, Answer]):
    """The items of one caller, and what is awaited for them."""

    __slots__ = ("answers", "items")

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.answers: asyncio.Future[Sequence[Answer | Exception]]
        self.answers = asyncio.get_running_loop().create_future()


def _unheard(_size: int, _seconds: float) -> None:
    pass


class Group(Generic[Item, Answer]):
    """`write` answers each item in order, after COMMIT; it may be called again with the same.
    `on_flush` hears how many items were written together and how long that took."""

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]],
        *,
        most: int = MOST,
        room: int = ROOM,
        flushers: int = 1,
        patience: float = PATIENCE,
        on_flush: OnFlush = _unheard,
    ) -> None:
        self._write = write
        self._on_flush = on_flush
        self._most = most
        self._room = room
        self._patience = patience
        self._queue: deque[_Call[Item, Answer]] = deque()
        self._waiting = 0
        self._flushing: set[asyncio.Task[None]] = set()
        self._free = flushers

    @property
    def waiting(self) -> int:
        """Items that are not yet being written."""
        return self._waiting

    async def submit(self, items: Sequence[Item]) -> Sequence[Answer | Exception]:
        """Answers or what stands against them, item by item. Raises Unavailable at once where too
        many wait already."""
        if not items:
            return ()
        if self._waiting + len(items) > self._room:
            raise Unavailable
        call: _Call[Item, Answer] = _Call(items)
        self._queue.append(call)
        self._waiting += len(items)
        if self._free:
            self._free -= 1
            flusher = asyncio.create_task(self._flush(), context=Context())  # nobody's own work
            self._flushing.add(flusher)
            flusher.add_done_callback(self._flushing.discard)
        try:
            async with asyncio.timeout(self._patience):
                return await call.answers
        except TimeoutError:
            raise Unavailable from None

    async def drain(self) -> None:
        """Until nothing waits any more."""
        while self._flushing:
            await asyncio.wait(self._flushing)

    async def _flush(self) -> None:
        try:
            while calls := self._taken():
                items, began = [item for call in calls for item in call.items], perf_counter()
                answers = await self._answers(items)
                self._on_flush(len(items), perf_counter() - began)
                _hand_out(calls, answers)
        finally:
            self._free += 1

    def _taken(self) -> list[_Call[Item, Answer]]:
        """The oldest calls that go together, those aside whose callers have gone."""
        taken: list[_Call[Item, Answer]] = []
        room = self._most
        while self._queue and (not taken or len(self._queue[0].items) <= room):
            call = self._queue.popleft()
            self._waiting -= len(call.items)
            if not call.answers.done():
                taken.append(call)
                room -= len(call.items)
        return taken

    async def _answers(self, items: Sequence[Item]) -> Sequence[Answer | Exception]:
        """Halved until the item is alone that spoils it for the others."""
        try:
            return await self._write(items)
        except Unavailable:
            return [Unavailable() for _ in items]
        except Exception as fault:
            if len(items) == 1:
                return [fault]
        middle = len(items) // 2
        return [*await self._answers(items[:middle]), *await self._answers(items[middle:])]


def _hand_out(calls: Sequence[_Call[Item, Answer]], answers: Sequence[Answer | Exception]) -> None:
    start = 0
    for call in calls:
        end = start + len(call.items)
        if not call.answers.done():
            call.answers.set_result(answers[start:end])
        start = end
