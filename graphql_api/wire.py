"""Under the WebSockets: uvicorn's protocol, with bounds on what a peer that does not read may make
us hold, and an end for peers that are dead."""

from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

PING_EVERY, PONG_WITHIN = 20.0, 20.0  # seconds
_PIECE = 2**16  # a larger message is sent piece by piece, at the speed of who reads it
_MOST_UNREAD = 2**17  # bytes of pongs and the like
_MOST_WAITING = 500  # messages that were received and not yet looked at
_FAREWELL = 5.0  # seconds for a peer to read the last of what it was sent


class Wire(WebSocketsSansIOProtocol):
    async def send(self, message: Any) -> None:
        text = message.get("text")
        if text is not None and len(text) > _PIECE:
            await self._send_in_pieces(text.encode())
        else:
            await super().send(message)
        if message["type"] == "websocket.close":
            self.loop.call_later(_FAREWELL, self._cut)

    async def _send_in_pieces(self, message: bytes) -> None:
        end = len(message)
        for start in range(0, end, _PIECE):
            await self.writable.wait()
            if self.close_sent or self.disconnected or self.transport.is_closing():
                return
            send = self.conn.send_continuation if start else self.conn.send_text
            send(message[start : start + _PIECE], fin=start + _PIECE >= end)
            self.transport.write(b"".join(self.conn.data_to_send()))

    async def run_asgi(self) -> None:
        await super().run_asgi()
        self.loop.call_later(_FAREWELL, self._cut)

    def handle_ping(self) -> None:
        super().handle_ping()
        if self.transport.get_write_buffer_size() > _MOST_UNREAD:
            self._cut()

    def send_receive_event_to_app(self) -> None:
        if self.queue.qsize() < _MOST_WAITING:
            super().send_receive_event_to_app()
        else:
            self._cut()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._cut()

    def shutdown(self) -> None:
        super().shutdown()
        self.loop.call_later(_FAREWELL, self._cut)

    def _cut(self) -> None:
        """Closing would wait for the peer to read what is on its way."""
        if not self.disconnected:
            cast(Any, self.transport).abort()
