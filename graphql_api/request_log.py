"""Every request has an id, in its answer and in the log, and one line in the log."""

import logging
import re
import time
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.logs import request_id

logger = logging.getLogger("abgraph.requests")

_HEADER = "X-Request-Id"
_USABLE = re.compile(r"[\w.-]{1,64}", re.ASCII)
_MAX_NAME = 200  # it is the caller's text, and may be of the size of a body
_QUIET = ("/healthz", "/readyz", "/static/")


class RequestLog:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        own = _request_id(scope)
        token = request_id.set(own)
        status, began = 500, time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[_HEADER] = own
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            _log(scope, status, time.perf_counter() - began)
            request_id.reset(token)
        return None


def _request_id(scope: Scope) -> str:
    given = dict(scope["headers"]).get(_HEADER.lower().encode(), b"").decode("latin-1")
    return given if _USABLE.fullmatch(given) else uuid4().hex


def _log(scope: Scope, status: int, seconds: float) -> None:
    path: str = scope["path"]
    level = logging.DEBUG if path.startswith(_QUIET) else logging.INFO
    operation = scope.get("state", {}).get("operation")
    fields = {"status": status, "duration_ms": round(seconds * 1000, 1)}
    if operation is not None:
        fields["operation"] = operation[:_MAX_NAME]
    logger.log(level, "%s %s", scope["method"], path, extra=fields)
