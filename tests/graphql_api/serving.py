"""`abgraph serve` as a process of its own, for tests to signal and to kill."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

ENVIRONMENT = {"PATH": os.defpath, "ABGRAPH_PORT": "0", "ABGRAPH_LOG_LEVEL": "info"}
COMMAND = (sys.executable, "-m", "graphql_api.cli")
ANSWERS = "answers on http://"


class Serving:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self.url = ""

    async def hears(self, word: str) -> str:
        """The next line with that word; what comes before it is kept in `lines`."""
        assert self.process.stderr
        async with asyncio.timeout(30):
            while line := (await self.process.stderr.readline()).decode():
                self.lines.append(line.strip())
                if word in line:
                    return line.strip()
        raise AssertionError(f"it never said {word}: {self.lines}")

    async def answers(self) -> None:
        line = await self.hears(ANSWERS)
        self.url = line[line.index("http://") :].partition("/graphql")[0]

    async def status(self, path: str = "/readyz") -> int:
        async with httpx.AsyncClient(timeout=10) as http:
            return (await http.get(self.url + path)).status_code

    async def ends(self, within: float = 5.0) -> int:
        assert self.process.stderr
        async with asyncio.timeout(within):
            self.lines += (await self.process.stderr.read()).decode().splitlines()
            return await self.process.wait()

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def workers(self) -> set[int]:
        path = Path("/proc", str(self.process.pid), "task", str(self.process.pid), "children")
        return {int(pid) for pid in path.read_text().split()}

    def connect(self) -> socket.socket:
        host, port = self.url.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), timeout=10)


@contextlib.asynccontextmanager
async def started(*flags: str, **environment: str | Path) -> AsyncIterator[Serving]:
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "serve", *flags),
        env={**ENVIRONMENT, **{name: str(value) for name, value in environment.items()}},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Serving(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@contextlib.asynccontextmanager
async def serving(*flags: str, **environment: str | Path) -> AsyncIterator[Serving]:
    async with started(*flags, **environment) as server:
        await server.answers()
        yield server


async def said(*arguments: str, **environment: str | Path) -> tuple[int, str]:
    """The exit status of another command, and all that it printed."""
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, *arguments),
        env={**ENVIRONMENT, **{name: str(value) for name, value in environment.items()}},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return await process.wait(), output.decode().strip()
