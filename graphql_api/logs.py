"""Structured logs on stderr: one JSON object a line, or short lines for a terminal."""

import json
import logging
import re
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime

import orjson

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_WITHHELD = {"color_message", "variables", "variable_values"}  # uvicorn's; users' values
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029]")  # JSON allows them raw, but some readers end a line


def configure(level: str, *, pretty: bool) -> None:
    """Takes over uvicorn's loggers too: start uvicorn with log_config=None, or call this later."""
    handler = logging.StreamHandler()
    handler.setFormatter(TerminalLines() if pretty else JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
        logger.propagate = name != "uvicorn.access"
    logging.getLogger("uvicorn.error").addFilter(_names_no_url)
    logging.captureWarnings(capture=True)  # else they would stand between the lines as plain text
    logging.getLogger("alembic").setLevel(logging.WARNING)  # each revision is told once, by us


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        own: dict[str, object] = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (current := request_id.get()) is not None:
            own["requestId"] = current
        if record.exc_info and record.exc_info[1]:
            own["exception"] = _trace(record.exc_info[1])
        fields = own | _extra(record) | own  # own fields come first and cannot be replaced
        return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", _json(fields))


class TerminalLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        clock = datetime.fromtimestamp(record.created, UTC).astimezone()
        extra = "".join(f" {name}={value}" for name, value in _extra(record).items())
        line = f"{clock:%H:%M:%S} {record.levelname:<7} {record.getMessage()}{extra}"
        error = record.exc_info and record.exc_info[1]
        trace = _trace(error).splitlines() if error else []
        return "\n    ".join(_printable(part) for part in (line, *trace))


def _names_no_url(record: logging.LogRecord) -> bool:
    return '"WebSocket %s"' not in str(record.msg)  # a URL may carry variables or a token


def _extra(record: logging.LogRecord) -> dict[str, object]:
    hidden = _STANDARD | _WITHHELD
    return {name: value for name, value in vars(record).items() if name not in hidden}


def _json(fields: dict[str, object]) -> str:
    try:
        return orjson.dumps(fields, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError:  # a lone surrogate, an integer of more than 64 bits
        return json.dumps(fields, default=str)


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _trace(error: BaseException, seen: tuple[BaseException, ...] = ()) -> str:
    """Only the first line of each message: database drivers put users' values after it."""
    if any(error is known for known in seen):
        return ""
    seen = (*seen, error)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    earlier = _trace(cause, seen) if cause else ""
    frames = "".join(traceback.format_tb(error.__traceback__))
    message = str(error).partition("\n")[0]
    members = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    inner = "".join(_trace(member, seen) for member in members)
    return f"{earlier}{frames}{type(error).__qualname__}: {message}\n{inner}"
