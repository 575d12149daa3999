"""What a client asks, out of an HTTP request: GraphQL over HTTP, sections 5 and 6."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.message import Message
from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request

from graphql_api.bounds import Bounds

COST_HEADER = "x-graphql-cost"
_LONG_NUMBER = re.compile(rb"\d{19}")  # orjson would make a float of an integer beyond 64 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`query` is empty where the document is named by `document_id` alone."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None
    document_id: str | None = None
    shows_cost: bool = False


async def read(request: Request, bounds: Bounds) -> Asked:
    """Raises HTTPException, with a sentence, for what is no GraphQL request."""
    if request.method != "POST":
        found = _parameters(request)
    else:
        _check_type(request.headers.get("content-type", ""))
        found = asked(parsed("the body", await _body(request, bounds)))
    return replace(found, shows_cost=True) if COST_HEADER in request.headers else found


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


async def _body(request: Request, bounds: Bounds) -> bytes:
    """Who sends it drop by drop is not waited for."""
    try:
        async with asyncio.timeout(bounds.arrival_time):
            return await _received(request, bounds.max_body)
    except TimeoutError:
        message = f"the body did not arrive within {bounds.arrival_time} s"
        raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, message) from None


async def _received(request: Request, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {most} bytes"
            )
    return bytes(body)


def parsed(name: str, text: bytes) -> object:
    try:
        value: object = orjson.loads(text)
        return json.loads(text) if _LONG_NUMBER.search(text) else value
    except ValueError:
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"{name} is no valid JSON") from None
    except RecursionError:
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"{name} is nested too deeply") from None


def asked(given: object) -> Asked:
    if not isinstance(given, Mapping):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "the body must be a JSON object")
    extensions = given.get("extensions")
    for part in ("variables", "extensions"):
        if not isinstance(given.get(part), dict | None):
            raise HTTPException(HTTPStatus.BAD_REQUEST, f"{part} must be an object")
    document_id = _document_id(given, extensions or {})
    query = given.get("query")
    if query is None and document_id is not None:
        query = ""
    elif not isinstance(query, str) or not query:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "query must be a text that is not empty")
    name = given.get("operationName")
    if not isinstance(name, str | None):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "operationName must be a text")
    return Asked(
        query=query,
        variables=given.get("variables"),
        operation_name=name or None,
        document_id=document_id,
        shows_cost=(extensions or {}).get("cost") is True,
    )


def _document_id(given: Mapping[Any, Any], extensions: Mapping[Any, Any]) -> str | None:
    """By the draft of GraphQL over HTTP, or as Apollo's clients say it."""
    persisted = extensions.get("persistedQuery")
    if isinstance(persisted, dict):
        found, name = persisted.get("sha256Hash"), "extensions.persistedQuery.sha256Hash"
    else:
        found, name = given.get("documentId"), "documentId"
    if found is None and not isinstance(persisted, dict):
        return None
    if not isinstance(found, str) or not found:
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"{name} must be a text that is not empty")
    return found
