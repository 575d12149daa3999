"""What is counted of streams, and the line that each of their operations has in the log."""

import logging
from typing import Any

import pytest

from tests.graphql_api.scraping import Scraped
from tests.live.conftest import SERVER_KEY, Running, eventually

STATS = """subscription Watch($name: String!) {
  experimentStats(experiment: {name: $name}, intervalMs: 200) { totalAssignments }
}"""
QUERY = "query Shop { experiments(first: 1) { nodes { name } } }"
STREAM = {"Accept": "text/event-stream", "Authorization": f"Bearer {SERVER_KEY}"}


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "abgraph.requests")
    return caplog


def lines(log: pytest.LogCaptureFixture, operation: str) -> list[dict[str, Any]]:
    """The fields of its lines, but for how long it took."""
    names = ("operation", "outcome", "cost", "statements", "values")
    found = [vars(each) for each in log.records if vars(each).get("operation") == operation]
    return [
        {name: each[name] for name in names if name in each} | {"message": each["message"]}
        for each in found
    ]


async def scraped(server: Running) -> Scraped:
    return Scraped((await server.http.get("/metrics")).text)


async def test_an_operation_of_a_websocket_has_a_line_of_its_own(
    server: Running, log: pytest.LogCaptureFixture
) -> None:
    async with server.talking() as socket:
        await socket.subscribe(QUERY)
        await socket.value()

    assert lines(log, "Shop") == [
        {
            "operation": "Shop",
            "outcome": "ok",
            "cost": 3,
            "statements": 1,
            "message": "WS /graphql",
        }
    ]


async def test_a_subscription_has_its_line_when_it_is_left(
    server: Running, log: pytest.LogCaptureFixture
) -> None:
    await server.experiment()
    async with server.talking() as socket:
        await socket.subscribe(STATS, name="colour")
        await socket.value()
        assert lines(log, "Watch") == []
        await socket.say({"id": "1", "type": "complete"})
        await eventually(lambda: bool(lines(log, "Watch")))

    [line] = lines(log, "Watch")
    assert line.pop("cost") > 0
    assert line == {
        "operation": "Watch",
        "outcome": "ok",
        "statements": 0,
        "values": 1,
        "message": "WS /graphql",
    }


async def test_a_subscription_that_is_refused_is_logged_with_its_code(
    server: Running, log: pytest.LogCaptureFixture
) -> None:
    async with server.talking() as socket:
        await socket.subscribe(STATS, name="nothing")
        refused = await socket.hear()

    [record] = [each for each in log.records if vars(each).get("operation") == "Watch"]
    assert refused["type"] == "error"
    assert vars(record)["outcome"] == refused["payload"][0]["extensions"]["code"]
    assert vars(record)["values"] == 0


async def test_an_event_stream_is_told_by_the_line_of_its_request(
    server: Running, log: pytest.LogCaptureFixture
) -> None:
    await server.experiment()
    body = {"query": STATS, "variables": {"name": "colour"}}
    async with server.http.stream("POST", "/graphql", json=body, headers=STREAM) as response:
        async for text in response.aiter_text():
            assert text.startswith("event: next")
            break
    await eventually(lambda: bool(lines(log, "Watch")))

    [line] = lines(log, "Watch")
    assert (line["message"], line["outcome"], line["values"]) == ("POST /graphql", "ok", 1)


async def test_streams_are_counted_while_they_are_open(server: Running) -> None:
    await server.experiment()
    body = {"query": STATS, "variables": {"name": "colour"}}
    async with (
        server.talking() as one,
        server.talking() as other,
        server.http.stream("POST", "/graphql", json=body, headers=STREAM) as response,
    ):
        chunks = response.aiter_text()  # who lets go of it closes the stream
        await anext(chunks)
        for socket in (one, other):
            await socket.subscribe(STATS, name="colour")
            await socket.value()
        counted = await scraped(server)

    open_by = {
        labels["transport"]: value for labels, value in counted.all("abgraph_stream_connections")
    }
    assert open_by == {"websocket": 2.0, "event_stream": 1.0}
    assert counted.value("abgraph_subscribers") == 3
    assert counted.value("abgraph_channels") == 1
    assert counted.value("abgraph_values_pushed_total") == 3


async def test_what_has_ended_is_still_counted(server: Running) -> None:
    await server.experiment()
    async with server.talking() as socket:
        await socket.subscribe(STATS, name="colour")
        await socket.value()
    await eventually(lambda: len(server.endpoints.audience) == 0)

    counted = await scraped(server)
    assert counted.value("abgraph_subscribers") == 0
    assert counted.value("abgraph_values_pushed_total") == 1
    assert counted.value("abgraph_operations_total", operation="Watch", outcome="ok") == 1
