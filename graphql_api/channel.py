"""One execution for all subscribers who ask the same, and one encoded value."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Protocol
from uuid import uuid4

import orjson

from domain.following import Edition
from graphql_api.context import Context
from graphql_api.documents import Asked
from graphql_api.faults import FaultCode, fault, unforeseen
from graphql_api.logs import request_id
from graphql_api.operations import Answer, Operations, cost_shown
from graphql_api.payloads import Outdated, Payload

_AT_ONCE = 100  # subscribers that are told before others are served


class Subscriber(Protocol):
    """None of this waits: a value that was not read in time is replaced by the newer."""

    def next(self, payload: Payload, tail: bytes = b"") -> None:
        """The payload is shared with others; the tail, which is not, comes before its end."""
        ...

    def error(self, errors: list[dict[str, Any]]) -> None:
        """It was refused, or came to a bad end."""
        ...

    def complete(self) -> None: ...


class _Seat:
    def __init__(self, joined_at: float, payer: Context | None) -> None:
        self.joined_at = joined_at
        self.payer = payer  # of who asks what it costs
        self.has = 0  # the number of the edition that it has got
        self.not_before = 0.0

    def is_due(self, edition: Edition[Any]) -> bool:
        if not self.has:  # an older look may lack what the newcomer has written
            return edition.looked_at >= self.joined_at
        return edition.is_urgent or self.not_before <= edition.given_at


class Channel:
    def __init__(
        self,
        operations: Operations,
        asked: Asked,
        context: Context,
        seconds: Callable[[], float],
        outdated: Outdated,
    ) -> None:
        self._operations = operations
        self._asked = asked
        self._context = context
        self._seconds = seconds
        self._outdated = outdated
        self._seats: dict[Subscriber, _Seat] = {}
        self._payload, self._fields = Payload(b""), 0
        self._edition: Edition[Any] | None = None  # that the payload shows
        self._errors: list[dict[str, Any]] = []
        self.is_interrupted = False  # by the server, which stops: what follows is somewhere else
        self.is_over = False  # who comes now comes too late

    @property
    def is_empty(self) -> bool:
        return not self._seats

    def join(self, subscriber: Subscriber, payer: Context | None = None) -> None:
        """Where there is a payer, each value tells of its cost."""
        now = self._seconds()
        self._seats[subscriber] = _Seat(now, payer)
        if self._context.following is not None:
            self._context.following.hurry(now)

    def is_awaited_by(self, subscriber: Subscriber) -> bool:
        seat = self._seats.get(subscriber)
        return seat is not None and not seat.has

    def leave(self, subscriber: Subscriber) -> None:
        self._seats.pop(subscriber, None)

    async def run(self) -> None:
        request_id.set(uuid4().hex)
        try:
            await self._run()
        finally:
            self._replace(Payload(b""))  # who has still to leave refers to this channel

    async def _run(self) -> None:
        try:
            await self._follow()
        except Exception as error:
            self._errors = [unforeseen(error)]
        await self._end()

    async def _follow(self) -> None:
        async with aclosing(self._operations.stream(self._asked, self._context)) as answers:
            async for answer in answers:
                if answer.is_request_error:
                    self._errors = answer.errors
                    return
                self._take(answer)
                if self._errors:
                    return
                await self._tell()

    def _take(self, answer: Answer) -> None:
        encoded = answer.encoded()
        largest = self._context.edge.bounds.max_value
        if len(encoded) > largest:
            message = (
                f"a value of this subscription takes {len(encoded)} bytes, and at most "
                f"{largest} are sent: select less"
            )
            self._errors = [fault(FaultCode.COST_LIMIT_EXCEEDED, message)]
        self._replace(Payload(encoded))
        self._fields = answer.fields
        if self._context.following is not None:
            self._edition = self._context.following.taken

    def _replace(self, payload: Payload) -> None:
        self._outdated.take(self._payload)
        self._payload = payload

    async def _tell(self, *, everybody: bool = False) -> None:
        """Who has got a value less than an interval ago gets this one later, with the next. Time is
        counted from when a value was given: how long it took to show it varies."""
        edition, following = self._edition, self._context.following
        if edition is None or following is None:
            return
        told, is_anybody_behind = 0, False
        for subscriber, seat in list(self._seats.items()):
            if seat.has == edition.number or self._seats.get(subscriber) is not seat:
                continue
            if not everybody and not seat.is_due(edition):
                is_anybody_behind = True
                continue
            seat.has, seat.not_before = edition.number, edition.given_at + following.interval
            subscriber.next(self._payload, self._tail(seat.payer))
            told += 1
            if told % _AT_ONCE == 0:
                await asyncio.sleep(0)  # meanwhile some may leave
        if is_anybody_behind:
            following.owe()

    def _tail(self, payer: Context | None) -> bytes:
        if payer is None:
            return b""
        balance = replace(payer.left(), charged=self._context.balance.charged)
        return b',"extensions":' + orjson.dumps(cost_shown(self._fields, balance))

    async def _end(self) -> None:
        self.is_over = True
        if not self._errors:
            await self._tell(everybody=True)
        for subscriber in list(self._seats):
            if self._errors:
                subscriber.error(self._errors)
            elif not self.is_interrupted:
                subscriber.complete()
        self._seats.clear()
