"""What goes on beside the subscribers: somebody keeps the numbers moving, and somebody sees how
long the server is deaf. Their process does nothing else meanwhile, so that what they see is the
server's doing.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from struct import pack, unpack
from time import monotonic
from typing import Any

from benchmarks._server import KEY
from benchmarks._websocket import Socket

_EVERY = 0.24  # seconds between two assigns
_PING_EVERY = 0.005
_TOTAL = "query($name:String!){experiment(by:{name:$name}){results{totalAssignments}}}"
_ASSIGN = "mutation($input:AssignInput!){assign(input:$input){reason}}"


class Assigns:
    """`committed` is when the answer to the assign was there that made it so many."""

    def __init__(self, url: str, name: str) -> None:
        self.committed: dict[int, float] = {}
        self._host = url.removeprefix("http://")
        self._name = name
        self._prefix = secrets.token_hex(4)

    async def run(self) -> None:
        host, _, port = self._host.partition(":")
        self._reader, self._writer = await asyncio.open_connection(host, int(port))
        try:
            await self._go_on()
        finally:
            self._writer.close()

    async def _go_on(self) -> None:
        found = await self._ask(_TOTAL, {"name": self._name})
        total = int(found["data"]["experiment"]["results"]["totalAssignments"])
        while True:
            given = {"experiment": self._name, "userId": f"{self._prefix}-{total}"}
            answer = await self._ask(_ASSIGN, {"input": given})
            if answer["data"]["assign"]["reason"] != "NEW":
                raise SystemExit(f"an assign that was not expected: {answer}")
            total += 1
            self.committed[total] = monotonic()
            await asyncio.sleep(_EVERY)

    async def _ask(self, document: str, variables: dict[str, object]) -> Any:
        body = json.dumps({"query": document, "variables": variables}).encode()
        head = [
            "POST /graphql HTTP/1.1",
            f"Host: {self._host}",
            "Content-Type: application/json",
            f"Authorization: Bearer {KEY}",
            f"Content-Length: {len(body)}",
        ]
        self._writer.write("\r\n".join([*head, "", ""]).encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = answer.lower().partition(b"content-length:")[2].partition(b"\r")[0]
        return json.loads(await self._reader.readexactly(int(length)))


class Probe(Socket):
    """`stalls` are when a ping was sent, and how long it took to be answered."""

    def __init__(self, url: str) -> None:
        super().__init__(url, KEY)
        self.stalls: list[tuple[float, float]] = []

    async def run(self) -> None:
        await self.connect()
        while not self.fault:
            self.ping(pack("d", monotonic()))
            await asyncio.sleep(_PING_EVERY)
        raise SystemExit(self.fault)

    def answered(self, payload: bytes) -> None:
        (sent,) = unpack("d", payload)
        self.stalls.append((sent, monotonic() - sent))

    def between(self, began: float, ended: float) -> Iterator[float]:
        return (took for sent, took in self.stalls if began <= sent < ended)


@asynccontextmanager
async def going_on(ours: str, watched: str, name: str) -> AsyncIterator[tuple[Assigns, Probe]]:
    """Assigns are made by our server whichever is watched: the other need not do them too."""
    assigns, probe = Assigns(ours, name), Probe(watched)
    tasks = [asyncio.create_task(each.run()) for each in (assigns, probe)]
    try:
        yield assigns, probe
    finally:
        for task in tasks:
            task.cancel()
        for found in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(found, asyncio.CancelledError):
                raise SystemExit(f"what goes on beside the subscribers has ended: {found!r}")
        probe.transport.abort()
