"""Everybody asks for the same at once, of two servers on one database."""

import random
from collections import Counter

from tests.tracking.load import Call, begun, lines, shared_out
from tests.tracking.recounting import miscounted, stored

USERS = [f"user-{number}" for number in range(1000)]
TIMES = 50
ALONE = 2  # of these times; the others in batches
CALLERS = 40
BATCH = 500


async def test_a_user_who_is_assigned_fifty_times_at_once_is_assigned_once(
    database_url: str, pair: tuple[str, str]
) -> None:
    await begun(pair[0], "checkout")
    calls = _storm()

    async with lines(CALLERS, *pair) as callers:
        told = await shared_out(callers, calls, patience=10)

    answers = [
        (item["userId"], result["variant"]["name"], result["reason"])
        for call, answer in told
        for item, result in zip(call.items, answer.told, strict=True)
    ]
    held = await stored(database_url, "checkout")
    assert len(answers) == len(USERS) * TIMES
    assert Counter(user for user, _, reason in answers if reason == "NEW") == Counter(USERS)
    assert Counter(reason for _, _, reason in answers) == {"NEW": 1000, "STICKY": 49_000}
    assert {(user, variant) for user, variant, _ in answers} == {
        (name, user["variant_name"]) for name, user in held.users.items()
    }
    assert len(held.users) == held.impressions == len(USERS)
    assert miscounted(held) == []


def _storm() -> list[Call]:
    chance = random.Random(1)  # noqa: S311  nothing secret
    calls = []
    for time in range(TIMES):
        users = chance.sample(USERS, len(USERS))
        size = 1 if time < ALONE else BATCH
        calls += [_assign(users[start : start + size]) for start in range(0, len(users), size)]
    chance.shuffle(calls)
    return calls


def _assign(users: list[str]) -> Call:
    return Call("assign", [{"experiment": "checkout", "userId": user} for user in users])
