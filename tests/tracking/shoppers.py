"""Callers who assign, track and convert without end, two by two the same users."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeAlias

from tests.tracking.load import Call, Kind, Line, lines
from tests.tracking.reconciling import Journal

GROUP = 8  # users whom two callers have in common: one asks singly, the other in batches

Ask: TypeAlias = Callable[[Journal, Line, Call], Awaitable[bool]]
Item: TypeAlias = dict[str, object]


@asynccontextmanager
async def shoppers(
    count: int, urls: tuple[str, ...], journal: Journal, ask: Ask
) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    """Who go on until they are told to end what they are at, or `ask` says that it is over."""
    enough = asyncio.Event()
    async with lines(count, *urls) as made, asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_shop(place, partial(ask, journal, line), enough))
            for place, line in enumerate(made)
        ]

        def ended() -> Awaitable[object]:
            enough.set()
            return asyncio.wait(tasks)

        yield ended


async def _shop(place: int, ask: Callable[[Call], Awaitable[bool]], enough: asyncio.Event) -> None:
    for number in itertools.count():
        size = GROUP if (place + number) % 2 else 1
        for kind, items in wanted("checkout", f"{place // 2}-{number}"):
            for start in range(0, len(items), size):
                if not await ask(Call(kind, items[start : start + size])):
                    return
        if enough.is_set():
            return


def wanted(experiment: str, group: str) -> Iterator[tuple[Kind, list[Item]]]:
    users: list[Item] = [
        {"experiment": experiment, "userId": f"{group}-{place}"} for place in range(GROUP)
    ]
    yield "assign", users
    yield (
        "track",
        [
            user | {"eventType": what, "eventId": what, "value": place + 0.5}
            for place, user in enumerate(users)
            for what in ("purchase", "visit")
        ],
    )
    yield "convert", [user | {"value": 2.0} for user in users[::2]]
