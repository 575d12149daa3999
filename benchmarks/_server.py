"""`abgraph serve` with its own PostgreSQL in a temporary folder, as it is installed by default."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx

KEY = "abk_of-the-benchmark-of-the-tracker"
_ROOT = Path(__file__).parents[1]
_ANSWERS = "answers on http://"
_START_TIME, _STOP_TIME = 120.0, 20.0
EXPERIMENT = "benchmark"
_CREATE = """mutation($input: ExperimentCreateInput!) {
    experimentCreate(input: $input) { experiment { name } errors { message } } }"""
_START = """mutation($input: ExperimentTransitionInput!) {
    experimentStart(input: $input) { experiment { name } errors { message } } }"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    url: str
    process: int
    sockets: Path  # the folder of its PostgreSQL's socket

    def processor_time(self) -> float:
        """Seconds; 0 where the system does not tell. What neighbours do hardly changes it."""
        record = Path("/proc", str(self.process), "stat")
        if not record.exists():
            return 0.0
        user, system = record.read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    @property
    def database(self) -> str:
        """For another process, the URL."""
        return f"postgresql://abgraph@/abgraph?host={self.sockets}"

    async def connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(
            host=str(self.sockets), user="abgraph", database="abgraph", password="", ssl=False
        )


@asynccontextmanager
async def served(**settings: str) -> AsyncIterator[Served]:
    """With an experiment that runs; `settings` are variables of its environment."""
    with _folder() as folder, (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220  our own command
            [sys.executable, "-m", "graphql_api.cli", "serve"],
            cwd=_ROOT,
            env={
                "PATH": os.defpath,
                "ABGRAPH_PORT": "0",
                "ABGRAPH_DATA_DIR": str(folder / "data"),
                "ABGRAPH_BOOTSTRAP_SERVER_KEY": KEY,
                **settings,
            },
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            url = await _address(process, folder / "log")
            await _begin_experiment(url)
            sockets = _socket_folder(folder / "data")
            yield Served(url=url, process=process.pid, sockets=sockets)
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, _STOP_TIME)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="abgraph-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root, PostgreSQL runs as somebody else
        yield folder


async def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    async with asyncio.timeout(_START_TIME):
        while _ANSWERS not in (text := _text(log)):
            if process.poll() is not None:
                raise SystemExit(f"abgraph serve has ended:\n{text}")
            await asyncio.sleep(0.05)
    return "http://" + text.partition(_ANSWERS)[2].partition("/")[0]


def _text(log: Path) -> str:
    return log.read_text(errors="replace")


def _socket_folder(data: Path) -> Path:
    """PostgreSQL itself writes it down, in the fifth line, wherever its data had to be put."""
    records = [data / "postgres/postmaster.pid", data / "lodging/postgres/postmaster.pid"]
    record = next(path for path in records if path.exists())
    return Path(record.read_text().splitlines()[4])


async def _begin_experiment(url: str) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    variants = [{"name": "control", "isControl": True}, {"name": "treatment"}]
    created = {"name": EXPERIMENT, "variants": variants}
    started = {"experiment": {"name": EXPERIMENT}}
    async with httpx.AsyncClient(headers=headers, timeout=30) as http:
        for document, given in ((_CREATE, created), (_START, started)):
            asked = {"query": document, "variables": {"input": given}}
            answer = (await http.post(f"{url}/graphql", json=asked)).json()
            if fault := _fault(answer):
                raise SystemExit(f"the experiment could not be made: {fault}")


def _fault(answer: dict[str, Any]) -> object:
    if answer.get("errors"):
        return answer["errors"]
    (payload,) = answer["data"].values()
    return payload["errors"]
