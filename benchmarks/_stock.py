"""The same schema and the same use cases behind Strawberry's own WebSocket handler, which executes
for each subscriber apart. Nobody is asked who they are: all have the one key that there is.

`python -m benchmarks._stock <url of the database> <port>`
"""

import asyncio
import gc
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
import uvloop
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL

from benchmarks._peers import ROOT, admit_many
from benchmarks._server import KEY
from domain.access import Caller
from graphql_api.app import create_app
from graphql_api.context import Context, Services
from graphql_api.edge import Edge
from graphql_api.schema import schema
from graphql_api.settings import Settings

_BACKLOG = 2048
_START_TIME = 60.0
_POOL = 100  # each subscriber asks for its experiment
_SECRET_KEY = "A" * 43 + "="  # nothing is sealed here


class _Stock(GraphQL[Context, None]):
    def __init__(self, services: Services, caller: Caller) -> None:
        super().__init__(schema, graphql_ide=None)
        self._services = services
        self._edge = Edge(Settings(), time.monotonic, is_open=True)
        self._caller = caller

    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> Context:
        """Of a connection, which here has one operation."""
        return Context(self._services, self._edge, self._caller, "")


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """With the settings of the garbage collector that our own server has."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 50, 50)


async def _serve(url: str, port: int) -> None:
    app = create_app(Settings(database_url=url, secret_key=_SECRET_KEY, pool_size=_POOL), url)
    async with app.router.lifespan_context(app):
        services: Services = app.state.services
        caller = await services.authentication.caller(KEY)
        await _Server(_configured(_Stock(services, caller), port)).serve()


@asynccontextmanager
async def stock_server(url: str) -> AsyncIterator[tuple[str, int]]:
    """Its URL and its process, on the database of that URL."""
    port = _free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks._stock", url, str(port)),
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_START_TIME):
            while not _answers(port):
                if process.returncode is not None:
                    raise SystemExit("the stock server has ended")
                await asyncio.sleep(0.1)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        await process.wait()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def _answers(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def _configured(stock: _Stock, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        stock,
        port=port,
        backlog=_BACKLOG,
        http="httptools",
        ws="websockets-sansio",
        ws_ping_interval=Settings().ping_interval,
        ws_ping_timeout=Settings().pong_time,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )


def main() -> None:
    url, port = sys.argv[1:]
    admit_many()
    uvloop.run(_serve(url, int(port)))


if __name__ == "__main__":
    main()
