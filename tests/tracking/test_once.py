"""What is reported again and again counts once."""

import random
from collections.abc import Sequence

import asyncpg

from tests.tracking.load import Answer, Call, begun, lines, shared_out
from tests.tracking.reconciling import LIMIT
from tests.tracking.recounting import miscounted, stored

CONTENTS = {
    table: f"SELECT t::text FROM {table} AS t ORDER BY 1"  # noqa: S608  our own tables
    for table in ("ab_assignments", "ab_metrics", "ab_user_totals", "ab_running_sums")
}
ROUNDS = 6
USERS = [f"user-{number}" for number in range(100)]


async def test_of_fifty_conversions_at_once_one_is_recorded(
    database_url: str, pair: tuple[str, str]
) -> None:
    await begun(pair[0], "checkout")
    anna = {"experiment": "checkout", "userId": "anna"}
    values = [number + 0.25 for number in range(50)]

    async with lines(50, *pair) as callers:
        await shared_out(callers, [Call("assign", [anna])], patience=10)
        converts = [Call("convert", [anna | {"value": value}]) for value in values]
        told = await shared_out(callers, converts, patience=10)

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
        again = await shared_out(callers, [batch] * 10, patience=10)

    assert _recorded(first) == len(batch.items) == 500
    assert (_recorded(again), len(again)) == (0, 10)
    assert await _contents(database_url) == before
    assert miscounted(await stored(database_url, "checkout")) == []


async def test_batches_of_the_same_users_in_any_order_never_wait_for_each_other(
    database_url: str, pair: tuple[str, str]
) -> None:
    await begun(pair[0], "checkout")
    await begun(pair[1], "search")
    async with lines(4, *pair) as callers:
        for name in ("checkout", "search"):
            users = [{"experiment": name, "userId": user} for user in USERS]
            await shared_out(callers, [Call("assign", users)])
        told = await shared_out(callers, [batch for n in range(ROUNDS) for batch in _round(n)])

    distinct = {(each["experiment"], each["eventId"]) for call, _ in told for each in call.items}
    assert await _deadlocks(database_url) == 0
    assert [answer.body for _, answer in told if answer.status != 200] == []
    assert max(answer.seconds for _, answer in told) < LIMIT
    assert _recorded(told) == len(distinct)
    for name in ("checkout", "search"):
        assert miscounted(await stored(database_url, name)) == []


def _round(number: int) -> list[Call]:
    """For each of four callers the same events and some of their own, in an order of their own."""
    both = [*_events("checkout", USERS, 2), *_events("search", USERS, 2)]
    chance = random.Random(number)  # noqa: S311  nothing secret
    calls = []
    for caller in range(4):
        own = chance.sample(both, 50)
        items = [event | {"eventId": f"{number}-{event['eventId']}"} for event in both]
        items += [event | {"eventId": f"{number}-{caller}-{event['eventId']}"} for event in own]
        calls.append(Call("track", chance.sample(items, len(items))))
    return calls


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
            table: [row[0] for row in await connection.fetch(query)]
            for table, query in CONTENTS.items()
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
