"""Servers for tests to kill. Run as a program, this file is another process that owns one."""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg

from persistence.embedded import EmbeddedPostgres, EmbeddedPostgresError

ROOT = Path(__file__).parents[2]
MEMORY = Path("/dev/shm")  # noqa: S108  faster than a disk, where there is room
ROOM = 2**29


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """One that every OS user can get to, unlike tmp_path."""
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    made = Path(tempfile.mkdtemp(prefix="abgraph-test-", dir=MEMORY if in_memory else None))
    made.chmod(0o755)
    try:
        yield made
    finally:
        for record in made.rglob("postmaster.pid"):
            stop_what_is_left(record)
        shutil.rmtree(made, ignore_errors=True)


def stop_what_is_left(record: Path) -> None:
    pid = int(record.read_text().partition("\n")[0])
    server = Path("/proc", str(pid), "cwd")
    with contextlib.suppress(OSError):
        if server.readlink() == record.parent:
            os.kill(pid, signal.SIGQUIT)
            while server.exists():
                time.sleep(0.01)


@contextlib.asynccontextmanager
async def running(data_dir: Path, *, durable: bool = False) -> AsyncIterator[str]:
    postgres = EmbeddedPostgres(data_dir, durable=durable)
    try:
        yield await postgres.start()
    finally:
        await postgres.stop()


@contextlib.asynccontextmanager
async def watched(data_dir: Path, *, durable: bool = False) -> AsyncIterator[str]:
    postgres = EmbeddedPostgres(data_dir, durable=durable)
    url = await postgres.start()
    watch = asyncio.create_task(postgres.watch())
    try:
        yield url
    finally:
        watch.cancel()
        await asyncio.wait([watch])
        await postgres.stop()


class OtherProcess:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def says(self) -> str:
        assert self._process.stdout
        return (await self._process.stdout.readline()).decode().strip()

    async def end(self, number: signal.Signals) -> int:
        self._process.send_signal(number)
        return await self._process.wait()


@contextlib.asynccontextmanager
async def other_process(
    *arguments: str | Path,
    user: str = "",
    path: Path = ROOT,
    before: Callable[[], None] | None = None,
) -> AsyncIterator[OtherProcess]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, user, *arguments),
        env={"PYTHONPATH": f"{path}:{ROOT}"},
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=before,
    )
    try:
        yield OtherProcess(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ask(url: str, query: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def keep(url: str, word: str) -> None:
    await ask(url, f"CREATE TABLE kept AS SELECT '{word}' AS word")


async def eventually(url: str, query: str) -> Any:
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                return await ask(url, query)
            await asyncio.sleep(0.05)


async def until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not fact():  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.005)


def postmaster(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().partition("\n")[0])


def program(pid: int) -> Path:
    return Path("/proc", str(pid), "exe").resolve()


def is_alive(pid: int) -> bool:
    return Path("/proc", str(pid), "exe").exists()


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def _serve(data_dir: str, *, share: bool = False) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    postgres = EmbeddedPostgres(Path(data_dir))
    try:
        print(await postgres.start(share=share), flush=True)  # noqa: T201  the other process hears
    except EmbeddedPostgresError as refusal:
        print(f"refused: {refusal}", flush=True)  # noqa: T201
        return
    watch = asyncio.create_task(postgres.watch())
    await ended.wait()
    watch.cancel()
    await postgres.stop()


async def _ask(url: str, query: str) -> None:
    try:
        print(await ask(url, query))  # noqa: T201
    except (OSError, asyncpg.PostgresError) as fault:
        print(type(fault).__name__, fault)  # noqa: T201


def _become(user: str) -> None:
    account = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


if __name__ == "__main__":
    _, user, command, *arguments = sys.argv
    if user:
        _become(user)
    match command:
        case "serve":
            asyncio.run(_serve(*arguments))
        case "share":
            asyncio.run(_serve(*arguments, share=True))
        case "ask":
            asyncio.run(_ask(*arguments))
        case _:
            sys.exit(f"no command {command}")
