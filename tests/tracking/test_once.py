"""What is reported again and again counts once."""

import random
from collections.abc import Sequence

import asyncpg

from tests.tracking.load import Answer, Call, begun, lines, shared_out
from tests.tracking.reconciling import LIMIT
from tests.tracking.recounting import miscounted, stored

TABLES = ("ab_assignments", "ab_metrics", "ab_user_totals", "ab_running_sums")
USERS = [f"user-{number}" for number in range(100)]


async def test_of_fifty_conversions_at_once_one_is_recorded(
    database_url: str, pair: tuple[str, str]
) -> None:
    await begun(pair[0], "checkout")
    anna = {"experiment": "checkout", "userId": "anna"}
    values = [number + 0.25 for number in range(50)]

    async with lines(50, *pair) as callers:
        await shared_out(callers, [Call("assign", [anna])])
        told = await shared_out(
            callers, [Call("convert", [anna | {"value": value}]) for value in values]
        )

    held = await stored(database_url, "checkout")
    winners = [call.items[0]["value"] for call, answer in told if answer.told[0]["recorded"]]
    assert len(told) == 50
    assert winners == [held.users["anna"]["conversion_value"]]
    assert (held.conversions, len(held.events)) == (1, 1)
    assert miscounted(held) == []


async def test_a_batch_of_events_that_is_replayed_changes_nothing(
    database_url: str, pair: tuple[str, str]
) -> None:
    await begun(pair[0], "checkout")
    batch = Call("track", _events("checkout", USERS, 5))

    async with lines(10, *pair) as callers:
        users = [{"experiment": "checkout", "userId": user} for user in USERS]
        await shared_out(callers, [Call("assign", users)])
        first = await shared_out(callers, [batch])
        before = await _contents(database_url)
        again = await shared_out(callers, [batch] * 10)

    assert _recorded(first) == len(batch.items) == 500
    assert (_recorded(again), len(again)) == (0, 10)
    assert await _contents(database_url) == before
    assert miscounted(await stored(database_url, "checkout")) == []


async def test_batches_of_the_same_users_in_any_order_never_wait_for_each_other(
    database_url: str, pair: tuple[str, str]
) -> None:
    await begun(pair[0], "checkout")
    await begun(pair[1], "search")
    events = [*_events("checkout", USERS, 10), *_events("search", USERS, 10)]
    chance = random.Random(1)  # noqa: S311  nothing secret
    shuffled = [chance.sample(events, 500) for _ in range(24)]
    own = [[event | {"eventId": f"{n}-{event['eventId']}"} for event in events[n::4]] for n in range(4)]

    async with lines(12, *pair) as callers:
        for name in ("checkout", "search"):
            users = [{"experiment": name, "userId": user} for user in USERS]
            await shared_out(callers, [Call("assign", users)])
        told = await shared_out(callers, [Call("track", each) for each in (*shuffled, *own)])

    distinct = {(each["experiment"], each["eventId"]) for call, _ in told for each in call.items}
    assert [answer.body for _, answer in told if answer.status != 200] == []
    assert max(answer.seconds for _, answer in told) < LIMIT
    assert _recorded(told) == len(distinct)
    assert await _deadlocks(database_url) == 0
    for name in ("checkout", "search"):
        assert miscounted(await stored(database_url, name)) == []


def _events(experiment: str, users: Sequence[str], each: int) -> list[dict[str, object]]:
    return [
        {
            "experiment": experiment,
            "userId": user,
            "eventType": ("purchase", "visit")[number % 3 == 2],
            "eventId": f"{user}-{number}",
            "value": number * 2.5,
        }
        for user in users
        for number in range(each)
    ]


def _recorded(told: Sequence[tuple[Call, Answer]]) -> int:
    return sum(result["recorded"] for _, answer in told for result in answer.told)


async def _contents(url: str) -> dict[str, list[str]]:
    """Byte for byte."""
    connection = await asyncpg.connect(url)
    try:
        return {
            table: [row[0] for row in await connection.fetch(f"SELECT t::text FROM {table} t ORDER BY 1")]  # noqa: S608  E501
            for table in TABLES
        }
    finally:
        await connection.close()


async def _deadlocks(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        found: int = await connection.fetchval(query)
        return found
    finally:
        await connection.close()
