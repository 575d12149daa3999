"""A client of the real application, on the test's own database."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from domain.projects import Project
from graphql_api.app import create_app
from graphql_api.settings import Settings


class Graph:
    """Asks as a client does: over HTTP, and by nothing else."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

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


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[Starlette]:
    app = create_app(Settings(), database_url)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def graph(app: Starlette) -> AsyncIterator[Graph]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://abgraph") as http:
        yield Graph(http)


@pytest.fixture
def project(app: Starlette) -> Project:
    found: Project = app.state.project
    return found
