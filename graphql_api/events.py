"""GraphQL over server-sent events, in distinct connections: one stream for one operation."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from strawberry.types.graphql import OperationType

from domain.access import Caller
from graphql_api.bearer import token_of
from graphql_api.connections import Transport
from graphql_api.documents import Asked
from graphql_api.faults import FaultCode, fault
from graphql_api.operations import Answer
from graphql_api.origins import address_of
from graphql_api.payloads import ABORT, Outdated, Payload, opened, pieces
from graphql_api.places import TooManyConnections
from graphql_api.responses import refused
from graphql_api.streams import Streams

MEDIA_TYPE = "text/event-stream"
_STILL_HERE = 12.0  # seconds of silence, after which proxies and clients want a sign of life
_SIGN_OF_LIFE = b":\n\n"
_COMPLETE = b"event: complete\ndata: \n\n"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class EventStreams:
    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    async def answer(
        self, asked: Asked, request: Request, allowed: Collection[OperationType]
    ) -> Response:
        letter = EventLetter(self._streams.outdated, _abort(request))
        if request.method == "HEAD":  # nobody hears what would be said
            letter.interrupt()
            return _EventStream(letter, ExitStack())
        try:
            with ExitStack() as while_open:
                while_open.enter_context(self._streams.outdated.watched(letter))
                place = self._streams.connections.entered(
                    address_of(request), letter.interrupt, Transport.EVENT_STREAM
                )
                while_open.enter_context(place)
                await self._begin(asked, request, allowed, letter, while_open)
                return _EventStream(letter, while_open.pop_all())
        except TooManyConnections as full:
            return refused(HTTPStatus.TOO_MANY_REQUESTS, FaultCode.RATE_LIMITED, str(full))
        except RecursionError:
            message = "the variables are nested too deeply"
            return refused(HTTPStatus.BAD_REQUEST, FaultCode.BAD_USER_INPUT, message)

    async def _begin(
        self,
        asked: Asked,
        request: Request,
        allowed: Collection[OperationType],
        letter: "EventLetter",
        while_open: ExitStack,
    ) -> None:
        caller: Caller | None = request.state.caller
        token = token_of(request.headers.get("authorization"))
        if caller is not None and token is not None:
            while_open.enter_context(self._streams.vigil.watched(token, caller, letter.forbid))
        address = address_of(request)
        if self._streams.operations.is_subscription(asked):
            while_open.callback(self._streams.channels.join(asked, caller, address, letter))
        else:
            context = self._streams.make_context(caller, address)
            answer = await self._streams.operations.run(asked, context, allowed)
            letter.answer(answer)


def _abort(request: Request) -> Callable[[], object]:
    extension = request.scope.get("extensions", {}).get(ABORT, {})
    abort: Callable[[], object] = extension.get("now", lambda: None)
    return abort


def _event(payload: Payload, tail: bytes) -> Sequence[bytes | memoryview]:
    return pieces(b"event: next\ndata: ", *opened(payload, tail), b"\n\n")


class _EventStream(StreamingResponse):
    def __init__(self, letter: "EventLetter", while_open: ExitStack) -> None:
        super().__init__(letter.chunks(), headers=_HEADERS, media_type=MEDIA_TYPE)
        self._while_open = while_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._while_open:
            await super().__call__(scope, receive, send)


class EventLetter:
    """The latest value that is still to be read, and how the stream ended."""

    def __init__(
        self,
        outdated: Outdated,
        abort: Callable[[], object],
        still_here: float = _STILL_HERE,
    ) -> None:
        self._outdated = outdated
        self._abort = abort
        self._still_here = still_here
        self._value: Payload | None = None
        self._tail = b""
        self._under_way: Payload | None = None
        self._ending: bytes | None = None
        self._filled = asyncio.Event()

    def next(self, payload: Payload, tail: bytes = b"") -> None:
        if self._ending is None:
            self._value, self._tail = payload, tail
            self._filled.set()

    def error(self, errors: list[dict[str, Any]]) -> None:
        self._only(orjson.dumps({"errors": errors}))

    def answer(self, answer: Answer) -> None:
        self._only(answer.encoded())

    def complete(self) -> None:
        self._end(_COMPLETE)

    def interrupt(self) -> None:
        """The server stops: without `complete`, clients connect again."""
        self._end(b"")

    def forbid(self) -> None:
        message = "what you have shown is no more what it was"
        self.error([fault(FaultCode.FORBIDDEN, message)])

    def held(self) -> set[Payload]:
        return {each for each in (self._value, self._under_way) if each is not None}

    def cut(self) -> None:
        self._abort()

    async def chunks(self) -> AsyncGenerator[bytes | memoryview]:
        while self._value is not None or self._ending is None:
            try:
                async with asyncio.timeout(self._still_here):
                    await self._filled.wait()
            except TimeoutError:
                yield _SIGN_OF_LIFE
                continue
            self._filled.clear()
            self._under_way, self._value = self._value, None
            if self._under_way is not None:
                for piece in _event(self._under_way, self._tail):
                    yield piece
                self._under_way = None
        yield self._ending

    def _only(self, data: bytes) -> None:
        payload = Payload(data)
        self._outdated.take(payload)
        self.next(payload)
        self._end(_COMPLETE)

    def _end(self, ending: bytes) -> None:
        if self._ending is None:
            self._ending = ending
        self._filled.set()
