"""What graphql-transport-ws allows, said and answered over a real socket."""

import asyncio
from typing import Any

import pytest

from tests.live.conftest import (
    ASSIGN,
    CHANGED,
    STATS,
    TRACKER_KEY,
    Running,
    Socket,
    eventually,
)

FIRST = "subscription { experimentStats(experiment: {name: %s}) { totalAssignments } }"


async def _refusal(socket: Socket) -> tuple[str, str]:
    """Code and sentence of the only error."""
    message = await socket.hear()
    assert message["type"] == "error"
    (error,) = message["payload"]
    assert error["extensions"]["requestId"]
    return error["extensions"]["code"], error["message"]


@pytest.mark.parametrize(
    "payload", [{}, {"payload": None}, {"payload": {"at": 2**70, "n": [1.5], "é": "\n€"}}]
)
async def test_a_ping_is_answered_with_its_payload(
    server: Running, payload: dict[str, Any]
) -> None:
    async with server.connected() as socket:
        await socket.say({"type": "ping"} | payload)

        shown = {name: value for name, value in payload.items() if value is not None}
        assert await socket.hear() == {"type": "pong"} | shown


async def test_a_pong_and_the_end_of_what_is_not_known_are_not_answered(server: Running) -> None:
    async with server.talking() as socket:
        await socket.say({"type": "pong"})
        await socket.say({"type": "pong", "payload": {"of": "mine"}})
        await socket.say({"type": "complete", "id": "nobody knows it"})
        await socket.say({"type": "ping"})

        assert await socket.hear() == {"type": "pong"}


async def test_a_query_is_answered_once(server: Running) -> None:
    async with server.talking() as socket:
        await socket.subscribe("{ viewer { scopes } }", id="q")

        expected = {"data": {"viewer": {"scopes": ["TRACK", "READ", "WRITE", "ADMIN"]}}}
        assert await socket.hear() == {"id": "q", "type": "next", "payload": expected}
        assert await socket.hear() == {"id": "q", "type": "complete"}


async def test_a_mutation_is_answered_once_it_is_done(server: Running) -> None:
    await server.experiment()
    async with server.talking() as socket:
        await socket.subscribe(ASSIGN, id="m", i={"experiment": "colour", "userId": "ada"})

        done: object = {"data": {"assign": {"errors": []}}}
        assert await socket.hear() == {"id": "m", "type": "next", "payload": done}
        assert await socket.hear() == {"id": "m", "type": "complete"}
    found = await server.graph('{ experiment(by: {name: "colour"}) { results { revision } } }')
    assert found["results"]["revision"] > 0


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        (
            "subscription { nothing }",
            "GRAPHQL_VALIDATION_FAILED",
            "Cannot query field 'nothing' on type 'Subscription'.",
        ),
        (
            "query { nothing }",
            "GRAPHQL_VALIDATION_FAILED",
            "Cannot query field 'nothing' on type 'Query'.",
        ),
        ("subscription {", "GRAPHQL_PARSE_FAILED", "Syntax Error: Expected Name, found <EOF>."),
        ("}", "GRAPHQL_PARSE_FAILED", "Syntax Error: Unexpected '}'."),
        (FIRST % '"nobody"', "BAD_USER_INPUT", "experiment: there is no experiment nobody"),
    ],
)
async def test_what_is_wrong_with_a_document_is_told_and_ends_it(
    server: Running, query: str, code: str, message: str
) -> None:
    async with server.talking() as socket:
        await socket.subscribe(query)

        assert await _refusal(socket) == (code, message)
        await socket.subscribe("{ __typename }")
        assert (await socket.hear())["payload"] == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("interval", [199, 60_001, 0, -1])
async def test_an_interval_out_of_bounds_is_refused(server: Running, interval: int) -> None:
    await server.experiment()
    async with server.talking() as socket:
        await socket.subscribe(STATS, name="colour", every=interval)

        sentence = f"intervalMs: is {interval}: it must be from 200 to 60000"
        assert await _refusal(socket) == ("BAD_USER_INPUT", sentence)


@pytest.mark.parametrize("interval", [200, 60_000])
async def test_the_bounds_of_the_interval_are_allowed(server: Running, interval: int) -> None:
    await server.experiment()
    async with server.talking() as socket:
        await socket.subscribe(STATS, name="colour", every=interval)

        assert (await socket.value())["totalAssignments"] == 0


@pytest.mark.parametrize("document", [STATS, CHANGED])
async def test_a_tracker_may_not_subscribe(server: Running, document: str) -> None:
    await server.experiment()
    async with server.talking(TRACKER_KEY) as socket:
        await socket.subscribe(document, name="colour")

        assert (await _refusal(socket))[0] == "FORBIDDEN"


@pytest.mark.parametrize("document", [STATS, CHANGED])
async def test_who_has_shown_nothing_may_not_subscribe(server: Running, document: str) -> None:
    await server.experiment()
    async with server.talking(None) as socket:
        await socket.subscribe(document, name="colour")

        assert (await _refusal(socket))[0] == "UNAUTHENTICATED"


async def test_operations_are_answered_side_by_side(server: Running) -> None:
    await server.experiment()
    async with server.talking() as socket:
        await socket.subscribe(STATS, id="stats", name="colour", every=200)
        await socket.subscribe(CHANGED, id="changed", name="colour")
        await socket.subscribe("{ __typename }", id="query")
        heard = [await socket.hear() for _ in range(4)]

    kinds = {(message["id"], message["type"]) for message in heard}
    assert kinds == {
        ("stats", "next"),
        ("changed", "next"),
        ("query", "next"),
        ("query", "complete"),
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [("A", {"data": {"__typename": "Query"}}), ("B", {"data": {"b": "Query"}})],
)
async def test_of_several_operations_the_one_is_run_that_is_named(
    server: Running, name: str, expected: dict[str, Any]
) -> None:
    query = f"query A {{ __typename }} query B {{ b: __typename }} {STATS.replace('(', 'C (', 1)}"
    payload = {"query": query, "operationName": name}
    async with server.talking() as socket:
        await socket.say({"type": "subscribe", "id": "1", "payload": payload})

        assert (await socket.hear())["payload"] == expected


async def test_a_subscription_among_several_operations_is_followed(server: Running) -> None:
    await server.experiment()
    query = f"query A {{ __typename }} {STATS.replace('subscription', 'subscription B')}"
    payload = {"query": query, "operationName": "B", "variables": {"name": "colour"}}
    async with server.talking() as socket:
        await socket.say({"type": "subscribe", "id": "1", "payload": payload})

        assert (await socket.value())["totalAssignments"] == 0


@pytest.mark.parametrize(
    ("name", "expected"), [(None, "GRAPHQL_VALIDATION_FAILED"), ("C", "BAD_USER_INPUT")]
)
async def test_an_operation_that_is_not_to_be_found_is_refused(
    server: Running, name: str | None, expected: str
) -> None:
    payload = {"query": "query A { __typename } query B { __typename }", "operationName": name}
    async with server.talking() as socket:
        await socket.say({"type": "subscribe", "id": "1", "payload": payload})

        assert (await _refusal(socket))[0] == expected


async def test_the_client_ends_a_stream_and_nothing_is_left(server: Running) -> None:
    await server.experiment()
    async with server.talking() as socket:
        await socket.subscribe(STATS, name="colour", every=200)
        await socket.value()
        await socket.say({"type": "complete", "id": "1"})
        await eventually(lambda: len(server.endpoints.channels) == 0)
        await server.assign("ada")

        assert await socket.is_silent(0.7)


async def test_an_id_may_be_used_again_after_either_side_has_ended_it(server: Running) -> None:
    await server.experiment()
    async with server.talking() as socket:
        await socket.subscribe(STATS, name="colour", every=200)
        await socket.value()
        await socket.say({"type": "complete", "id": "1"})
        await socket.subscribe("{ __typename }")
        assert (await socket.hear())["payload"] == {"data": {"__typename": "Query"}}
        assert await socket.hear() == {"id": "1", "type": "complete"}
        await socket.subscribe(STATS, name="colour", every=200)

        assert (await socket.value())["totalAssignments"] == 0


async def test_an_answer_is_not_sent_once_the_client_has_ended_it(server: Running) -> None:
    async with server.talking() as socket:
        await socket.subscribe("{ experiments { nodes { name } } }", id="ended")
        await socket.say({"type": "complete", "id": "ended"})
        await socket.subscribe("{ __typename }", id="other")

        assert (await socket.hear())["id"] == "other"
        assert (await socket.hear())["id"] == "other"
        assert await socket.is_silent(0.3)


async def test_many_who_ask_the_same_of_what_is_over_each_get_value_and_end(
    server: Running,
) -> None:
    await server.experiment()
    await server.move("Complete")

    async def watched() -> list[str]:
        async with server.talking() as socket:
            await socket.subscribe(STATS, name="colour", every=200)
            return [(await socket.hear())["type"] for _ in range(2)]

    for _ in range(5):
        heard = await asyncio.gather(*(watched() for _ in range(20)))
        assert heard == [["next", "complete"]] * 20
