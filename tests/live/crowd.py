"""A crowd of subscribers. Run as a program, this file is the crowd, in a process of its own."""

import asyncio
import json
import re
import resource
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

ROOT = Path(__file__).parents[2]
LONGEST_ANSWER = 2**26
_TOTAL = re.compile(rb'"totalAssignments":"?(\d+)')
_AT_ONCE = 100
_LITTLE = 2**12
_ESTABLISHED = 1


@dataclass(frozen=True, kw_only=True)
class Asked:
    """`silent`: how many of them never read more than their first value."""

    url: str
    key: str
    query: str
    count: int
    silent: int = 0


@dataclass
class Heard:
    """Of each that reads: when a value came, and how many take part by then."""

    values: list[list[tuple[float, int]]] = field(default_factory=list)
    cut: int = 0  # silent ones whom the server has dropped
    lost: int = 0  # others whom it should not have dropped


class Crowd:
    """Seen from the process that has started it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ends(self) -> Heard:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        return Heard(**json.loads(await self._process.stdout.readline()))


@asynccontextmanager
async def crowd(asked: Asked) -> AsyncIterator[Crowd]:
    """All have got their first value."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, json.dumps(asdict(asked))),
        env={"PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LONGEST_ANSWER,
    )
    try:
        assert process.stdout
        async with asyncio.timeout(60):
            assert await process.stdout.readline() == b"ready\n"
        yield Crowd(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


class _Member(asyncio.Protocol):
    def __init__(self, asked: Asked, *, is_silent: bool) -> None:
        self._asked = asked
        self._is_silent = is_silent
        self._protocol = ClientProtocol(
            parse_uri(f"{asked.url.replace('http', 'ws')}/graphql"),
            subprotocols=[Subprotocol("graphql-transport-ws")],
        )
        self._parts: list[bytes] = []
        self.values: list[tuple[float, int]] = []
        self.first = asyncio.Event()
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                self._subscribe()
            elif isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.CONT):
                self._take(event)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()

    def leave(self) -> None:
        self._transport.abort()

    def _subscribe(self) -> None:
        token = {"Authorization": f"Bearer {self._asked.key}"}
        self._say({"type": "connection_init", "payload": token})

    def _take(self, frame: Frame) -> None:
        self._parts.append(bytes(frame.data))
        if not frame.fin:
            return
        message, self._parts = b"".join(self._parts), []
        if message.startswith(b'{"type":"connection_ack"'):
            self._say({"type": "subscribe", "id": "1", "payload": {"query": self._asked.query}})
        elif found := _TOTAL.search(message):
            self.values.append((time.monotonic(), int(found[1])))
            self.first.set()
            if self._is_silent:
                self._transport.pause_reading()

    def _say(self, message: object) -> None:
        self._protocol.send_text(json.dumps(message).encode())

    def _flush(self) -> None:
        self._transport.write(b"".join(self._protocol.data_to_send()))


async def _stay(asked: Asked, members: list[_Member], heard: Heard, *, is_silent: bool) -> None:
    """Who is dropped comes again."""
    address = parse_uri(asked.url.replace("http", "ws"))
    loop = asyncio.get_running_loop()
    while True:
        made = socket.socket()
        made.setblocking(False)
        if is_silent:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _LITTLE)
        await loop.sock_connect(made, (address.host, address.port))
        made_member = partial(_Member, asked, is_silent=is_silent)
        _, member = await loop.create_connection(made_member, sock=made)
        members.append(member)
        if is_silent:
            await _dropped(made)
            member.leave()
        else:
            await member.gone.wait()
        heard.cut += is_silent
        heard.lost += not is_silent


async def _dropped(connection: socket.socket) -> None:
    """Nobody tells who does not read."""
    while connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED:  # noqa: ASYNC110
        await asyncio.sleep(0.5)


async def _main(asked: Asked) -> None:
    heard, readers, silent = Heard(), list[_Member](), list[_Member]()
    staying = []
    for number in range(asked.count + asked.silent):
        is_silent = number < asked.silent
        members = silent if is_silent else readers
        staying.append(asyncio.create_task(_stay(asked, members, heard, is_silent=is_silent)))
        if number % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0.1)
    while len(readers) + len(silent) < len(staying):  # noqa: ASYNC110  nobody tells
        await asyncio.sleep(0.05)
    for member in (*readers, *silent):
        await member.first.wait()
    print("ready", flush=True)  # noqa: T201  the other process hears
    await asyncio.to_thread(sys.stdin.read)
    heard.values = [member.values for member in readers]
    print(json.dumps(asdict(heard)), flush=True)  # noqa: T201
    for task in staying:
        task.cancel()


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(_main(Asked(**json.loads(sys.argv[1]))))
