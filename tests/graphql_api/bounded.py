"""Servers with other settings than the tests' own, on the same database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.applications import Starlette

from graphql_api.app import create_app
from graphql_api.settings import Settings
from tests.graphql_api.conftest import SERVER_KEY, Graph
from tests.secret import SECRET_KEY


class Bounded(Graph):
    def __init__(self, app: Starlette) -> None:
        super().__init__(httpx.ASGITransport(app), SERVER_KEY)
        self.app = app

    def at(self, address: str, token: str | None = None) -> Graph:
        """A client of that address."""
        return Graph(httpx.ASGITransport(self.app, client=(address, 1)), token)


@asynccontextmanager
async def bounded(database_url: str, **settings: Any) -> AsyncIterator[Bounded]:
    """Of a database that is set up."""
    app = create_app(Settings(secret_key=SECRET_KEY, **settings), database_url)
    async with app.router.lifespan_context(app):
        yield Bounded(app)
