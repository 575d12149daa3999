"""GraphQL over HTTP: what is asked for, and how it is answered."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path

from graphql import OperationType as Kind
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from strawberry.types.graphql import OperationType

from domain.access import Throttled
from graphql_api import documents
from graphql_api.context import Context
from graphql_api.documents import Asked
from graphql_api.events import MEDIA_TYPE as EVENTS
from graphql_api.events import EventStreams
from graphql_api.faults import FaultCode
from graphql_api.operations import turned_away
from graphql_api.origins import address_of
from graphql_api.persisted import NotPersisted
from graphql_api.presence import while_connected
from graphql_api.responses import GRAPHQL_JSON, JSON, answered, refused
from graphql_api.streams import Streams

_PAGE = Path(__file__).parent / "static" / "graphiql" / "index.html"
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; "
    "style-src 'self' 'sha256-nzTgYzXYDNe6BAHiiI7NNlfK8n/auuOAhh2t92YvuXo='; "
    "font-src data:; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_OPERATIONS = {
    "HEAD": {OperationType.QUERY},
    "GET": {OperationType.QUERY},
    "POST": {OperationType.QUERY, OperationType.MUTATION},
}
_CLIENT_CLOSED = 499  # for the log: nobody reads it


class GraphQLEndpoint:
    def __init__(
        self,
        streams: Streams,
        make_context: Callable[[Request], Context],
        events: EventStreams,
        *,
        is_open: bool,
    ) -> None:
        self._operations = streams.operations
        self._bounds = streams.bounds
        self._make_context = make_context
        self._events = events
        self._is_open = is_open

    async def answer(self, request: Request) -> Response:
        if self._is_open and _asks_for_page(request):
            return FileResponse(_PAGE, headers={"Content-Security-Policy": _PAGE_POLICY})
        try:
            media_types = _negotiated(request.headers.get("accept", "*/*"))
            asked = await documents.read(request, self._bounds)
        except HTTPException as refusal:
            return refused(refusal.status_code, FaultCode.BAD_USER_INPUT, refusal.detail)
        except ClientDisconnect:
            return Response(status_code=_CLIENT_CLOSED)
        request.state.operation = asked.operation_name
        try:
            found = self._operations.found(asked, request.state.caller, address_of(request))
            return await self._answer(found, request, media_types)
        except (NotPersisted, Throttled) as refusal:
            return answered(_without_streams(media_types), turned_away(refusal, asked))

    async def _answer(self, asked: Asked, request: Request, media_types: Sequence[str]) -> Response:
        kind = self._operations.kind(asked)
        is_stream = media_types[-1] == EVENTS and (
            len(media_types) == 1 or kind is Kind.SUBSCRIPTION
        )
        work = self._stream if is_stream else self._run
        if kind is not Kind.QUERY:
            return await work(asked, request, media_types[0])  # a change is not left half way
        try:
            async with while_connected(request):
                return await work(asked, request, media_types[0])
        except ClientDisconnect:
            return Response(status_code=_CLIENT_CLOSED)

    async def _run(self, asked: Asked, request: Request, media_type: str) -> Response:
        allowed, context = _OPERATIONS[request.method], self._make_context(request)
        return answered(media_type, await self._operations.run(asked, context, allowed))

    async def _stream(self, asked: Asked, request: Request, _: str) -> Response:
        return await self._events.answer(asked, request, _OPERATIONS[request.method])


def _without_streams(media_types: Sequence[str]) -> str:
    """Who accepts nothing but a stream learns by the status that there is none."""
    return GRAPHQL_JSON if media_types[0] == EVENTS else media_types[0]


def _asks_for_page(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return (
        request.method != "POST" and "query" not in request.query_params and "text/html" in accepted
    )


def _negotiated(accept: str) -> Sequence[str]:
    """The new media type where it is named, the old one wherever it will do; a stream comes last,
    for what can be answered in no other way."""
    accepted = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    found = [EVENTS] if EVENTS in accepted else []
    if GRAPHQL_JSON in accepted:
        return [GRAPHQL_JSON, *found]
    if accepted & {JSON, "application/*", "*/*", ""}:
        return [JSON, *found]
    if found:
        return found
    message = f"accept {GRAPHQL_JSON}, {JSON} or {EVENTS}"
    raise HTTPException(HTTPStatus.NOT_ACCEPTABLE, message)
