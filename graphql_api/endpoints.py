"""All by which clients talk GraphQL to one process: HTTP, server-sent events and WebSocket."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from starlette.requests import Request

from domain.access import Caller
from domain.vigil import Vigil
from graphql_api.channels import Channels
from graphql_api.connections import Connections
from graphql_api.context import Context, Services
from graphql_api.edge import Edge
from graphql_api.events import EventStreams
from graphql_api.guard import Guard
from graphql_api.metrics import Page, Pool, Sources, metrics_page
from graphql_api.observation import Observation
from graphql_api.observing import Audience
from graphql_api.origins import address_of
from graphql_api.payloads import MOST_OUTDATED, Outdated
from graphql_api.persisted import Persisted, read_manifest
from graphql_api.places import Places
from graphql_api.schema import schema
from graphql_api.settings import Settings
from graphql_api.streams import Streams
from graphql_api.transport import GraphQLEndpoint
from graphql_api.websocket import WebSocketEndpoint

_LAST_LOOK, _LAST_VALUES, _LAST_WORDS = 1.5, 1.0, 1.5  # seconds
LONGEST_LEAVE = _LAST_LOOK + _LAST_VALUES + _LAST_WORDS


class Endpoints:
    def __init__(self, services: Services, settings: Settings, observed: Observation) -> None:
        is_open = not settings.is_production
        edge = Edge(settings, time.monotonic, is_open=is_open)
        operations = observed.operations(schema, edge, _persisted(settings), is_open=is_open)

        def make_context(caller: Caller | None, address: str) -> Context:
            return Context(services, edge, caller, address)

        def of_request(request: Request) -> Context:
            return make_context(request.state.caller, address_of(request))

        self._settings, self._observed = settings, observed
        self._live = services.live
        self.vigil = Vigil(services.authentication)
        self.outdated = Outdated(max(MOST_OUTDATED, 4 * settings.max_value))
        self.audience = Audience(observed.measures, edge)
        self.channels = Channels(
            operations,
            make_context,
            time.monotonic,
            settings,
            self.outdated,
            self.audience.attend,
        )
        self.connections = Connections(settings.connections, settings.connections_per_address)
        self.http_places = Places(settings.http_connections, settings.http_connections_per_address)
        self.streams = streams = Streams(
            bounds=settings,
            operations=operations,
            make_context=make_context,
            channels=self.channels,
            connections=self.connections,
            vigil=self.vigil,
            outdated=self.outdated,
        )
        http = GraphQLEndpoint(streams, of_request, EventStreams(streams), is_open=is_open)
        self.graphql = Guard(services.authentication, http.answer).answer
        self.talk = WebSocketEndpoint(services.authentication, streams).answer

    def answered(self, status: int) -> None:
        """Each HTTP request, whatever for."""
        self._observed.measures.note_answer(status)

    def metrics(
        self, pool: Callable[[], Pool], queues: Callable[[], Mapping[str, int]]
    ) -> Page | None:
        sources = Sources(
            pool=pool,
            queues=queues,
            connections=self.connections,
            http_places=self.http_places,
            channels=self.channels,
            audience=self.audience,
        )
        return metrics_page(self._settings.metrics, self._observed.measures, sources)

    async def take_leave(self) -> None:
        """Streams get their last value, and end in order."""
        self.channels.interrupt()
        with suppress(TimeoutError):  # where the database is away
            async with asyncio.timeout(_LAST_LOOK):
                await self._live.finish()
        await self.channels.finish(_LAST_VALUES)
        await self.connections.close(_LAST_WORDS)


def _persisted(settings: Settings) -> Persisted:
    """Raises WrongSetting for a manifest that cannot be read."""
    path = settings.trusted_documents
    return Persisted(None if path is None else read_manifest(path))
