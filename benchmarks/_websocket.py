"""A client of graphql-transport-ws that does no more than what is measured needs."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Mapping
from struct import pack
from typing import cast

_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class Socket(asyncio.Protocol):
    def __init__(self, url: str, key: str) -> None:
        self.fault = ""
        self._is_upgraded, self._is_open = False, asyncio.Event()
        self._host, self._key = url.removeprefix("http://"), key
        self._rest = b""

    async def connect(self) -> None:
        host, _, port = self._host.partition(":")
        await asyncio.get_running_loop().create_connection(lambda: self, host, int(port))
        await self._is_open.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(_upgrade(self._host))

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        if not self._is_upgraded:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return
            self._open(head)
        while (frame := _first(data)) is not None:
            code, payload, data = frame
            self._take(code, payload)
        self._rest = data

    def connection_lost(self, _: Exception | None) -> None:
        self.fault = self.fault or "the server cut a connection"
        self._is_open.set()

    def ping(self, payload: bytes) -> None:
        self.transport.write(_framed(_PING, payload))

    def say(self, message: Mapping[str, object]) -> None:
        self.transport.write(_framed(_TEXT, json.dumps(message).encode()))

    def heard(self, text: bytes) -> None:
        """A message of the server."""

    def answered(self, payload: bytes) -> None:
        """A ping of ours."""

    def _open(self, head: bytes) -> None:
        if not head.startswith(b"HTTP/1.1 101"):
            self.fault = f"no WebSocket: {head!r}"
        token = {"Authorization": f"Bearer {self._key}"}
        self.say({"type": "connection_init", "payload": token})
        self._is_upgraded = True

    def _take(self, code: int, payload: bytes) -> None:
        if code == _TEXT and b'"connection_ack"' in payload:
            self._is_open.set()
        elif code == _TEXT:
            self.heard(payload)
        elif code == _PING:
            self.transport.write(_framed(_PONG, payload))
        elif code == _PONG:
            self.answered(payload)
        elif code == _CLOSE:
            self.fault = f"the server closed a connection: {payload!r}"


def _framed(code: int, payload: bytes) -> bytes:
    """Masked with zeros, which leaves the payload as it is."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + pack("!H", size)
    return bytes([0x80 | code]) + length + bytes(4) + payload


def _first(data: bytes) -> tuple[int, bytes, bytes] | None:
    """Code and payload of the first frame, and what follows it; None while it is not all there."""
    if len(data) < 2:
        return None
    size, start = data[1] & 127, 2
    if size > 125:
        start = 4 if size == 126 else 10
        size = int.from_bytes(data[2:start], "big")
    end = start + size
    return None if len(data) < end else (data[0] & 15, data[start:end], data[end:])


def _upgrade(host: str) -> bytes:
    lines = [
        "GET /graphql HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {b64encode(bytes(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: graphql-transport-ws",
    ]
    return "\r\n".join([*lines, "", ""]).encode()
