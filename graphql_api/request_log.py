"""Every request has an id, in its answer and in the log, and one line in the log."""

import logging
import re
import time
from collections.abc import Callable
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api import footprint
from graphql_api.footprint import Footprint
from graphql_api.logs import request_id
from graphql_api.responses import SECURITY

logger = logging.getLogger("abgraph.requests")

_HEADER = "X-Request-Id"
_USABLE = re.compile(r"[\w.-]{1,64}", re.ASCII)
_QUIET = ("/healthz", "/readyz", "/metrics", "/static/")


class RequestLog:
    def __init__(self, app: ASGIApp, on_answer: Callable[[int], None] = lambda _: None) -> None:
        self._app = app
        self._on_answer = on_answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        own = _request_id(scope)
        token, taken = request_id.set(own), Footprint()
        untaken = footprint.current.set(taken)
        status, began = 500, time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[_HEADER] = own
                for name in SECURITY.keys() - headers.keys():
                    headers.append(name, SECURITY[name])
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            self._on_answer(status)
            _log(scope, status, taken, time.perf_counter() - began)
            footprint.current.reset(untaken)
            request_id.reset(token)
        return None


def _request_id(scope: Scope) -> str:
    given = dict(scope["headers"]).get(_HEADER.lower().encode(), b"").decode("latin-1")
    return given if _USABLE.fullmatch(given) else uuid4().hex


def _log(scope: Scope, status: int, taken: Footprint, seconds: float) -> None:
    path: str = scope["path"]
    level = logging.DEBUG if path.startswith(_QUIET) else logging.INFO
    taken.operation = taken.operation or scope.get("state", {}).get("operation")
    fields = {"status": status, **taken.fields(seconds)}
    logger.log(level, "%s %s", scope["method"], path, extra=fields)
