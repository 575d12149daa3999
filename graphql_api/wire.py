"""Under the WebSockets: uvicorn's protocol, with bounds on what a peer that does not read may make
us hold, and an end for peers that are dead."""

from collections.abc import Sequence
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from graphql_api.payloads import PARTS, pieces
from graphql_api.reset import reset

_NO_TEXT, _TOO_MANY, _TOO_LARGE, _ABNORMAL = 1007, 1008, 1009, 1006

_MOST_UNREAD = 2**17  # bytes of pongs and the like
_MOST_WAITING = 500  # messages that were received and not yet looked at
_MOST_PARTS = 1_000  # of one message
_FAREWELL = 5.0  # seconds for a peer to read the last of what it was sent


class Wire(WebSocketsSansIOProtocol):
    _is_failed = False

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.close":
            self.loop.call_later(_FAREWELL, self._cut)
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        if PARTS in message:
            await self._send_in_pieces(pieces(*message[PARTS]))
        else:
            await super().send(message)

    async def _send_in_pieces(self, message: Sequence[bytes | memoryview]) -> None:
        """Between them, pings and the like may go."""
        last = len(message) - 1
        for number, piece in enumerate(message):
            await self.writable.wait()
            if self.close_sent or self.disconnected or self.transport.is_closing():
                raise ClientDisconnected
            send = self.conn.send_continuation if number else self.conn.send_text
            send(piece, fin=number == last)
            self.transport.write(b"".join(self.conn.data_to_send()))

    async def run_asgi(self) -> None:
        await super().run_asgi()
        self.loop.call_later(_FAREWELL, self._cut)

    def data_received(self, data: bytes) -> None:
        if not self._is_failed:
            super().data_received(data)

    def handle_parser_exception(self) -> None:
        self._part()

    def handle_cont(self, event: Frame) -> None:
        super().handle_cont(event)
        if len(self.frames) > _MOST_PARTS:
            self._fail(_TOO_LARGE, "a message of too many parts")

    def handle_ping(self) -> None:
        if self._is_failed:
            return
        super().handle_ping()
        if self.transport.get_write_buffer_size() > _MOST_UNREAD:
            self._cut()

    def send_receive_event_to_app(self) -> None:
        if self.queue.qsize() >= _MOST_WAITING:
            self._fail(_TOO_MANY, "too many messages at once")
        elif self.curr_msg_data_type == "text" and not _is_utf_8(b"".join(self.frames)):
            self._fail(_NO_TEXT, "a text that is not UTF-8")  # uvicorn logs it as a fault of ours
        else:
            super().send_receive_event_to_app()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._cut()

    def shutdown(self) -> None:
        super().shutdown()
        self.loop.call_later(_FAREWELL, self._cut)

    def _fail(self, code: int, reason: str) -> None:
        if not self.close_sent:
            self.conn.fail(code, reason)
            self._part()

    def _part(self) -> None:
        """With what is still on its way from the peer unread, its system would throw away the
        reason that we have sent: it is taken, and not looked at."""
        if self._is_failed or self.transport.is_closing():
            return
        self._is_failed = self.close_sent = True
        self.stop_keepalive()
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.write_eof()
        self.transport.resume_reading()
        self.read_paused = False
        code = self.conn.close_sent.code if self.conn.close_sent else _ABNORMAL
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code})
        self.close_timer = self.loop.call_later(_FAREWELL, self._cut)

    def _cut(self) -> None:
        if not self.disconnected:
            reset(self.transport)


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
