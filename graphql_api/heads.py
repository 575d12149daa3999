"""Under HTTP: uvicorn's protocol, with bounds on how many connections there are, on how long a
request may take to begin, on how much of it may come before its body, and on how long a client may
read nothing of what it is sent."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from graphql_api.bounds import Bounds
from graphql_api.origins import network_of
from graphql_api.payloads import ABORT
from graphql_api.places import Places, TooManyConnections
from graphql_api.reset import reset

_MOST = 2**16  # bytes
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)
_TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"retry-after: 5\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class Http(HttpToolsProtocol):
    def __init__(self, bounds: Bounds, places: Places, **given: Any) -> None:
        super().__init__(**given)
        self._bounds = bounds
        self._places = places
        self._leave: Callable[[], None] | None = None
        self._received: int | None = 0  # bytes of a head; None between its end and the next
        self._timer: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None  # whether anything has been read

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        address = self._address()
        try:
            self._places.take(address)
        except TooManyConnections:
            transport.write(_TOO_MANY)
            transport.close()
        else:
            self._leave = lambda: self._places.give_back(address)
            self._timer = self.loop.call_later(self._bounds.arrival_time, self._end)

    def _address(self) -> str | None:
        """None for a proxy, behind which there are many."""
        host = self.client[0] if self.client else ""
        is_proxy = host in cast(Any, self.app).trusted_hosts
        return None if is_proxy else network_of(host)

    def connection_lost(self, exc: Exception | None) -> None:
        self._part()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        before: RequestResponseCycle | None = self.cycle
        if before is not None and not before.response_complete:
            self.send_400_response("an upgrade has to wait for the answers before it")
            return
        self._part()  # it is counted as what it is from now on
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        if self._received is not None:
            self._received += len(data)
        super().data_received(data)
        if self._received is not None and self._received > _MOST:
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        if not self.flow.write_paused:
            self._unset_look()
        if self._timer is None:
            self._received = 0
            self._timer = self.loop.call_later(self._bounds.arrival_time, self._end)
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: {"now": partial(reset, self.transport)}}

    def on_headers_complete(self) -> None:
        self._received = None
        self._unset_timer()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look_later()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unset_look()
        if self.cycle.response_complete:
            self._look_later()

    def on_response_complete(self) -> None:
        if not self.flow.write_paused:
            self._look_later()
        super().on_response_complete()

    def _look_later(self) -> None:
        """While it is waited for, nothing is added to what is unread."""
        self._unset_look()
        unread = self.transport.get_write_buffer_size()
        if unread:
            self._look = self.loop.call_later(self._bounds.reading_time, self._check, unread)

    def _check(self, unread: int) -> None:
        if self.transport.get_write_buffer_size() < unread:
            self._look_later()
        else:
            reset(self.transport)

    def _end(self) -> None:
        if self.transport.get_write_buffer_size():
            reset(self.transport)
        else:
            self.transport.close()

    def _part(self) -> None:
        self._unset_timer()
        self._unset_look()
        if self._leave is not None:
            self._leave()
            self._leave = None

    def _unset_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _unset_look(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None
