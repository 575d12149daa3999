"""The load generator, a process of its own: keep-alive connections, one request in flight on each.

It shares the cores with the server that it measures, so it does next to nothing: bodies are one
template with a place for a token, and of an answer it reads the status, the length and how often
a word is in it.
"""

import asyncio
import gc
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from typing import cast

import uvloop

ROOT = Path(__file__).parents[1]
TOKEN = "{{this user's}}"  # noqa: S105  what stands in a body where each request has its own text
WIDTH = len(TOKEN)
LEFT_OUT = 0.3  # seconds at the beginning
PATIENCE = 60.0
_PING = b"GET /healthz HTTP/1.1\r\nHost: us\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """`users` are the tokens in turn; without any, each request has a new one. An answer is right
    that holds `word` so many times."""

    url: str
    connections: int
    seconds: float
    body: str
    key: str = ""
    users: tuple[str, ...] = ()
    word: str = ""
    times: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Times in milliseconds. `answered` are all requests, those at the beginning too, and `work`
    is what each of them takes of the server's processor. Those `refused` as too many are apart."""

    rps: float
    p50: float | None = None
    p99: float | None = None
    work: float | None = None
    answered: int
    refused: int = 0


def summary(
    latencies: Sequence[float], seconds: float, answered: int, refused: int = 0
) -> Measured:
    rps = round(len(latencies) / seconds, 1)
    if len(latencies) < 2:
        return Measured(rps=rps, answered=answered, refused=refused)
    cuts = quantiles(latencies, n=100, method="inclusive")
    return Measured(
        rps=rps,
        p50=round(1000 * cuts[49], 2),
        p99=round(1000 * cuts[98], 2),
        answered=answered,
        refused=refused,
    )


async def measured(load: Load) -> Measured:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks._load"),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    said, _ = await process.communicate(json.dumps(asdict(load)).encode())
    if process.returncode:
        raise SystemExit("the load generator failed")
    return Measured(**json.loads(said))


class _Run:
    """What the connections share: what to send, until when, and what came of it."""

    def __init__(self, load: Load) -> None:
        self._users = cycle(load.users) if load.users else _new_users()
        self._parts = _request(load).split(TOKEN.encode())
        self._word, self._times = load.word.encode(), load.times
        self._start = perf_counter() + LEFT_OUT
        self._stop = self._start + load.seconds
        self.answered = self.refused = 0
        self.latencies: list[float] = []
        self.fault = ""

    def request(self) -> bytes:
        return next(self._users).encode().join(self._parts)

    def note(self, answer: bytes, began: float) -> bool:
        """Whether to go on."""
        now = perf_counter()
        if answer[9:12] == b"503":
            self.refused += 1
            return now < self._stop
        if answer[9:12] != b"200" or answer.count(self._word) < self._times:
            self.fault = answer[:600].decode(errors="replace")
            return False
        self.answered += 1
        if self._start <= now < self._stop:
            self.latencies.append(now - began)
        return now < self._stop and not self.fault


class _Connection(asyncio.Protocol):
    """It is accepted before the load begins: how soon a busy server takes in many at once is not
    what is measured."""

    def __init__(self) -> None:
        self.is_accepted = asyncio.Event()
        self.is_lost = asyncio.Event()
        self._run: _Run | None = None
        self._answer = b""
        self._length = 0
        self._is_open = False  # an answer is still to come

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(_PING)

    def begin(self, run: _Run) -> None:
        self._run = run
        self._send(run)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not self._length:
            self._length = _length(self._answer)
        if not self._length or len(self._answer) < self._length:
            return
        answer, self._answer, self._length = self._answer, b"", 0
        self._is_open = False
        if self._run is None:
            self.is_accepted.set()
        elif self._run.note(answer, self._began):
            self._send(self._run)
        else:
            self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        if self._is_open and self._run:
            self._run.fault = self._run.fault or "the server closed the connection"
        self.is_accepted.set()
        self.is_lost.set()

    def _send(self, run: _Run) -> None:
        self._is_open = True
        self._began = perf_counter()
        self._transport.write(run.request())


def _length(answer: bytes) -> int:
    """Of head and body; 0 while the head is not all there."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return 0
    head = answer[:end].lower()
    return end + 4 + int(head.partition(b"content-length:")[2].partition(b"\r")[0])


def _new_users() -> Iterator[str]:
    prefix, number = secrets.token_hex(3), 0
    while True:
        yield f"{prefix}-{number:0{WIDTH - 7}}"
        number += 1


def _request(load: Load) -> bytes:
    host = load.url.removeprefix("http://").partition("/")[0]
    body = load.body.encode()
    head = [
        "POST /graphql HTTP/1.1",
        f"Host: {host}",
        "Content-Type: application/json",
        f"Authorization: Bearer {load.key}",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


async def _loaded(load: Load) -> Measured:
    async with asyncio.timeout(load.seconds + PATIENCE):
        connections = [await _connected(load.url) for _ in range(load.connections)]
        run = _Run(load)
        for each in connections:
            each.begin(run)
        for each in connections:
            await each.is_lost.wait()
    if run.fault:
        raise SystemExit(f"an answer that was not expected:\n{run.fault}")
    return summary(run.latencies, load.seconds, run.answered, run.refused)


async def _connected(url: str) -> _Connection:
    host, port = url.removeprefix("http://").partition("/")[0].split(":")
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(_Connection, host, int(port))
    await connection.is_accepted.wait()
    return connection


def main() -> None:
    given = json.load(sys.stdin)
    gc.disable()
    outcome = uvloop.run(_loaded(Load(**given | {"users": tuple(given["users"])})))
    sys.stdout.write(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main()
