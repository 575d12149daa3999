"""The running server: its database, its processes, and how they end."""

import asyncio
import errno
import gc
import logging
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any

import click

from domain.errors import StartFault
from domain.setup import Beginning
from graphql_api import app
from graphql_api.answering import Stopping, answer
from graphql_api.endpoints import LONGEST_LEAVE
from graphql_api.settings import (
    VARIABLES,
    Settings,
    WrongSetting,
    as_environment,
    inherited,
)

logger = logging.getLogger("abgraph")

_BACKLOG = 2048
_UNSENT = 2**16  # bytes of a connection that wait in the system
_SILENCE = 60  # seconds that a peer may leave what it was sent unanswered
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0  # seconds before a process that died is replaced
_EMBEDDED_ADMITS = 190  # connections, of which a few are left for psql and abgraph migrate


class ProcessesFailed(StartFault):
    pass


async def serve(settings: Settings) -> None:
    stopping = Stopping()
    _admit_many()
    _refuse_too_many_connections(settings)
    _refuse_small_buckets(settings)
    secret = app.secret_keys(settings)
    with suppress(asyncio.CancelledError), _listening(settings) as listener:
        ready = _announcement(settings, listener)
        logger.info("%s", _whereabouts(settings))
        async with app.database_url(settings, share=False) as url:
            settings = replace(settings, secret_key_file=secret.settle())
            await _prepare(settings, url)
            if settings.workers == 1:
                await answer(settings, url, listener, stopping, ready)
            else:
                workers = _Workers(replace(settings, database_url=url), listener, ready)
                stopping.action = workers.stop
                await workers.run()
                stopping.done()
    gc.freeze()  # else the interpreter looks through all of it once more before it ends
    logger.info("stopped")


def _refuse_too_many_connections(settings: Settings) -> None:
    wanted = settings.workers * settings.pool_size
    if settings.database_url is None and wanted > _EMBEDDED_ADMITS:
        raise WrongSetting(
            "ABGRAPH_POOL_SIZE",
            f"is {settings.pool_size}: {settings.workers} server processes would take {wanted} "
            f"connections, and the embedded PostgreSQL admits {_EMBEDDED_ADMITS}",
        )


def _refuse_small_buckets(settings: Settings) -> None:
    """What costs more than a bucket holds could never be had."""
    for name in ("rate_burst", "anonymous_burst"):
        if (size := getattr(settings, name)) < settings.max_cost:
            reason = (
                f"is {size}: it must be ABGRAPH_MAX_COST at least, which is {settings.max_cost}"
            )
            raise WrongSetting(VARIABLES[name], reason)


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """From the first moment on: who comes early waits, and a second server is refused."""
    family, address = _resolved(settings)
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _drop_the_dead(listener)
        _keep_little(listener)
        try:
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError as error:
            raise _unusable(settings, error) from error
        yield listener


def _drop_the_dead(listener: socket.socket) -> None:
    """What it accepts inherits this: a peer that is gone, or reads nothing of what it was sent, is
    found out by the system."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL"):
        if (option := getattr(socket, name, None)) is not None:
            listener.setsockopt(socket.IPPROTO_TCP, option, _SILENCE // 3)
    if (option := getattr(socket, "TCP_USER_TIMEOUT", None)) is not None:
        listener.setsockopt(socket.IPPROTO_TCP, option, _SILENCE * 1000)


def _keep_little(listener: socket.socket) -> None:
    """Else the system would take megabytes for each who does not read, and the first that such a
    one reads later would be as old as they are many."""
    if (option := getattr(socket, "TCP_NOTSENT_LOWAT", None)) is not None:
        listener.setsockopt(socket.IPPROTO_TCP, option, _UNSENT)


def _admit_many() -> None:
    """Each connection takes a file descriptor, and shells hand down few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _resolved(settings: Settings) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise WrongSetting(
            "ABGRAPH_HOST", f"is {settings.host!r}: there is no such address"
        ) from None
    family, _, _, _, address = found[0]
    return family, address


def _unusable(settings: Settings, error: OSError) -> WrongSetting:
    host, port = settings.host, settings.port
    match error.errno:
        case errno.EADDRINUSE:
            reason = f"is {port}: it is in use on {host}; stop what listens there, or use another"
            return WrongSetting("ABGRAPH_PORT", reason)
        case errno.EADDRNOTAVAIL:
            return WrongSetting("ABGRAPH_HOST", f"is {host!r}: it is no address of this machine")
        case _:
            return WrongSetting("ABGRAPH_PORT", f"is {port}, on {host}: {error.strerror}")


def _whereabouts(settings: Settings) -> str:
    if settings.database_url is not None:
        return "using the PostgreSQL of DATABASE_URL"
    folder = settings.data_dir.resolve()
    if folder.exists():
        return f"starting PostgreSQL on the data in {folder}"
    return f"making a PostgreSQL database in {folder}, the first time only"


def _announcement(settings: Settings, listener: socket.socket) -> Callable[[], None]:
    host, port = listener.getsockname()[:2]
    address = ip_address(host.partition("%")[0])
    if address.is_unspecified:
        host = "localhost"
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/graphql"
    hint = "" if settings.is_production else ", a page for your browser; Ctrl-C stops it"
    return lambda: logger.info("abgraph %s answers on %s%s", version("abgraph"), url, hint)


async def _prepare(settings: Settings, url: str) -> None:
    if settings.migrate:
        await _migrate(settings, url)
    else:
        await app.refuse_old_tables(url)
    beginning = await app.begin(settings, url)
    if beginning is not None:
        _show_once(beginning)


async def _migrate(settings: Settings, url: str) -> None:
    done = await app.migrate(replace(settings, database_url=url), "head")
    if done and done[0].startswith("001 "):
        return logger.info("made the tables: %s revisions", len(done))
    for line in done:
        logger.info("migrated: %s", line)
    return None


def _show_once(beginning: Beginning) -> None:
    """On standard output, never in the log."""
    made_up = {
        "password": beginning.password,
        "server key": beginning.server_key,
        "tracker key": beginning.tracker_key,
    }
    click.echo(f"\nThe first project is made, with the user {beginning.email}.")
    if any(made_up.values()):
        click.echo("Keep these, they are shown this once:")
    for name, secret in made_up.items():
        if secret is not None:
            click.echo(f"  {name:<12}  {secret}")
    click.echo("")


class _Workers:
    """Several processes on one listening socket; one that died gets a successor."""

    def __init__(
        self, settings: Settings, listener: socket.socket, ready: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._announce = ready
        self._started = 0
        self._failed = False
        self._told = asyncio.Event()
        self._processes: set[asyncio.subprocess.Process] = set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self._settings.workers):
                group.create_task(self._keep())
        if self._failed:
            raise ProcessesFailed("the server processes do not start: the log says why")

    def stop(self) -> None:
        """Told a second time, it waits for nobody."""
        if self._told.is_set():
            return self._send(signal.SIGKILL)
        self._told.set()
        self._listener.close()
        self._send(signal.SIGTERM)
        patience = LONGEST_LEAVE + self._settings.grace + 1
        asyncio.get_running_loop().call_later(patience, self._send, signal.SIGKILL)
        return None

    def _send(self, number: signal.Signals) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.send_signal(number)

    async def _keep(self) -> None:
        pause = _FIRST_PAUSE
        while not self._told.is_set():
            if await self._run_one():
                pause = _FIRST_PAUSE
            if self._told.is_set():
                return
            if self._started < self._settings.workers:
                self._failed = True
                self.stop()
                return
            logger.error("a server process ended by itself: another takes its place")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _run_one(self) -> bool:
        """Whether it came so far as to answer."""
        process = await self._start()
        self._processes.add(process)
        if self._told.is_set():
            self._send(signal.SIGTERM)
        try:
            answers = bool(process.stdout and await process.stdout.readline())
            if answers:
                self._note_start()
            await process.wait()
        finally:
            self._processes.discard(process)
        return answers

    def _note_start(self) -> None:
        self._started += 1
        if self._started == self._settings.workers:
            self._announce()

    async def _start(self) -> asyncio.subprocess.Process:
        """It hears of the death of its parent: its standard input ends."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "graphql_api.answering", str(self._listener.fileno())),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=inherited() | as_environment(self._settings),
            pass_fds=[self._listener.fileno()],
            start_new_session=True,
        )
