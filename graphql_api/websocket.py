"""GraphQL over WebSocket: who may connect, and how long a connection lasts."""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from starlette.websockets import WebSocket, WebSocketDisconnect

from domain.access import Caller, Forbidden, Unauthenticated
from domain.authentication import Authentication
from domain.errors import Unavailable
from graphql_api.bearer import token_of
from graphql_api.conversation import Conversation, Farewell
from graphql_api.faults import FaultCode, unforeseen
from graphql_api.logs import request_id
from graphql_api.origins import address_of, check_origin, foreign_origin
from graphql_api.outbox import Frame, Outbox
from graphql_api.payloads import PARTS, Payload
from graphql_api.places import TooManyConnections
from graphql_api.responses import SECURITY, refused
from graphql_api.streams import Streams

logger = logging.getLogger("abgraph.requests")

PROTOCOL = "graphql-transport-ws"
_LAST_WORDS = 1.0  # seconds for what is still to be read

_LONGEST_REASON = 123  # bytes

_NORMAL, _GOING_AWAY, _OUR_FAULT, _TRY_AGAIN, _FORBIDDEN = 1000, 1001, 1011, 1013, 4403


class WebSocketEndpoint:
    def __init__(self, authentication: Authentication, streams: Streams) -> None:
        self._authentication = authentication
        self._streams = streams

    async def answer(self, websocket: WebSocket) -> None:
        socket = _Socket(websocket, self._authentication, self._streams)
        began = time.perf_counter()
        request_id.set(uuid4().hex)
        try:
            await self._admit(websocket, socket)
        finally:
            fields = {
                "status": socket.status,
                "duration_ms": round((time.perf_counter() - began) * 1000, 1),
                "operations": socket.operations,
            }
            logger.info("WS %s", websocket.url.path, extra=fields)

    async def _admit(self, websocket: WebSocket, socket: "_Socket") -> None:
        try:
            with (
                self._streams.connections.entered(address_of(websocket), socket.stop),
                self._streams.outdated.watched(socket),
            ):
                await self._check_origin(websocket)
                await socket.run()
        except Forbidden as fault:
            socket.status = HTTPStatus.FORBIDDEN
            await _deny(websocket, HTTPStatus.FORBIDDEN, FaultCode.FORBIDDEN, fault)
        except Unavailable as fault:
            socket.status = HTTPStatus.SERVICE_UNAVAILABLE
            await _deny(websocket, HTTPStatus.SERVICE_UNAVAILABLE, FaultCode.UNAVAILABLE, fault)
        except TooManyConnections as fault:
            socket.status = HTTPStatus.TOO_MANY_REQUESTS
            await _deny(websocket, HTTPStatus.TOO_MANY_REQUESTS, FaultCode.RATE_LIMITED, fault)

    async def _check_origin(self, websocket: WebSocket) -> None:
        """A page of another origin has to have a key that names it: which, it tells later."""
        origin = foreign_origin(websocket)
        if origin is not None and not await self._authentication.is_allowed_origin(origin):
            raise Forbidden("pages of this origin may not connect")


class _Socket:
    def __init__(
        self, websocket: WebSocket, authentication: Authentication, streams: Streams
    ) -> None:
        self._websocket = websocket
        self._authentication = authentication
        self._streams = streams
        self._outbox = Outbox(self._send, streams.outdated)
        self._conversation = Conversation(
            streams, self._outbox, address_of(websocket), self._identify
        )
        self._while_open = ExitStack()
        self._patience: asyncio.Timeout | None = None
        self._farewell = Farewell(4408, "Connection initialisation timeout")
        self._is_dismissed = False
        self.status = 0

    @property
    def operations(self) -> int:
        return self._conversation.count

    async def run(self) -> None:
        if PROTOCOL not in self._websocket.scope["subprotocols"]:
            await self._websocket.accept()
            return await self._close(Farewell(4406, "Subprotocol not acceptable"))
        await self._websocket.accept(PROTOCOL)
        writer = asyncio.create_task(self._write())
        try:
            with self._while_open:
                farewell = await self._talk()
            if farewell is not None and farewell.code == _GOING_AWAY:
                await self._conversation.finish(_LAST_WORDS)
                self._outbox.close()  # after the last values; else at once
                await asyncio.wait([writer], timeout=_LAST_WORDS)
        finally:
            self._conversation.end()
            writer.cancel()
            await asyncio.wait([writer])
            del writer  # and with it what it was about to send
        return await self._close(farewell)

    def stop(self) -> None:
        self._dismiss(_GOING_AWAY, "the server stops: connect again")

    def held(self) -> set[Payload]:
        return self._outbox.held()

    def cut(self) -> None:
        self._dismiss(_TRY_AGAIN, "read faster: the server cannot keep what you have not read")

    async def _talk(self) -> Farewell | None:
        """Why it ends; None where the client goes by itself."""
        try:
            patience = 0 if self._is_dismissed else self._streams.bounds.begin_time
            async with asyncio.timeout(patience) as self._patience:
                await self._listen()
        except TimeoutError:
            return self._farewell
        except Farewell as farewell:
            return farewell
        except WebSocketDisconnect as gone:
            self.status = gone.code
        except Exception as error:
            return Farewell(_OUR_FAULT, unforeseen(error)["message"])
        finally:
            self._patience = None
        return None

    async def _listen(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code") or _NORMAL)
            if message.get("text") is None:
                raise Farewell(4400, "send text, not bytes")
            await self._conversation.hear(message["text"])

    async def _identify(self, payload: Mapping[str, Any] | None) -> Caller | None:
        shown = {name.lower(): value for name, value in (payload or {}).items()}
        header = shown.get("authorization", self._websocket.headers.get("authorization"))
        if not isinstance(header, str | None):
            raise Farewell(4400, "authorization must be a text")
        try:
            caller = await self._admitted(token_of(header))
        except (Unauthenticated, Forbidden) as fault:
            raise Farewell(_FORBIDDEN, f"Forbidden: {fault}") from None
        except Unavailable as fault:
            raise Farewell(_TRY_AGAIN, str(fault)) from None
        if self._patience is not None and not self._is_dismissed:
            self._patience.reschedule(None)
        return caller

    async def _admitted(self, token: str | None) -> Caller | None:
        caller = None if token is None else await self._authentication.caller(token)
        check_origin(foreign_origin(self._websocket), caller)
        if token is not None and caller is not None:
            watched = self._streams.vigil.watched(token, caller, self._forbid)
            self._while_open.enter_context(watched)
        return caller

    def _forbid(self) -> None:
        self._dismiss(_FORBIDDEN, "Forbidden: what you have shown is no more what it was")

    def _dismiss(self, code: int, reason: str) -> None:
        """At its next pause; the first reason counts."""
        if self._is_dismissed:
            return
        self._is_dismissed, self._farewell = True, Farewell(code, reason)
        if self._patience is not None and not self._patience.expired():
            self._patience.reschedule(0)

    async def _write(self) -> None:
        with suppress(WebSocketDisconnect):  # who listens is told so, too
            await self._outbox.run()

    async def _send(self, frame: Frame) -> None:
        await self._websocket.send({"type": "websocket.send", PARTS: frame.parts})

    async def _close(self, farewell: Farewell | None) -> None:
        if farewell is None:
            return
        self.status = farewell.code
        reason = farewell.reason.encode()[:_LONGEST_REASON].decode(errors="ignore")
        with suppress(RuntimeError, WebSocketDisconnect):  # it is gone already
            await self._websocket.close(farewell.code, reason)


async def _deny(
    websocket: WebSocket, status: HTTPStatus, code: FaultCode, fault: Exception
) -> None:
    response = refused(status, code, str(fault))
    response.headers.update(SECURITY)
    await websocket.send_denial_response(response)
