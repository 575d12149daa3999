"""A server of our own process, on a real socket, and clients of its streams."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

from domain.setup import Setup, Wanted
from graphql_api.answering import Server
from graphql_api.app import create_app
from graphql_api.endpoints import Endpoints
from graphql_api.settings import Settings
from persistence import setup
from persistence.engine import Database
from tests.factories import NOON
from tests.secret import SECRET_KEY

SERVER_KEY = "abk_server-key-of-the-live-tests"
TRACKER_KEY = "abk_tracker-key-of-the-live-tests"
EMAIL, PASSWORD = "ada@shop.example", "a password of the tests"
BEGINNING = Wanted(email=EMAIL, password=PASSWORD, server_key=SERVER_KEY, tracker_key=TRACKER_KEY)
PATIENCE = 10.0
STATS = """subscription ($name: String!, $every: Int) {
  experimentStats(experiment: {name: $name}, intervalMs: $every) {
    revision totalAssignments totalConversions experiment { status version }
  }
}"""
CHANGED = """subscription ($name: String!) {
  experimentChanged(experiment: {name: $name}) { status version description }
}"""


class _NotHashed:
    """Argon2 is slow on purpose; here its slowness shows nothing."""

    async def hash(self, password: str) -> str:
        return password

    async def matches(self, password_hash: str | None, password: str) -> bool:
        return password_hash == password

    def is_outdated(self, password_hash: str) -> bool:
        return False


class Socket:
    """A client of graphql-transport-ws that says just what it is told to."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, message: object) -> None:
        await self.connection.send(message if isinstance(message, str) else json.dumps(message))

    async def begin(self, token: str | None = SERVER_KEY) -> None:
        payload = {} if token is None else {"Authorization": f"Bearer {token}"}
        await self.say({"type": "connection_init", "payload": payload})
        assert await self.hear() == {"type": "connection_ack"}

    async def subscribe(self, query: str, id: str = "1", **variables: Any) -> None:
        payload = {"query": query, "variables": variables}
        await self.say({"type": "subscribe", "id": id, "payload": payload})

    async def hear(self, within: float = PATIENCE) -> dict[str, Any]:
        async with asyncio.timeout(within):
            message: dict[str, Any] = json.loads(await self.connection.recv())
        return message

    async def value(self, within: float = PATIENCE) -> dict[str, Any]:
        """The one field of the next message, which has no errors."""
        message = await self.hear(within)
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        (value,) = message["payload"]["data"].values()
        found: dict[str, Any] = value
        return found

    async def is_silent(self, seconds: float) -> bool:
        try:
            await self.hear(seconds)
        except TimeoutError:
            return True
        return False

    async def closed(self, within: float = PATIENCE) -> tuple[int | None, str | None]:
        """The code and the reason; what comes before is not looked at."""
        async with asyncio.timeout(within):
            with suppress(ConnectionClosedError):
                async for _ in self.connection:
                    pass
            await self.connection.wait_closed()
        return self.connection.close_code, self.connection.close_reason


class Running:
    """The server, and all that may be known of it from inside."""

    def __init__(self, app: Starlette, server: Server, port: int) -> None:
        self.app = app
        self.server = server
        self.url = f"http://127.0.0.1:{port}"
        self.endpoints: Endpoints = app.state.endpoints
        self.database: Database = app.state.database
        self.http = httpx.AsyncClient(
            base_url=self.url, headers={"Authorization": f"Bearer {SERVER_KEY}"}
        )

    async def graph(self, query: str, **variables: Any) -> dict[str, Any]:
        body = {"query": query, "variables": variables}
        answer = (await self.http.post("/graphql", json=body)).json()
        assert "errors" not in answer, answer
        (value,) = answer["data"].values()
        found: dict[str, Any] = value
        assert not found.get("errors"), found
        return found

    @asynccontextmanager
    async def connected(self, **options: Any) -> AsyncIterator[Socket]:
        """Not begun."""
        options = {"subprotocols": ["graphql-transport-ws"], "compression": None} | options
        url = self.url.replace("http", "ws") + "/graphql"
        async with connect(url, **options) as connection:
            yield Socket(connection)

    @asynccontextmanager
    async def talking(self, token: str | None = SERVER_KEY) -> AsyncIterator[Socket]:
        async with self.connected() as socket:
            await socket.begin(token)
            yield socket

    async def experiment(self, name: str = "colour", *, is_draft: bool = False) -> str:
        variants = [{"name": "control", "isControl": True}, {"name": "other"}]
        await self.graph(CREATE, i={"name": name, "variants": variants})
        if not is_draft:
            await self.move("Start", name)
        return name

    async def move(self, how: str, name: str = "colour") -> None:
        await self.graph(
            f"mutation ($i: Experiment{'Complete' if how == 'Complete' else 'Transition'}Input!)"
            f" {{ experiment{how}(input: $i) {{ errors {{ message }} }} }}",
            i={"experiment": {"name": name}},
        )

    async def assign(self, user: str, name: str = "colour") -> None:
        await self.graph(ASSIGN, i={"experiment": name, "userId": user})

    async def convert(self, user: str, name: str = "colour") -> None:
        await self.graph(CONVERT, i={"experiment": name, "userId": user})


CREATE = """mutation ($i: ExperimentCreateInput!) {
  experimentCreate(input: $i) { errors { message } }
}"""
ASSIGN = "mutation ($i: AssignInput!) { assign(input: $i) { errors { message } } }"
CONVERT = "mutation ($i: ConvertInput!) { convert(input: $i) { errors { message } } }"


@asynccontextmanager
async def running(url: str, settings: Settings | None = None) -> AsyncIterator[Running]:
    """A server process in all but that it is ours, on a database that is set up."""
    settings = settings or Settings(log_level="warning", secret_key=SECRET_KEY)
    app = create_app(settings, url)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ready = asyncio.Event()
        server = Server(app, settings, ready.set)
        async with app.router.lifespan_context(app):
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            await ready.wait()
            found = Running(app, server, listener.getsockname()[1])
            try:
                yield found
            finally:
                await found.http.aclose()
                server.stop()
                await serving


@pytest.fixture
async def prepared(database_url: str, database: Database) -> str:
    """The URL of a database with a first project, its user and its keys."""
    beginning = Setup(setup.Setup(database), _NotHashed(), lambda: NOON)
    assert await beginning.begin(BEGINNING) is not None
    return database_url


@pytest.fixture
async def server(prepared: str) -> AsyncIterator[Running]:
    async with running(prepared) as found:
        yield found


async def eventually(look: Callable[[], bool], within: float = PATIENCE) -> None:
    """Waits for what no event tells."""
    async with asyncio.timeout(within):
        while not look():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
