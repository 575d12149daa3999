"""What a client asks, out of an HTTP request: GraphQL over HTTP, sections 5 and 6."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request

MAX_BODY = 2**20
_LONG_NUMBER = re.compile(rb"\d{19}")  # orjson would make a float of an integer beyond 64 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    query: str
    variables: dict[str, Any] | None
    operation_name: str | None


async def read(request: Request) -> Asked:
    """Raises HTTPException, with a sentence, for what is no GraphQL request."""
    if request.method != "POST":
        return _parameters(request)
    _check_type(request.headers.get("content-type", ""))
    return asked(parsed("the body", await _body(request)))


def _parameters(request: Request) -> Asked:
    given: dict[str, object] = dict(request.query_params)
    for name in ("variables", "extensions"):
        text = given.get(name)
        given[name] = parsed(name, text.encode()) if isinstance(text, str) and text else None
    return asked(given)


def _check_type(header: str) -> None:
    message = Message()
    message["content-type"] = header
    charset = message.get_content_charset("utf-8")
    if not header or message.get_content_type() != "application/json":
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json")
    if charset not in ("utf-8", "utf8"):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "send it encoded as UTF-8")


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {MAX_BODY} bytes"
            )
    return bytes(body)


def parsed(name: str, text: bytes) -> object:
    try:
        value: object = orjson.loads(text)
        return json.loads(text) if _LONG_NUMBER.search(text) else value
    except ValueError:
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"{name} is no valid JSON") from None


def asked(given: object) -> Asked:
    if not isinstance(given, Mapping):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "the body must be a JSON object")
    query = given.get("query")
    if not isinstance(query, str) or not query:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "query must be a text that is not empty")
    name = given.get("operationName")
    if not isinstance(name, str | None):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "operationName must be a text")
    for part in ("variables", "extensions"):
        if not isinstance(given.get(part), dict | None):
            raise HTTPException(HTTPStatus.BAD_REQUEST, f"{part} must be an object")
    return Asked(query=query, variables=given.get("variables"), operation_name=name or None)
