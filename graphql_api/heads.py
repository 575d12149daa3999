"""Under HTTP: uvicorn's protocol, with bounds on how long a request may take to begin, and on how
much of it may come before its body."""

import asyncio
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from graphql_api.payloads import ABORT
from graphql_api.reset import reset

_MOST = 2**16  # bytes
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class Http(HttpToolsProtocol):
    def __init__(self, within: float, **given: Any) -> None:
        super().__init__(**given)
        self._within = within
        self._received: int | None = 0  # bytes of a head; None between its end and the next
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._timer = self.loop.call_later(self._within, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._received is not None:
            self._received += len(data)
        super().data_received(data)
        if self._received is not None and self._received > _MOST:
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        if self._timer is None:
            self._received = 0
            self._timer = self.loop.call_later(self._within, self.transport.close)
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: {"now": partial(reset, self.transport)}}

    def on_headers_complete(self) -> None:
        self._received = None
        self._unset_timer()
        super().on_headers_complete()

    def _unset_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
