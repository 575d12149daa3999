"""The running server: its database, its processes, and how they end."""

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import uvicorn
from starlette.applications import Starlette

from graphql_api import app, logs
from graphql_api.settings import (
    Settings,
    WrongSetting,
    as_environment,
    from_environment,
    inherited,
)

logger = logging.getLogger("abgraph")

_GRACE = 3  # seconds for what is under way when the server is told to stop
_PAUSE = 1.0


class Stopping:
    """What SIGINT and SIGTERM do, which depends on how far the server is."""

    def __init__(self) -> None:
        task = asyncio.current_task()
        self.action: Callable[[], object] = task.cancel if task else sys.exit
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._act)

    def _act(self) -> None:
        self.action()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Not uvicorn's: it would end the process before the database has been stopped."""
        yield


async def serve(settings: Settings) -> None:
    stopping = Stopping()
    with suppress(asyncio.CancelledError):
        listener = _listen(settings)
        async with app.database_url(settings, share=False) as url:
            await _prepare(settings, url)
            host, port = listener.getsockname()[:2]
            logger.info("abgraph answers on http://%s:%s/graphql", host, port)
            if settings.workers == 1:
                await _serve_here(settings, url, listener, stopping)
            else:
                await _serve_in_processes(settings, url, listener, stopping)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        address = f"{settings.host}:{settings.port}"
        raise WrongSetting(
            "ABGRAPH_PORT", f"cannot be used, {address}: {error.strerror}"
        ) from error
    return listener


async def _prepare(settings: Settings, url: str) -> None:
    if settings.migrate:
        for line in await app.migrate(replace(settings, database_url=url), "head"):
            logger.info("migrated: %s", line)


async def _serve_here(
    settings: Settings, url: str, listener: socket.socket, stopping: Stopping
) -> None:
    config = uvicorn.Config(
        app.create_app(settings, url),
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_GRACE,
    )
    server = _Server(config)

    def stop() -> None:
        server.force_exit = server.should_exit
        server.should_exit = True

    stopping.action = stop
    await server.serve(sockets=[listener])


async def _serve_in_processes(
    settings: Settings, url: str, listener: socket.socket, stopping: Stopping
) -> None:
    listener.set_inheritable(True)
    own = replace(settings, database_url=url)
    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(_keep_worker(own, listener)) for _ in range(settings.workers)]
        stopping.action = lambda: [task.cancel() for task in workers]


async def _keep_worker(settings: Settings, listener: socket.socket) -> None:
    """Starts one that died again. One whose parent has died hears it: its standard input ends."""
    while True:
        process = await _start_worker(settings, listener)
        try:
            status = await process.wait()
            logger.error("a server process ended with status %s: starting another", status)
            await asyncio.sleep(_PAUSE)
        except asyncio.CancelledError:
            if process.returncode is None:
                process.terminate()
                await process.wait()
            raise


async def _start_worker(settings: Settings, listener: socket.socket) -> asyncio.subprocess.Process:
    arguments = ["--fd", str(listener.fileno()), "--loop", "uvloop", "--http", "httptools"]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "uvicorn",
        "--factory",
        "graphql_api.serving:worker",
        "--no-access-log",
        "--timeout-graceful-shutdown",
        str(_GRACE),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        env=inherited() | as_environment(settings),
        pass_fds=[listener.fileno()],
        start_new_session=True,
    )


def worker() -> Starlette:
    """What each of several processes runs: its parent has said all in the environment."""
    settings = from_environment()
    logs.configure(settings.log_level, pretty=not settings.is_production)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    return app.create_app(settings, settings.database_url or "")


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
