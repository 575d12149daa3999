"""One process that answers, until it is told to stop. Run as a program, it is one of several."""

import asyncio
import gc
import logging
import math
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, cast

import uvicorn
import uvloop
from starlette.applications import Starlette

from graphql_api import app, logs
from graphql_api.endpoints import Endpoints
from graphql_api.heads import Http
from graphql_api.places import Places
from graphql_api.settings import Settings, from_environment
from graphql_api.start_faults import START_FAULTS, in_words
from graphql_api.wire import Wire

logger = logging.getLogger("abgraph")

_LAST_MOMENT = 1.0  # seconds, after streams have ended, for who is about to read
_KEEP_ALIVE = 75  # seconds: longer than reverse proxies and load balancers keep a connection
_STDIN, _STDOUT = 0, 1


class Stopping:
    """What SIGINT, SIGTERM and a closed terminal do, which depends on how far the server is."""

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self.action: Callable[[], None] = self._give_up
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
                asyncio.get_running_loop().add_signal_handler(number, self.act)

    def act(self) -> None:
        self.action()

    def done(self) -> None:
        """What is left to be tidied up is short, and not to be interrupted."""
        self.action = lambda: None

    def _give_up(self) -> None:
        self.done()
        if self._task:
            self._task.cancel()


class Server(uvicorn.Server):
    def __init__(
        self, application: Starlette, settings: Settings, ready: Callable[[], None]
    ) -> None:
        self._endpoints: Endpoints = application.state.endpoints
        super().__init__(_configured(application, settings, self._endpoints.http_places))
        self._ready = ready
        self._leave: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _settle_memory()
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Who is connected for long is told before; who does not read is not waited for."""
        for server in self.servers:
            server.close()
        if not self.force_exit:
            self._leave = asyncio.create_task(self._endpoints.take_leave())
            await asyncio.wait([self._leave])
        cut = asyncio.get_running_loop().call_later(_LAST_MOMENT, self._cut, self._unread())
        await super().shutdown(sockets)
        cut.cancel()

    def _unread(self) -> dict[asyncio.Transport, int]:
        transports = (each.transport for each in self.server_state.connections)
        sizes = {each: each.get_write_buffer_size() for each in transports}
        return {transport: size for transport, size in sizes.items() if size}

    def _cut(self, unread: Mapping[asyncio.Transport, int]) -> None:
        """Those who have read nothing of it since."""
        for transport, size in self._unread().items():
            if size >= unread.get(transport, math.inf):
                transport.abort()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Not uvicorn's: it would end the process before the database has been stopped."""
        yield

    def stop(self) -> None:
        """Told a second time, it waits for nobody."""
        self.force_exit = self.should_exit
        self.should_exit = True
        if self.force_exit and self._leave is not None:
            self._leave.cancel()


def _settle_memory() -> None:
    """What is there by now stays: the collector need not look at it again, nor look as often at
    the thousands of objects that one large answer is made of. Nor too seldom: each look stops
    everybody for as long as it takes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


async def answer(
    settings: Settings,
    url: str,
    listener: socket.socket,
    stopping: Stopping,
    ready: Callable[[], None],
) -> None:
    application = app.create_app(settings, url)
    server = Server(application, settings, ready)
    async with application.router.lifespan_context(application):
        stopping.action = server.stop
        await server.serve(sockets=[listener])
        stopping.done()


def _configured(application: Starlette, settings: Settings, places: Places) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=cast(Any, partial(Http, settings, places)),
        ws=Wire,
        ws_max_size=settings.max_message,
        ws_ping_interval=settings.ping_interval,
        ws_ping_timeout=settings.pong_time,
        ws_per_message_deflate=False,
        lifespan="off",  # ours: it says why it fails, and ends in every case
        log_config=None,
        log_level="warning" if settings.log_level == "info" else settings.log_level,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=settings.grace,
    )


def main() -> None:
    settings = from_environment()  # of which the parent has said all
    logs.configure(settings.log_level, pretty=not settings.is_production)
    try:
        uvloop.run(_work(settings, socket.socket(fileno=int(sys.argv[1]))))
    except START_FAULTS as fault:
        logger.error("a server process cannot start: %s", in_words(fault))
        sys.exit(1)


async def _work(settings: Settings, listener: socket.socket) -> None:
    stopping = Stopping()
    loop = asyncio.get_running_loop()

    def parent_has_died() -> None:
        loop.remove_reader(_STDIN)
        stopping.act()

    loop.add_reader(_STDIN, parent_has_died)
    with suppress(asyncio.CancelledError):
        url = settings.database_url or ""
        await answer(settings, url, listener, stopping, lambda: _tell_parent(b"ready\n"))


def _tell_parent(word: bytes) -> None:
    with suppress(OSError):
        os.write(_STDOUT, word)


if __name__ == "__main__":
    main()
