import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest
import uvicorn

from graphql_api import logs

TAKEN_OVER = ("", "uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
log = logging.getLogger("abgraph.test")


@pytest.fixture(autouse=True)
def own_loggers() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in TAKEN_OVER]
    before = [(one.handlers[:], one.filters[:], one.level, one.propagate) for one in loggers]
    logging.getLogger().handlers.clear()
    yield
    for one, (handlers, filters, level, propagate) in zip(loggers, before, strict=True):
        one.handlers[:], one.filters[:] = handlers, filters
        one.setLevel(level)
        one.propagate = propagate


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", pretty=False)

    log.warning("%d experiments are due", 3)

    [line] = written(capsys)
    age = datetime.now(UTC) - datetime.fromisoformat(str(line.pop("time")))
    assert 0 <= age.total_seconds() < 5
    assert line == {
        "level": "WARNING",
        "logger": "abgraph.test",
        "message": "3 experiments are due",
    }


def test_time_is_utc_to_the_millisecond() -> None:
    record = logging.makeLogRecord({"created": 1770465600.25, "msg": "noon"})

    line = orjson.loads(logs.JsonLines().format(record))

    assert line["time"] == "2026-02-07T12:00:00.250Z"


def test_extra_fields_stand_beside_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", pretty=False)

    log.info("served", extra={"experiment": UUID(int=1), "rows": {1: 2.5}, "by": object})

    [line] = written(capsys)
    assert line["experiment"] == "00000000-0000-0000-0000-000000000001"
    assert line["rows"] == {"1": 2.5}
    assert line["by"] == "<class 'object'>"


def test_an_extra_field_cannot_replace_an_own_one(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", pretty=False)

    log.error("broken", extra={"level": "DEBUG", "time": "never", "logger": "nobody"})

    [line] = written(capsys)
    assert (line["level"], line["logger"]) == ("ERROR", "abgraph.test")
    assert line["time"] != "never"


def test_the_request_id_is_told_while_it_is_set(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", pretty=False)

    token = logs.request_id.set("r-1")
    log.info("inside")
    logs.request_id.reset(token)
    log.info("outside")

    inside, outside = written(capsys)
    assert inside["requestId"] == "r-1"
    assert "requestId" not in outside


@pytest.mark.parametrize(
    "separator", ["\n", "\r\n", "\x0b", "\x1b[2J", "\x85", "\u2028"], ids=ascii
)
def test_no_text_can_forge_a_line(separator: str, capsys: pytest.CaptureFixture[str]) -> None:
    forged = f'Query{separator}{{"level": "INFO"}}'

    logs.configure("info", pretty=False)
    log.info("ran %s", forged, extra={"operation": forged})
    [line] = written(capsys)
    logs.configure("info", pretty=True)
    log.info("ran %s", forged, extra={"operation": forged})
    shown = capsys.readouterr().err

    assert (line["message"], line["operation"]) == (f"ran {forged}", forged)
    assert len(shown.splitlines()) == 1
    assert shown.removesuffix("\n").isprintable()


def test_text_that_is_not_unicode_is_still_logged(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", pretty=False)

    log.info("read %s", "\udcff", extra={"bytes": 2**64})

    text = capsys.readouterr().err
    assert r'"message": "read \udcff"' in text
    assert f'"bytes": {2**64}' in text


def test_values_of_variables_are_withheld(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", pretty=False)

    log.info("ran", extra={"variables": {"userId": "alice"}, "variable_values": "alice"})

    assert "alice" not in capsys.readouterr().err


def test_an_exception_is_told_with_its_cause(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", pretty=False)

    try:
        try:
            UUID("x")
        except ValueError as error:
            raise OSError("no answer") from error
    except OSError:
        log.exception("failed")

    [line] = written(capsys)
    exception = str(line["exception"]).splitlines()
    assert exception[0].startswith(f'  File "{__file__}", line ')
    assert exception[-1] == "OSError: no answer"
    assert "ValueError: badly formed hexadecimal UUID string" in exception


def test_what_a_driver_says_of_values_is_withheld(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", pretty=False)

    log.error("failed", exc_info=ValueError("duplicate key\nDETAIL: Key (user_id)=(alice) exists."))

    [line] = written(capsys)
    assert line["exception"] == "ValueError: duplicate key\n"


def test_every_error_of_a_group_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", pretty=False)

    log.error("failed", exc_info=ExceptionGroup("two tasks", [OSError("one"), KeyError("two")]))

    [line] = written(capsys)
    assert line["exception"] == (
        "ExceptionGroup: two tasks (2 sub-exceptions)\nOSError: one\nKeyError: 'two'\n"
    )


def test_an_exception_that_causes_itself_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", pretty=False)
    error = OSError("again")
    error.__cause__ = error

    log.error("failed", exc_info=error)

    [line] = written(capsys)
    assert line["exception"] == "OSError: again\n"


def test_lines_below_the_level_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", pretty=False)

    log.info("unimportant")

    assert capsys.readouterr().err == ""


def test_uvicorn_writes_through_us_and_no_urls(capsys: pytest.CaptureFixture[str]) -> None:
    uvicorn.Config("nothing:app")  # sets up uvicorn's own handlers
    logs.configure("info", pretty=False)

    logging.getLogger("uvicorn.error").info("Started", extra={"color_message": "\x1b[1mStarted"})
    logging.getLogger("uvicorn.error").info('%s - "WebSocket %s" 403', "::1", "/?key=secret")
    logging.getLogger("uvicorn.access").info('%s - "%s"', "::1", "/graphql?variables=secret")

    [line] = written(capsys)
    assert (line["logger"], line["message"]) == ("uvicorn.error", "Started")
    assert "color_message" not in line
    assert not logging.getLogger("uvicorn.access").hasHandlers()


def test_a_terminal_is_shown_short_lines(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", pretty=True)

    log.info("ready", extra={"port": 8000})

    clock, rest = capsys.readouterr().err.split(" ", 1)
    assert len(clock) == len("12:00:00")
    assert rest == "INFO    ready port=8000\n"


def test_a_traceback_is_indented_below_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", pretty=True)

    try:
        UUID("x")
    except ValueError:
        log.exception("failed")

    first, *below = capsys.readouterr().err.splitlines()
    assert first.endswith("ERROR   failed")
    assert below[-1] == "    ValueError: badly formed hexadecimal UUID string"
    assert all(line.startswith("    ") for line in below)
