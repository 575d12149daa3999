"""`abgraph serve` as a process of its own, for tests to signal and to kill."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from tests.secret import SECRET_KEY

KEY = "abk_of-the-tests-of-serving"
AUTHORIZATION = {"Authorization": f"Bearer {KEY}"}
ENVIRONMENT = {
    "PATH": os.defpath,
    "ABGRAPH_PORT": "0",
    "ABGRAPH_LOG_LEVEL": "info",
    "ABGRAPH_BOOTSTRAP_SERVER_KEY": KEY,
    "ABGRAPH_SECRET_KEY": SECRET_KEY,
}
COMMAND = (sys.executable, "-m", "graphql_api.cli")
ANSWERS = "answers on http://"


class Serving:
    """It writes into a file: a pipe would end with the last process that inherited it."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.url = ""
        self._log = log

    @property
    def lines(self) -> list[str]:
        return self._log.read_text().splitlines()

    async def hears(self, word: str) -> str:
        async with asyncio.timeout(30):
            while not (found := [line for line in self.lines if word in line]):
                assert self.process.poll() is None, self.lines
                await asyncio.sleep(0.01)
        return found[0]

    async def answers(self) -> None:
        line = await self.hears(ANSWERS)
        self.url = line[line.index("http://") :].partition("/graphql")[0]

    async def status(self, path: str = "/readyz") -> int:
        async with httpx.AsyncClient(timeout=10) as http:
            return (await http.get(self.url + path)).status_code

    async def ends(self, within: float = 5.0) -> int:
        async with asyncio.timeout(within):
            while (status := self.process.poll()) is None:  # noqa: ASYNC110  nobody tells
                await asyncio.sleep(0.01)
        return status

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def workers(self) -> set[int]:
        path = Path("/proc", str(self.process.pid), "task", str(self.process.pid), "children")
        return {int(pid) for pid in path.read_text().split()}

    def memory(self) -> int:
        """Bytes that the process has in use."""
        status = Path("/proc", str(self.process.pid), "status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def connect(self) -> socket.socket:
        host, port = self.url.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), timeout=10)


def _hear_hangups() -> None:
    """As from a terminal, even where the tests themselves were started by nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextlib.asynccontextmanager
async def started(
    *flags: str, command: tuple[str, ...] = COMMAND, **environment: str | Path
) -> AsyncIterator[Serving]:
    with tempfile.NamedTemporaryFile(prefix="abgraph-") as log:
        process = subprocess.Popen(  # noqa: ASYNC220, S603  our own command
            [*command, "serve", *flags],
            env={**ENVIRONMENT, **{name: str(value) for name, value in environment.items()}},
            stderr=log,
            preexec_fn=_hear_hangups,  # noqa: PLW1509  no thread of ours holds a lock by then
        )
        server = Serving(process, Path(log.name))
        try:
            yield server
        finally:
            process.terminate()
            try:
                await server.ends(within=10)
            finally:
                process.kill()


@contextlib.asynccontextmanager
async def serving(*flags: str, **environment: str | Path) -> AsyncIterator[Serving]:
    async with started(*flags, command=COMMAND, **environment) as server:
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
