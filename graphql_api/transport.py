"""GraphQL over HTTP: how an operation is run and how its result is answered."""

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from strawberry.schema import BaseSchema
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from domain.access import TooManyAttempts
from graphql_api import documents
from graphql_api.context import Context
from graphql_api.documents import Asked
from graphql_api.faults import FaultCode, cause_of, fault, reported

logger = logging.getLogger(__name__)

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
OPERATION_TIME = 10.0

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


_STATUS_OF = {
    FaultCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    FaultCode.FORBIDDEN: HTTPStatus.FORBIDDEN,
    FaultCode.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    FaultCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


class GraphQLEndpoint:
    def __init__(
        self, schema: BaseSchema, make_context: Callable[[Request], Context], *, is_open: bool
    ) -> None:
        self._schema = schema
        self._make_context = make_context
        self._is_open = is_open

    async def answer(self, request: Request) -> Response:
        if self._is_open and _asks_for_page(request):
            return FileResponse(_PAGE, headers={"Content-Security-Policy": _PAGE_POLICY})
        try:
            media_type = _negotiated(request.headers.get("accept", "*/*"))
            asked = await documents.read(request)
        except HTTPException as refusal:
            return _refused(JSON, refusal.status_code, FaultCode.BAD_USER_INPUT, refusal.detail)
        request.state.operation = asked.operation_name
        return await self._run(asked, request, media_type)

    async def _run(self, asked: Asked, request: Request, media_type: str) -> Response:
        try:
            async with asyncio.timeout(OPERATION_TIME):
                result = await self._schema.execute(
                    asked.query,
                    asked.variables,
                    self._make_context(request),
                    operation_name=asked.operation_name,
                    allowed_operation_types=_OPERATIONS[request.method],
                )
        except CannotGetOperationTypeError as refusal:
            status, message = HTTPStatus.BAD_REQUEST, refusal.as_http_error_reason()
        except InvalidOperationTypeError as refusal:
            status, message = _misplaced(refusal.operation_type)
        except TimeoutError:
            message = f"the operation took longer than {OPERATION_TIME:g} s"
            return _refused(media_type, HTTPStatus.SERVICE_UNAVAILABLE, FaultCode.TIMEOUT, message)
        else:
            return _answered(media_type, result, with_hints=self._is_open)
        return _refused(media_type, status, FaultCode.BAD_USER_INPUT, message)


def _asks_for_page(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return (
        request.method != "POST" and "query" not in request.query_params and "text/html" in accepted
    )


def _negotiated(accept: str) -> str:
    """The new media type where it is named, the old one wherever it will do."""
    accepted = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    if GRAPHQL_JSON in accepted:
        return GRAPHQL_JSON
    if accepted & {JSON, "application/*", "*/*", ""}:
        return JSON
    raise HTTPException(HTTPStatus.NOT_ACCEPTABLE, f"accept {GRAPHQL_JSON} or {JSON}")


def _misplaced(operation: OperationType) -> tuple[HTTPStatus, str]:
    if operation is OperationType.SUBSCRIPTION:
        return HTTPStatus.BAD_REQUEST, "subscriptions are not served over plain HTTP"
    return HTTPStatus.METHOD_NOT_ALLOWED, f"send a {operation.value} by POST"


def _answered(media_type: str, result: ExecutionResult, *, with_hints: bool) -> Response:
    errors = reported(result, with_hints=with_hints)
    body: dict[str, Any] = {"errors": errors} if errors else {}
    if not _is_request_error(result):
        body["data"] = result.data
    response = _response(media_type, _status(media_type, result, errors), body)
    for cause in map(cause_of, result.errors or ()):
        if isinstance(cause, TooManyAttempts):
            response.headers["Retry-After"] = str(cause.retry_after)
    return response


def _status(media_type: str, result: ExecutionResult, errors: list[dict[str, Any]]) -> HTTPStatus:
    codes = {error["extensions"]["code"] for error in errors}
    answered = any(value is not None for value in (result.data or {}).values())
    for code, status in _STATUS_OF.items():
        if code in codes and not answered:
            return status
    if media_type == GRAPHQL_JSON and _is_request_error(result):
        return HTTPStatus.BAD_REQUEST
    return HTTPStatus.OK


def _is_request_error(result: ExecutionResult) -> bool:
    """Nothing was executed: the document or its variables were not right."""
    if isinstance(result, PreExecutionError):
        return True
    return result.data is None and all(error.path is None for error in result.errors or ())


def refused(status: int, code: FaultCode, message: str) -> Response:
    """Before anything of the request was read."""
    response = _refused(JSON, status, code, message)
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _refused(media_type: str, status: int, code: FaultCode, message: str) -> Response:
    return _response(media_type, status, {"errors": [fault(code, message)]})


async def misdirected(_: Request, error: Exception) -> Response:
    """What the router refuses: no such path, no such method."""
    if not isinstance(error, HTTPException):
        raise error
    response = _refused(JSON, error.status_code, FaultCode.BAD_USER_INPUT, error.detail)
    response.headers.update(error.headers or {})
    return response


def _response(media_type: str, status: int, body: dict[str, Any]) -> Response:
    return Response(
        orjson.dumps(body), status, {"Cache-Control": "no-store"}, f"{media_type}; charset=utf-8"
    )


async def internal_error(_: Request, error: Exception) -> Response:
    logger.error("unexpected fault", exc_info=error)
    message = "something went wrong on our side"
    return _refused(
        JSON, HTTPStatus.INTERNAL_SERVER_ERROR, FaultCode.INTERNAL_SERVER_ERROR, message
    )
