"""Clients of the real application, on the test's own database."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from domain.projects import Project
from domain.setup import Setup, Wanted
from graphql_api.app import create_app
from graphql_api.settings import Settings
from persistence import setup
from persistence.engine import Database
from persistence.passwords import Passwords
from persistence.projects import Projects
from tests.secret import SECRET_KEY

EMAIL, PASSWORD = "ada@shop.example", "a password of the tests"
SERVER_KEY = "abk_server-key-of-the-tests"
TRACKER_KEY = "abk_tracker-key-of-the-tests"
BEGINNING = Wanted(email=EMAIL, password=PASSWORD, server_key=SERVER_KEY, tracker_key=TRACKER_KEY)


class Graph:
    """Asks as a client does: over HTTP, and by nothing else."""

    def __init__(self, transport: httpx.ASGITransport, token: str | None) -> None:
        self.token = token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.transport = transport
        self.http = httpx.AsyncClient(
            transport=transport, base_url="http://abgraph", headers=headers
        )

    def showing(self, token: str | None) -> "Graph":
        return Graph(self.transport, token)

    async def send(self, query: str, **variables: Any) -> httpx.Response:
        return await self.http.post("/graphql", json={"query": query, "variables": variables})

    async def __call__(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an operation that has no errors."""
        body = (await self.send(query, **variables)).json()
        assert "errors" not in body, body["errors"]
        data: dict[str, Any] = body["data"]
        return data

    async def errors(self, query: str, **variables: Any) -> list[dict[str, Any]]:
        body = (await self.send(query, **variables)).json()
        found: list[dict[str, Any]] = body["errors"]
        return found


class _HashedOnce:
    """Argon2 is slow on purpose; the password that all tests begin with is hashed once."""

    def __init__(self, hashed: str) -> None:
        self.hashed = hashed

    async def hash(self, password: str) -> str:
        return self.hashed

    async def matches(self, password_hash: str | None, password: str) -> bool:
        return password_hash == self.hashed and password == PASSWORD

    def is_outdated(self, password_hash: str) -> bool:
        return False


@pytest.fixture(scope="session")
async def hashed_password() -> str:
    return await Passwords().hash(PASSWORD)


@pytest.fixture
async def app(
    database_url: str, database: Database, hashed_password: str
) -> AsyncIterator[Starlette]:
    beginning = Setup(
        setup.Setup(database), _HashedOnce(hashed_password), lambda: datetime.now(UTC)
    )
    assert await beginning.begin(BEGINNING) is not None
    app = create_app(Settings(secret_key=SECRET_KEY), database_url)
    (app.state.project,) = await Projects(database).all()
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def graph(app: Starlette) -> Graph:
    """With a key that may do everything; `showing` gives a client with another."""
    return Graph(httpx.ASGITransport(app), SERVER_KEY)


@pytest.fixture
def project(app: Starlette) -> Project:
    found: Project = app.state.project
    return found
