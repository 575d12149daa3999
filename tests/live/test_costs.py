"""What the values of a subscription tell of their cost, to who asks: all else of them is shared."""

import json
from typing import Any

import pytest

from graphql_api.settings import Settings
from tests.live.conftest import SERVER_KEY, STATS, Running, Socket, running

EVENTS = {"Accept": "text/event-stream"}
HEADER = {"X-GraphQL-Cost": "1"}
PRICE = 10 + 3 + 1 + 2  # the results, their numbers, the experiment and what it shows
FIELDS = 1 + 3 + 1 + 2


async def ask(socket: Socket, id: str, **extensions: Any) -> dict[str, Any]:
    """The first value."""
    asked = {"query": STATS, "variables": {"name": "colour"}, "extensions": extensions}
    await socket.say({"type": "subscribe", "id": id, "payload": asked})
    payload: dict[str, Any] = (await socket.hear())["payload"]
    return payload


async def test_who_asks_is_told_with_each_value_and_others_are_not(server: Running) -> None:
    await server.experiment()
    async with server.talking() as socket, server.talking() as other:
        first = await ask(socket, "1", cost=True)
        silent = await ask(other, "1")
        await server.assign("ada")
        second = (await socket.hear())["payload"]
        still_silent = (await other.hear())["payload"]

    for told, untold in ((first, silent), (second, still_silent)):
        cost = told["extensions"]["cost"]
        assert (cost["requested"], cost["actual"]) == (PRICE, FIELDS)
        assert told == untold | {"extensions": {"cost": cost}}
    assert second["data"]["experimentStats"]["totalAssignments"] == 1


async def test_what_remains_is_what_the_caller_has_at_that_moment(prepared: str) -> None:
    settings = Settings(log_level="warning", rate=1, rate_burst=1_000)
    async with running(prepared, settings) as server:
        await server.experiment()
        async with server.talking() as socket:
            first = await ask(socket, "1", cost=True)
            await server.graph("{ viewer { scopes project { name } } }")
            await server.assign("ada")
            second = (await socket.hear())["payload"]

    before, after = [each["extensions"]["cost"]["remaining"] for each in (first, second)]
    assert 3 <= before - after <= 7


async def test_a_connection_asks_once_for_all_its_operations(server: Running) -> None:
    await server.experiment()
    async with server.connected() as socket:
        shown = {"Authorization": f"Bearer {SERVER_KEY}", **HEADER}
        await socket.say({"type": "connection_init", "payload": shown})
        assert await socket.hear() == {"type": "connection_ack"}
        value = await ask(socket, "1")
        await socket.subscribe("{ __typename }", "2")
        answer = (await socket.hear())["payload"]

    assert value["extensions"]["cost"]["requested"] == PRICE
    assert answer["extensions"]["cost"]["requested"] == 1


@pytest.mark.parametrize(
    ("headers", "extensions"),
    [(HEADER, {}), ({}, {"cost": True})],
    ids=["header", "extensions"],
)
async def test_a_stream_of_events_tells_it_too(
    server: Running, headers: dict[str, str], extensions: dict[str, Any]
) -> None:
    await server.experiment()
    asked = {"query": STATS, "variables": {"name": "colour"}, "extensions": extensions}
    async with server.http.stream(
        "POST", "/graphql", json=asked, headers=EVENTS | headers
    ) as response:
        lines = response.aiter_lines()
        assert await anext(lines) == "event: next"
        value = json.loads((await anext(lines)).removeprefix("data: "))

    assert value["extensions"]["cost"]["requested"] == PRICE
    assert value["data"]["experimentStats"]["totalAssignments"] == 0
