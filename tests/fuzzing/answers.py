"""What an answer must be, and what it must not tell, whatever was asked."""

import json
import re
from dataclasses import dataclass
from typing import Any

from graphql_api.faults import FaultCode

_OURS = re.compile(  # of Python, its libraries, and SQL
    r'Traceback|File "|line \d+, in |\bNoneType\b|<class |object at 0x'
    r"|\b(?!User)[A-Z]\w+(Error|Exception)\b"
    r"|asyncpg|sqlalchemy|psycopg|postgres|strawberry|starlette|uvicorn|graphql-core"
    r'|SELECT |INSERT |UPDATE |DELETE FROM|relation "|column "|column \w|violates|\bab_[a-z]+'
    r"|GraphQL(Error|Schema|\w+Type)|[a-z]Node\b|ExecutionResult|OperationType|Undefined\b"
)
_CODES = frozenset(FaultCode) - {FaultCode.INTERNAL_SERVER_ERROR}


@dataclass(frozen=True)
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]


def fault_of(answer: Answered, sent: bytes) -> str | None:
    """What is wrong with an answer, if anything."""
    if answer.status >= 500:
        return f"status {answer.status}"
    text = answer.body.decode()
    match answer.media_type:
        case "application/json" | "application/graphql-response+json" if text:
            return telling_of(text, sent) or response_fault(json.loads(text))
        case "application/json" | "text/event-stream" | "text/plain" | "":
            return telling_of(text, sent)
        case "text/html":
            return None
        case other:
            return f"type {other}"


def message_fault(text: bytes, sent: bytes) -> str | None:
    """Of one message over WebSocket."""
    match json.loads(text):
        case {"type": "next", "id": str(), "payload": payload}:
            return telling_of(text.decode(), sent) or response_fault(payload)
        case {"type": "error", "id": str(), "payload": payload}:
            return telling_of(text.decode(), sent) or errors_fault(payload)
        case {"type": "complete" | "connection_ack" | "ping" | "pong"}:
            return telling_of(text.decode(), sent)
        case other:
            return f"no message: {other}"


def response_fault(body: Any) -> str | None:
    """By the specification of GraphQL, section 7."""
    if not isinstance(body, dict) or not body.keys() <= {"data", "errors", "extensions"}:
        return "no response of GraphQL"
    if "errors" not in body:
        return None if "data" in body else "neither data nor errors"
    return errors_fault(body["errors"])


def errors_fault(errors: Any) -> str | None:
    if not isinstance(errors, list) or not errors:
        return "errors is no list"
    if not all(isinstance(each.get("message"), str) and each["message"] for each in errors):
        return "an error without a message"
    codes = {each["extensions"]["code"] for each in errors}
    return None if codes <= _CODES else f"codes {sorted(codes)}"


def telling_of(text: str, sent: bytes) -> str | None:
    """Words that an answer has of itself, and not of the client."""
    asked = sent.decode("latin-1")
    found = [each[0] for each in _OURS.finditer(text) if each[0].strip('"') not in asked]
    return f"words {found}" if found else None
