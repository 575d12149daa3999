"""What requests are answered with."""

from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from graphql_api.faults import FaultCode, fault, unforeseen
from graphql_api.operations import Answer

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
SECURITY = {  # unless the answer has its own
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}

_SOON = "5"  # seconds
_STATUS_OF = {
    FaultCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    FaultCode.FORBIDDEN: HTTPStatus.FORBIDDEN,
    FaultCode.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    FaultCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    FaultCode.TIMEOUT: HTTPStatus.SERVICE_UNAVAILABLE,
}


def answered(media_type: str, answer: Answer) -> Response:
    status = answer.status or _status(media_type, answer)
    response = _response(media_type, status, answer.body)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = "POST"
    if answer.retry_after is not None:
        response.headers["Retry-After"] = str(answer.retry_after)
    return response


def _status(media_type: str, answer: Answer) -> HTTPStatus:
    codes = {error["extensions"]["code"] for error in answer.errors}
    answered = any(value is not None for value in (answer.body.get("data") or {}).values())
    for code, status in _STATUS_OF.items():
        if code in codes and not answered:
            return status
    if media_type == GRAPHQL_JSON and answer.is_request_error:
        return HTTPStatus.BAD_REQUEST
    return HTTPStatus.OK


def refused(status: int, code: FaultCode, message: str) -> Response:
    """Before anything was run."""
    response = _response(JSON, status, {"errors": [fault(code, message)]})
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        response.headers["Retry-After"] = _SOON
    return response


async def misdirected(_: Request, error: Exception) -> Response:
    """What the router refuses: no such path, no such method."""
    if not isinstance(error, HTTPException):
        raise error
    response = refused(error.status_code, FaultCode.BAD_USER_INPUT, error.detail)
    response.headers.update(error.headers or {})
    return response


def _response(media_type: str, status: int, body: dict[str, Any]) -> Response:
    return Response(
        orjson.dumps(body), status, {"Cache-Control": "no-store"}, f"{media_type}; charset=utf-8"
    )


async def internal_error(_: Request, error: Exception) -> Response:
    body = {"errors": [unforeseen(error)]}
    return _response(JSON, HTTPStatus.INTERNAL_SERVER_ERROR, body)
