"""One execution for all subscribers who ask the same, and one encoded value."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, Protocol
from uuid import uuid4

from graphql_api.context import Context
from graphql_api.documents import Asked
from graphql_api.faults import FaultCode, fault, unforeseen
from graphql_api.logs import request_id
from graphql_api.operations import Answer, Operations

LARGEST_VALUE = 2**20  # bytes
_AT_ONCE = 250  # subscribers that are told before others are served
_GRACE = 0.25  # seconds that the next value may take, before who missed one gets the last


class Subscriber(Protocol):
    """None of this waits: a value that was not read in time is replaced by the newer."""

    def next(self, payload: str) -> None: ...

    def error(self, errors: list[dict[str, Any]]) -> None:
        """It was refused, or came to a bad end."""
        ...

    def complete(self) -> None: ...


class _Seat:
    def __init__(self, subscriber: Subscriber, now: float) -> None:
        self.subscriber = subscriber
        self.joined_at = now
        self.edition: int | None = None  # what it has got
        self.not_before = now

    def is_due(self, now: float, looked_at: float) -> bool:
        if self.edition is None:
            return looked_at >= self.joined_at  # else it may lack what the newcomer has written
        return self.not_before <= now


class Channel:
    def __init__(
        self,
        operations: Operations,
        asked: Asked,
        context: Context,
        seconds: Callable[[], float],
    ) -> None:
        self._operations = operations
        self._asked = asked
        self._context = context
        self._seconds = seconds
        self._seats: dict[Subscriber, _Seat] = {}
        self._payload = ""
        self._errors: list[dict[str, Any]] = []
        self._catching_up: asyncio.Task[None] | None = None
        self.is_interrupted = False  # by the server, which stops: what follows is somewhere else

    @property
    def is_empty(self) -> bool:
        return not self._seats

    def join(self, subscriber: Subscriber) -> None:
        self._seats[subscriber] = _Seat(subscriber, self._seconds())
        if self._context.following is not None:
            self._context.following.hurry()

    def leave(self, subscriber: Subscriber) -> None:
        self._seats.pop(subscriber, None)

    async def run(self) -> None:
        request_id.set(uuid4().hex)
        try:
            await self._run()
        except Exception as error:
            self._errors = [unforeseen(error)]
        finally:
            if self._catching_up is not None:
                self._catching_up.cancel()
        await self._end()

    async def _run(self) -> None:
        async with aclosing(self._operations.stream(self._asked, self._context)) as answers:
            async for answer in answers:
                if answer.is_request_error:
                    self._errors = answer.errors
                    return
                self._take(answer)
                if self._errors:
                    return
                following = self._context.following
                await self._tell(everybody=following is None or following.is_urgent)

    def _take(self, answer: Answer) -> None:
        encoded = answer.encoded()
        if len(encoded) > LARGEST_VALUE:
            message = (
                f"a value of this subscription takes {len(encoded)} bytes, and at most "
                f"{LARGEST_VALUE} are sent: select less"
            )
            self._errors = [fault(FaultCode.COST_LIMIT_EXCEEDED, message)]
        self._payload = encoded.decode()

    async def _tell(self, *, everybody: bool = False) -> None:
        """Who has got a value less than an interval ago gets this one later, with the next."""
        following = self._context.following
        if following is None or not self._payload:
            return
        edition, interval, now = following.edition, following.interval, self._seconds()
        behind = [seat for seat in self._seats.values() if seat.edition != edition]
        told = 0
        for seat in behind:
            if everybody or seat.is_due(now, following.looked_at):
                seat.edition, seat.not_before = edition, now + interval
                seat.subscriber.next(self._payload)
                told += 1
                if told % _AT_ONCE == 0:
                    await asyncio.sleep(0)
        if told < len(behind) and self._catching_up is None:
            self._catching_up = asyncio.create_task(self._catch_up(interval))

    async def _catch_up(self, interval: float) -> None:
        await asyncio.sleep(interval + _GRACE)
        self._catching_up = None
        await self._tell()

    async def _end(self) -> None:
        if not self._errors:
            await self._tell(everybody=True)
        for seat in list(self._seats.values()):
            if self._errors:
                seat.subscriber.error(self._errors)
            elif not self.is_interrupted:
                seat.subscriber.complete()
        self._seats.clear()
