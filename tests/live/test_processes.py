"""Several server processes on one database: each tells of what any of them has written."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from tests.graphql_api.serving import AUTHORIZATION, KEY, serving
from tests.live.conftest import ASSIGN, STATS, Socket
from tests.live.peers import talking
from tests.tracking.load import begun

INTERVAL = 400  # milliseconds
TWO_INTERVALS = 2 * INTERVAL / 1000
LATEST = 1.0  # seconds until a change of the lifecycle is seen, whatever the interval
SPARE = 3.0  # seconds, where the machine has other things to do
WRITES = 10
PAUSE = """mutation {
  experimentPause(input: {experiment: {name: "checkout"}}) { errors { message } }
}"""


@pytest.fixture(params=["two servers", "two workers"])
async def urls(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[list[str]]:
    """Where the same data are served by different processes."""
    async with AsyncExitStack() as stack:
        if request.param == "two servers":
            made = [
                await stack.enter_async_context(serving(DATABASE_URL=database_url))
                for _ in range(2)
            ]
        else:
            workers = serving("--workers", "2", DATABASE_URL=database_url)
            made = 2 * [await stack.enter_async_context(workers)]
        await begun(made[0].url, "checkout")
        yield [each.url for each in made]


async def test_what_any_of_them_writes_is_seen_by_the_subscribers_of_each(urls: list[str]) -> None:
    async with AsyncExitStack() as stack:
        sockets = await subscribed(stack, urls, INTERVAL)
        delays, seen = list[float](), list[tuple[float, dict[str, Any]]]()

        for number in range(WRITES):
            began = time.monotonic()
            await graph(urls[number % 2], ASSIGN, i=taking_part(number))
            seen = await asyncio.gather(*(until(each, number + 1) for each in sockets))
            delays.append(max(at - began for at, _ in seen))

    assert [value["totalAssignments"] for _, value in seen] == [WRITES] * len(sockets)
    assert sorted(delays)[WRITES // 2] < TWO_INTERVALS, delays
    assert max(delays) < TWO_INTERVALS + SPARE, delays


async def test_changes_of_the_lifecycle_are_seen_whatever_the_interval(urls: list[str]) -> None:
    async with AsyncExitStack() as stack:
        sockets = await subscribed(stack, urls, 60_000)
        began = time.monotonic()

        await graph(urls[0], PAUSE)
        seen = await asyncio.gather(*(each.value() for each in sockets))

    assert {value["experiment"]["status"] for value in seen} == {"PAUSED"}
    assert time.monotonic() - began < LATEST + SPARE


async def test_no_subscriber_is_ever_shown_an_older_revision(urls: list[str]) -> None:
    async with AsyncExitStack() as stack:
        sockets = await subscribed(stack, urls, 200)
        listening = [asyncio.create_task(values(each, 5 * WRITES)) for each in sockets]

        for number in range(0, 5 * WRITES, 5):
            batch = (
                graph(urls[each % 2], ASSIGN, i=taking_part(number + each)) for each in range(5)
            )
            await asyncio.gather(*batch)
            await asyncio.sleep(0.1)

        heard = await asyncio.gather(*listening)

    for shown in heard:
        assert [each["revision"] for each in shown] == sorted({each["revision"] for each in shown})
        totals = [each["totalAssignments"] for each in shown]
        assert totals == sorted(totals)
        assert totals[-1] == 5 * WRITES


async def subscribed(stack: AsyncExitStack, urls: list[str], interval: int) -> list[Socket]:
    """Enough for some to be with each process, who have all got their first value."""
    sockets = [await stack.enter_async_context(talking(url, KEY)) for url in 4 * urls]
    for each in sockets:
        await each.subscribe(STATS, name="checkout", every=interval)
    for each in sockets:
        await each.value()
    return sockets


async def until(socket: Socket, total: int) -> tuple[float, dict[str, Any]]:
    while True:
        value = await socket.value()
        if value["totalAssignments"] >= total:
            return time.monotonic(), value


async def values(socket: Socket, total: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while not found or found[-1]["totalAssignments"] < total:
        found.append(await socket.value())
    return found


def taking_part(number: int) -> dict[str, str]:
    return {"experiment": "checkout", "userId": f"user-{number}"}


async def graph(url: str, query: str, **variables: Any) -> None:
    async with httpx.AsyncClient(headers=AUTHORIZATION) as http:
        body = {"query": query, "variables": variables}
        answer = (await http.post(f"{url}/graphql", json=body)).json()
    assert "errors" not in answer, answer
    (value,) = answer["data"].values()
    assert not value["errors"], value
