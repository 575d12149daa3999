"""Peers on sockets of their own, that read when they are told to and leave as they like; and
readers of server-sent events."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from tests.live.conftest import PATIENCE, SERVER_KEY, Socket

PROTOCOL = "graphql-transport-ws"
SMALL = 2**12  # bytes that the system keeps for a peer who is to be slow
_READ = 2**16
_ESTABLISHED = 1
_RESET = struct.pack("ii", 1, 0)  # no time to linger: what is on its way is thrown away


def is_established(connection: socket.socket) -> bool:
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED


class Peer:
    """A WebSocket of which nothing is read that nobody asks for."""

    def __init__(self, url: str, *, room: int | None = None) -> None:
        address = parse_uri(f"{url.replace('http', 'ws')}/graphql")
        self._address = address.host, address.port
        self._protocol = ClientProtocol(address, subprotocols=[Subprotocol(PROTOCOL)])
        self._unread: list[Any] = []
        self.socket = socket.socket()
        self.socket.setblocking(False)
        if room is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)

    async def connect(self) -> None:
        await asyncio.get_running_loop().sock_connect(self.socket, self._address)
        self._protocol.send_request(self._protocol.connect())
        await self._flush()
        response = await self._event()
        assert isinstance(response, Response), response
        assert response.status_code == 101, response

    async def begin(self, token: str = SERVER_KEY) -> None:
        payload = {"Authorization": f"Bearer {token}"}
        await self.say({"type": "connection_init", "payload": payload})
        assert (await self.hear())["type"] == "connection_ack"

    async def subscribe(self, query: str, id: str = "1", **variables: Any) -> None:
        payload = {"query": query, "variables": variables}
        await self.say({"type": "subscribe", "id": id, "payload": payload})

    async def say(self, message: object) -> None:
        self._protocol.send_text(json.dumps(message).encode())
        await self._flush()

    async def frame(self) -> Frame:
        """As it was sent: a message may have several."""
        frame = await self._event()
        assert isinstance(frame, Frame), frame
        return frame

    async def hear(self) -> dict[str, Any]:
        """The next message, put together; pings go unanswered."""
        found = b""
        while True:
            frame = await self.frame()
            assert frame.opcode is not Opcode.CLOSE, frame
            if frame.opcode in (Opcode.TEXT, Opcode.CONT):
                found += frame.data
                if frame.fin:
                    message: dict[str, Any] = json.loads(found)
                    return message

    async def closed(self) -> tuple[int, str]:
        """The code and the reason, which may come in the middle of a message."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE):
            while (close := self._protocol.close_rcvd) is None:
                self._protocol.receive_data(await loop.sock_recv(self.socket, _READ))
        return close.code, close.reason

    @property
    def is_connected(self) -> bool:
        """As the system sees it, though nothing is read."""
        return is_established(self.socket)

    async def is_cut(self, within: float = PATIENCE) -> bool:
        """Whether the server has ended the connection, whatever it still said."""
        try:
            async with asyncio.timeout(within):
                while await asyncio.get_running_loop().sock_recv(self.socket, _READ):
                    pass
        except TimeoutError:
            return False
        except ConnectionError:
            pass
        return True

    async def end(self) -> None:
        """In order."""
        self._protocol.send_close(1000)
        await self._flush()
        await self.is_cut()
        self.leave()

    def leave(self) -> None:
        """Without a word."""
        self.socket.close()

    def abort(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.socket.close()

    async def _event(self) -> Any:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE):
            while not self._unread:
                data = await loop.sock_recv(self.socket, _READ)
                assert data, "the server has ended the connection"
                self._protocol.receive_data(data)
                self._unread += self._protocol.events_received()
        return self._unread.pop(0)

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self.socket, b"".join(self._protocol.data_to_send()))


@asynccontextmanager
async def peer(
    url: str, *, room: int | None = None, token: str = SERVER_KEY
) -> AsyncIterator[Peer]:
    """Begun; it leaves without a word."""
    made = Peer(url, room=room)
    try:
        await made.connect()
        await made.begin(token)
        yield made
    finally:
        made.leave()


@asynccontextmanager
async def talking(url: str, token: str = SERVER_KEY) -> AsyncIterator[Socket]:
    """To a server of another process."""
    address = f"{url.replace('http', 'ws')}/graphql"
    async with connect(address, subprotocols=[Subprotocol(PROTOCOL)], compression=None) as made:
        found = Socket(made)
        await found.begin(token)
        yield found


class Events:
    """Of one stream, as they come."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def value(self) -> dict[str, Any]:
        """The one field of the next event."""
        kind, data = await self._event()
        assert kind == "next", kind
        payload = json.loads(data)
        assert "errors" not in payload, payload
        (value,) = payload["data"].values()
        found: dict[str, Any] = value
        return found

    async def rest(self) -> list[str]:
        """The kinds of all that still comes until the end."""
        async with asyncio.timeout(PATIENCE):
            return [line async for line in self._lines if line.startswith("event:")]

    async def _event(self) -> tuple[str, str]:
        kind = ""
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                name, _, rest = line.partition(": ")
                if name == "event":
                    kind = rest
                elif name == "data":
                    return kind, rest
        raise EOFError


@asynccontextmanager
async def events(
    url: str, query: str, token: str = SERVER_KEY, **variables: Any
) -> AsyncIterator[Events]:
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    body = {"query": query, "variables": variables}
    async with (
        httpx.AsyncClient(timeout=PATIENCE) as http,
        http.stream("POST", f"{url}/graphql", json=body, headers=headers) as response,
    ):
        assert response.status_code == 200, await response.aread()
        yield Events(response)


@asynccontextmanager
async def unread_events(
    url: str, query: str, token: str = SERVER_KEY, **variables: Any
) -> AsyncIterator[socket.socket]:
    """Asked for, and nothing of them is read."""
    address = parse_uri(url.replace("http", "ws"))
    body = json.dumps({"query": query, "variables": variables})
    head = (
        "POST /graphql HTTP/1.1\r\nHost: abgraph\r\nAccept: text/event-stream\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        made.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(made, (address.host, address.port))
        await loop.sock_sendall(made, (head + body).encode())
        yield made
