"""Readers of subscriptions to what is in memory, by the real schema."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from functools import cache
from typing import Any

from domain.access import Caller
from graphql_api.app import create_app
from graphql_api.bounds import Bounds
from graphql_api.channels import Channels
from graphql_api.context import Context, Services
from graphql_api.documents import Asked
from graphql_api.edge import Edge
from graphql_api.operations import Answer, Operations
from graphql_api.payloads import Outdated, Payload
from graphql_api.persisted import Persisted
from graphql_api.schema import schema
from graphql_api.settings import Settings
from tests.domain.stored import HOME
from tests.factories import make_caller
from tests.fake_live import World, seconds

STATS = """subscription ($name: String!, $every: Int) {
  experimentStats(experiment: {name: $name}, intervalMs: $every) { totalAssignments revision }
}"""
US = make_caller(HOME)
EVERY = 1.0


class Counted(Operations):
    """`begun` executions, and of all their answers when they came; an answer takes a while."""

    begun = 0
    takes: Callable[[], float] = staticmethod(lambda: 0.0)

    async def stream(self, asked: Asked, context: Context) -> AsyncGenerator[Answer]:
        self.begun += 1
        async for answer in super().stream(asked, context):
            await asyncio.sleep(self.takes())
            yield answer


class Reader:
    """`seen`: when it came, and how many users there were."""

    def __init__(self) -> None:
        self.joined_at = seconds()
        self.seen: list[tuple[float, int]] = []
        self.errors: list[dict[str, Any]] = []
        self.is_complete = False
        self.leave: Callable[[], None] = lambda: None

    @property
    def users(self) -> list[int]:
        return [users for _, users in self.seen]

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.seen]

    def next(self, payload: Payload, tail: bytes = b"") -> None:
        value = json.loads(payload.data)["data"]["experimentStats"]
        self.seen.append((round(seconds() - self.joined_at, 6), value["totalAssignments"]))

    def error(self, errors: list[dict[str, Any]]) -> None:
        self.errors += errors

    def complete(self) -> None:
        self.is_complete = True


class Crowd(AbstractAsyncContextManager["Crowd"]):
    def __init__(self, world: World, services: Services, **bounds: int) -> None:
        self.world = world
        self.experiment = world.started()
        self.readers: list[Reader] = []
        edge = Edge(Bounds(**bounds), seconds, is_open=True)
        self.operations = Counted(schema, edge, Persisted(), is_open=True)
        self.outdated = Outdated()
        self.channels = Channels(
            self.operations,
            lambda caller, address: Context(services, edge, caller, address),
            seconds,
            edge.bounds,
            self.outdated,
        )

    def join(
        self,
        reader: Reader | None = None,
        *,
        every: float = EVERY,
        caller: Caller | None = US,
        shows_cost: bool = False,
    ) -> Reader:
        reader = reader or Reader()
        variables = {"name": self.experiment.name, "every": int(every * 1000)}
        asked = Asked(query=STATS, variables=variables, operation_name=None, shows_cost=shows_cost)
        return self.join_to(asked, reader, caller)

    def join_to(self, asked: Asked, reader: Reader, caller: Caller | None = US) -> Reader:
        reader.leave = self.channels.join(asked, caller, "", reader)
        self.readers.append(reader)
        return reader

    async def __aenter__(self) -> "Crowd":
        await self.world.__aenter__()
        return self

    async def __aexit__(self, *fault: object) -> None:
        for reader in self.readers:
            reader.leave()
        await asyncio.sleep(0)
        await self.world.__aexit__()

    def sees(self, users: int) -> None:
        self.world.sees(self.experiment, users)


@cache
def services() -> Services:
    """Of an application whose database is never asked."""
    found: Services = create_app(Settings(), "postgresql://nobody@127.0.0.1:1/none").state.services
    return found
