"""GraphQL over server-sent events: one stream for one operation."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from graphql_api.settings import Settings
from tests.live.conftest import ASSIGN, CHANGED, STATS, TRACKER_KEY, Running, eventually, running

EVENTS = {"Accept": "text/event-stream"}
COMPLETE = ("complete", "")
STATS_OF_COLOUR = {"query": STATS, "variables": {"name": "colour", "every": 200}}


class _Stream:
    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def hear(self) -> tuple[str, Any]:
        """Kind and data of the next event, of which a comment is none."""
        kind = data = ""
        async with asyncio.timeout(10):
            async for line in self._lines:
                name, _, value = line.partition(":")
                if not line and kind:
                    return kind, json.loads(data) if data else data
                kind = value.strip() if name == "event" else kind
                data = value.strip() if name == "data" else data
        raise EOFError

    async def value(self) -> dict[str, Any]:
        kind, payload = await self.hear()
        assert (kind, payload.keys()) == ("next", {"data"})
        (value,) = payload["data"].values()
        found: dict[str, Any] = value
        return found

    async def refusal(self) -> tuple[str, str]:
        """Code and sentence of the only error, with which it ends."""
        kind, payload = await self.hear()
        assert (kind, payload.keys()) == ("next", {"errors"})
        (error,) = payload["errors"]
        assert error["extensions"]["requestId"]
        assert await self.hear() == COMPLETE
        return error["extensions"]["code"], error["message"]


@asynccontextmanager
async def _stream(server: Running, body: object, **headers: str) -> AsyncIterator[_Stream]:
    async with server.http.stream(
        "POST", "/graphql", json=body, headers=EVENTS | headers
    ) as response:
        assert response.status_code == 200
        yield _Stream(response)


async def test_a_subscription_is_a_stream_of_values(server: Running) -> None:
    await server.experiment()
    async with _stream(server, STATS_OF_COLOUR) as stream:
        assert (await stream.value())["totalAssignments"] == 0
        await server.assign("ada")
        assert (await stream.value())["totalAssignments"] == 1
        await server.move("Complete")
        assert (await stream.value())["experiment"]["status"] == "COMPLETED"
        assert await stream.hear() == COMPLETE

    headers = stream.response.headers
    assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"


async def test_a_query_is_one_value_and_the_end_to_the_letter(server: Running) -> None:
    answer = await server.http.post("/graphql", json={"query": "{ __typename }"}, headers=EVENTS)

    assert answer.status_code == 200
    assert answer.text == (
        'event: next\ndata: {"data":{"__typename":"Query"}}\n\nevent: complete\ndata: \n\n'
    )


async def test_a_mutation_is_done_and_answered(server: Running) -> None:
    await server.experiment()
    variables = {"i": {"experiment": "colour", "userId": "ada"}}
    async with _stream(server, {"query": ASSIGN, "variables": variables}) as stream:
        assert await stream.value() == {"errors": []}
        assert await stream.hear() == COMPLETE
    async with _stream(server, STATS_OF_COLOUR) as stream:
        assert (await stream.value())["totalAssignments"] == 1


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        (
            "subscription { nothing }",
            "GRAPHQL_VALIDATION_FAILED",
            "Cannot query field 'nothing' on type 'Subscription'.",
        ),
        (
            "{ nothing }",
            "GRAPHQL_VALIDATION_FAILED",
            "Cannot query field 'nothing' on type 'Query'.",
        ),
        ("subscription {", "GRAPHQL_PARSE_FAILED", "Syntax Error: Expected Name, found <EOF>."),
        (
            'subscription { experimentChanged(experiment: {name: "nowhere"}) { name } }',
            "BAD_USER_INPUT",
            "experiment: there is no experiment nowhere",
        ),
    ],
)
async def test_what_is_wrong_with_a_document_is_told_in_the_stream(
    server: Running, query: str, code: str, message: str
) -> None:
    async with _stream(server, {"query": query}) as stream:
        assert await stream.refusal() == (code, message)


@pytest.mark.parametrize("interval", [199, 60_001])
async def test_an_interval_out_of_bounds_is_refused_in_the_stream(
    server: Running, interval: int
) -> None:
    await server.experiment()
    variables = {"name": "colour", "every": interval}
    async with _stream(server, {"query": STATS, "variables": variables}) as stream:
        sentence = f"intervalMs: is {interval}: it must be from 200 to 60000"
        assert await stream.refusal() == ("BAD_USER_INPUT", sentence)


@pytest.mark.parametrize("document", [STATS, CHANGED])
async def test_a_tracker_may_not_follow(server: Running, document: str) -> None:
    await server.experiment()
    shown = {"Authorization": f"Bearer {TRACKER_KEY}"}
    body = {"query": document, "variables": {"name": "colour"}}
    async with _stream(server, body, **shown) as stream:
        assert (await stream.refusal())[0] == "FORBIDDEN"


async def test_who_shows_nothing_is_told_so_in_the_stream(server: Running) -> None:
    await server.experiment()
    del server.http.headers["Authorization"]
    async with _stream(server, STATS_OF_COLOUR) as stream:
        assert (await stream.refusal())[0] == "UNAUTHENTICATED"


async def test_who_shows_what_is_no_credential_is_refused_before(server: Running) -> None:
    headers = EVENTS | {"Authorization": "Bearer abk_nobody-has-such-a-key"}
    answer = await server.http.post("/graphql", json=STATS_OF_COLOUR, headers=headers)

    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("body", [b"{", b"5", b"[]", b'{"query": 5}', b'{"query": ""}'])
async def test_what_is_no_request_is_answered_with_400(server: Running, body: bytes) -> None:
    headers = EVENTS | {"Content-Type": "application/json"}
    answer = await server.http.post("/graphql", content=body, headers=headers)

    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_subscription_may_be_asked_for_by_get(server: Running) -> None:
    await server.experiment()
    asked = {"query": STATS, "variables": json.dumps({"name": "colour"})}
    async with server.http.stream("GET", "/graphql", params=asked, headers=EVENTS) as response:
        assert response.status_code == 200
        assert (await _Stream(response).value())["totalAssignments"] == 0


async def test_a_mutation_by_get_is_refused_and_not_done(server: Running) -> None:
    await server.experiment()
    variables = json.dumps({"i": {"experiment": "colour", "userId": "ada"}})
    asked = {"query": ASSIGN, "variables": variables}
    async with server.http.stream("GET", "/graphql", params=asked, headers=EVENTS) as response:
        refusal = await _Stream(response).refusal()
    async with _stream(server, STATS_OF_COLOUR) as stream:
        assert (await stream.value())["totalAssignments"] == 0

    assert refusal == ("BAD_USER_INPUT", "send a mutation by POST")


BOTH = "application/json, text/event-stream"


async def test_who_takes_both_gets_a_query_as_json_and_a_subscription_as_stream(
    server: Running,
) -> None:
    await server.experiment()
    query = {"query": "{ __typename }"}
    answer = await server.http.post("/graphql", json=query, headers={"Accept": BOTH})
    async with _stream(server, STATS_OF_COLOUR, Accept=BOTH) as stream:
        value = await stream.value()

    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.json() == {"data": {"__typename": "Query"}}
    assert stream.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert value["totalAssignments"] == 0


@pytest.mark.parametrize("accept", ["application/json", "*/*", "application/graphql-response+json"])
async def test_who_takes_no_stream_is_told_what_to_use(server: Running, accept: str) -> None:
    await server.experiment()
    answer = await server.http.post("/graphql", json=STATS_OF_COLOUR, headers={"Accept": accept})

    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["message"] == (
        "subscribe over WebSocket (graphql-transport-ws), or accept text/event-stream"
    )


async def test_nothing_is_left_of_a_client_that_goes_away(server: Running) -> None:
    await server.experiment()
    async with _stream(server, STATS_OF_COLOUR) as stream:
        await stream.value()
        assert len(server.endpoints.connections) == len(server.endpoints.channels) == 1

    await eventually(lambda: len(server.endpoints.channels) == 0)
    await eventually(lambda: len(server.endpoints.connections) == 0)
    await eventually(lambda: len(server.endpoints.vigil) == 0)


async def test_streams_count_among_the_connections(prepared: str) -> None:
    settings = Settings(connections=1, log_level="warning")
    async with running(prepared, settings) as server:
        await server.experiment()
        async with _stream(server, STATS_OF_COLOUR) as stream:
            await stream.value()
            answer = await server.http.post("/graphql", json=STATS_OF_COLOUR, headers=EVENTS)
        await eventually(lambda: len(server.endpoints.connections) == 0)
        async with _stream(server, STATS_OF_COLOUR) as stream:
            await stream.value()

    assert answer.status_code == 429
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert error["message"] == "there are 1 connections: try again later"


async def test_a_fault_takes_no_place_for_ever(server: Running) -> None:
    nested = '{"query": "subscription { a }", "variables": {"a": ' + "[" * 1000 + "]" * 1000 + "}}"
    headers = EVENTS | {"Content-Type": "application/json"}
    answer = await server.http.post("/graphql", content=nested, headers=headers)

    assert answer.status_code == 400
    assert len(server.endpoints.connections) == len(server.endpoints.vigil) == 0


@pytest.mark.parametrize("query", ["subscription", "query", "nothing"])
async def test_head_of_a_stream_is_its_headers_and_takes_no_place(
    server: Running, query: str
) -> None:
    texts = {"subscription": STATS, "query": "{ __typename }", "nothing": "{ nothing }"}
    asked = {"query": texts[query], "variables": '{"name": "colour"}'}
    await server.experiment()
    async with asyncio.timeout(10):
        head = await server.http.head("/graphql", params=asked, headers=EVENTS)
        after = await server.http.get("/healthz")

    assert (head.status_code, head.content, after.status_code) == (200, b"", 200)
    assert head.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert "Content-Length" not in head.headers
    assert len(server.endpoints.connections) == len(server.endpoints.channels) == 0
