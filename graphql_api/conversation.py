"""One connection of graphql-transport-ws, whatever carries its messages."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from graphql import OperationType as Kind
from starlette.exceptions import HTTPException
from strawberry.types.graphql import OperationType

from domain.access import Caller, Throttled
from graphql_api import documents
from graphql_api.documents import COST_HEADER, Asked
from graphql_api.faults import FaultCode, fault, unforeseen
from graphql_api.logs import request_id
from graphql_api.operations import turned_away
from graphql_api.outbox import Letter, Outbox
from graphql_api.persisted import NotPersisted
from graphql_api.streams import Streams

_AT_ONCE = 4  # queries and mutations, from their beginning until their answer is on its way
_LONGEST_ID = 256  # characters
_MOST_TEXT = 2**18  # characters of messages whose operations are not over
_LONGEST_SHOWN = 40  # characters; the reason for a close has room for 123 bytes
_SINGLE = {OperationType.QUERY, OperationType.MUTATION}

EndOperation = Callable[[], object]


class Farewell(Exception):
    """Why the connection is closed."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Conversation:
    def __init__(
        self,
        streams: Streams,
        outbox: Outbox,
        address: str,
        identify: Callable[[Mapping[str, Any] | None], Awaitable[Caller | None]],
    ) -> None:
        self._streams = streams
        self._outbox = outbox
        self._address = address
        self._identify = identify
        self._caller: Caller | None = None
        self._is_begun = self._is_acknowledged = self._shows_cost = False
        self._operations: dict[str, EndOperation] = {}
        self._sizes: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self.count = 0

    @property
    def is_acknowledged(self) -> bool:
        return self._is_acknowledged

    async def hear(self, text: str) -> None:
        """Raises Farewell."""
        try:
            await self._hear(_parsed(text), len(text))
        except RecursionError:
            raise Farewell(4400, "the message is nested too deeply") from None

    async def _hear(self, message: Mapping[str, Any], size: int) -> None:
        match message.get("type"):
            case "connection_init":
                await self._begin(message)
            case "ping":
                await self._outbox.say(_pong(_payload(message)))
            case "pong":
                _payload(message)
            case "subscribe":
                await self._subscribe(_id(message), message, size)
            case "complete":
                self._end(_id(message))
            case other:
                raise Farewell(4400, f"there is no message of the type {_shown(other)}")

    async def finish(self, patience: float) -> None:
        """What was begun is answered, and the answers are sent."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience)

    def end(self) -> None:
        for each in list(self._operations):
            self._end(each)

    async def _begin(self, message: Mapping[str, Any]) -> None:
        if self._is_begun:
            raise Farewell(4429, "Too many initialisation requests")
        self._is_begun = True
        payload = _payload(message)
        self._shows_cost = any(name.lower() == COST_HEADER for name in payload or ())
        self._caller = await self._identify(payload)
        self._is_acknowledged = True
        await self._outbox.say(b'{"type":"connection_ack"}')

    async def _subscribe(self, id: str, message: Mapping[str, Any], size: int) -> None:
        if not self._is_acknowledged:
            raise Farewell(4401, "Unauthorized")
        if id in self._operations:
            raise Farewell(4409, f"Subscriber for {_shown(id)} already exists")
        asked = _asked(message, shows_cost=self._shows_cost)
        self.count += 1
        if (excess := self._excess(size)) is not None:
            return await self._outbox.refuse(id, [fault(FaultCode.RATE_LIMITED, excess)])
        try:
            asked = self._streams.operations.found(asked, self._caller, self._address)
        except (NotPersisted, Throttled) as refusal:
            return await self._outbox.refuse(id, turned_away(refusal, asked).errors)
        letter = Letter(self._outbox, id, on_end=lambda: self._forget(id))
        self._sizes[id] = size
        kind = self._streams.operations.kind(asked)
        if kind is Kind.SUBSCRIPTION:
            return self._follow(id, asked, letter)
        task = asyncio.create_task(self._answer(id, asked, letter, kind))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._operations[id] = _both(letter.recall, task.cancel)
        return None

    def _excess(self, size: int) -> str | None:
        most = self._streams.bounds.max_operations
        if len(self._operations) >= most:
            return f"a connection may have {most} operations at once"
        most_text = max(_MOST_TEXT, self._streams.bounds.max_message)
        if sum(self._sizes.values()) + size > most_text:
            return f"what a connection asks for at once may have {most_text} characters"
        return None

    def _forget(self, id: str) -> EndOperation | None:
        self._sizes.pop(id, None)
        return self._operations.pop(id, None)

    def _follow(self, id: str, asked: Asked, letter: Letter) -> None:
        leave = self._streams.channels.join(asked, self._caller, self._address, letter)
        self._operations[id] = _both(letter.recall, leave)

    async def _answer(self, id: str, asked: Asked, letter: Letter, kind: Kind | None) -> None:
        """Of answers that wait to be read there are never more than a few."""
        async with self._turns:
            if kind is Kind.MUTATION and id in self._operations:
                self._operations[id] = letter.recall  # what has begun is not left half way
            await self._run(asked, letter)
            await letter.sent.wait()

    async def _run(self, asked: Asked, letter: Letter) -> None:
        request_id.set(uuid4().hex)
        context = self._streams.make_context(self._caller, self._address)
        try:
            letter.answer(await self._streams.operations.run(asked, context, _SINGLE))
        except Exception as error:
            letter.error([unforeseen(error)])

    def _end(self, id: str) -> None:
        end = self._forget(id)
        if end is not None:
            end()


def _both(first: EndOperation, second: EndOperation) -> EndOperation:
    return lambda: (first(), second())


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        message = documents.parsed("the message", text.encode("utf-8", "surrogatepass"))
    except HTTPException as refusal:
        raise Farewell(4400, refusal.detail) from None
    if not isinstance(message, dict):
        raise Farewell(4400, "the message is no JSON object")
    return message


def _payload(message: Mapping[str, Any]) -> Mapping[str, Any] | None:
    payload = message.get("payload")
    if not isinstance(payload, dict | None):
        raise Farewell(4400, "payload must be an object")
    return payload


def _id(message: Mapping[str, Any]) -> str:
    found = message.get("id")
    if not isinstance(found, str) or not 0 < len(found) <= _LONGEST_ID:
        raise Farewell(4400, f"id must be a text of 1 to {_LONGEST_ID} characters")
    return found


def _asked(message: Mapping[str, Any], *, shows_cost: bool) -> Asked:
    try:
        asked = documents.asked(_payload(message) or {})
    except HTTPException as refusal:
        raise Farewell(4400, refusal.detail) from None
    return replace(asked, shows_cost=True) if shows_cost else asked


def _pong(payload: Mapping[str, Any] | None) -> bytes:
    """No longer than the ping."""
    message = {"type": "pong"} if payload is None else {"type": "pong", "payload": payload}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
