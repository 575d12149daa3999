"""A server or its database is killed under load: what was acknowledged is there, once."""

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.graphql_api.serving import serving
from tests.persistence.servers import postmaster
from tests.tracking.load import Call, Line, begun, lines
from tests.tracking.reconciling import Journal, faults, insist
from tests.tracking.recounting import stored

GROUP = 8  # users whom two callers have in common: one asks singly, the other in batches
HEALED = "PostgreSQL was gone and has been started again"


class Storm:
    """How often, and how many answers in between."""

    def __init__(self, *, is_soak: bool) -> None:
        self.kills, self.answers, self.callers = (5, 3000, 40) if is_soak else (2, 400, 16)


@pytest.fixture
def storm(is_soak: bool) -> Storm:
    return Storm(is_soak=is_soak)


async def test_nothing_acknowledged_is_lost_where_the_server_is_killed(
    folder: Path, storm: Storm
) -> None:
    journal = Journal()
    async with serving(ABGRAPH_DATA_DIR=folder) as server:
        await begun(server.url, "checkout")
        port = server.url.rpartition(":")[2]

    async with _callers(server.url, storm, journal) as ended:
        for _ in range(storm.kills):
            async with serving("--port", port, ABGRAPH_DATA_DIR=folder) as server:
                await journal.hears(storm.answers)
                server.tell(signal.SIGKILL)
                await server.ends()
        async with serving("--port", port, ABGRAPH_DATA_DIR=folder):
            await journal.hears(storm.answers)
            await ended()
            held = await stored(_database(folder), "checkout")

    print(vars(journal)["acknowledged"], journal.unanswered, journal.unavailable, journal.slowest)
    assert journal.acknowledged > (storm.kills + 1) * storm.answers
    assert journal.unanswered >= storm.kills
    assert faults(journal, held) == []


async def test_nothing_acknowledged_is_lost_where_the_database_is_killed(
    folder: Path, storm: Storm
) -> None:
    journal = Journal()
    async with serving(ABGRAPH_DATA_DIR=folder) as server:
        await begun(server.url, "checkout")
        async with _callers(server.url, storm, journal) as ended:
            for _ in range(storm.kills):
                await journal.hears(storm.answers)
                os.kill(postmaster(folder), signal.SIGKILL)
            await journal.hears(storm.answers)
            await ended()
        held = await stored(_database(folder), "checkout")
        healed = sum(HEALED in line for line in server.lines)

    print(vars(journal)["acknowledged"], journal.unanswered, journal.unavailable, journal.slowest)
    assert (healed, journal.unanswered) == (storm.kills, 0)
    assert faults(journal, held) == []


@asynccontextmanager
async def _callers(
    url: str, storm: Storm, journal: Journal
) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    """Who go on until they are told to end what they are at."""
    enough = asyncio.Event()
    async with lines(storm.callers, url) as made, asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_calls(line, place, journal, enough))
            for place, line in enumerate(made)
        ]

        def ended() -> Awaitable[object]:
            enough.set()
            return asyncio.wait(tasks)

        yield ended


async def _calls(line: Line, place: int, journal: Journal, enough: asyncio.Event) -> None:
    for number in itertools.count():
        size = GROUP if (place + number) % 2 else 1
        for kind, items in _wanted(f"{place // 2}-{number}"):
            for start in range(0, len(items), size):
                await insist(line, Call(kind, items[start : start + size]), journal)
        if enough.is_set():
            return


def _wanted(group: str) -> Iterator[tuple[str, list[dict[str, object]]]]:
    users = [{"experiment": "checkout", "userId": f"{group}-{place}"} for place in range(GROUP)]
    values = [place + 0.5 for place in range(GROUP)]
    yield "assign", users
    yield (
        "track",
        [
            user | {"eventType": what, "eventId": what, "value": value}
            for user, value in zip(users, values, strict=True)
            for what in ("purchase", "visit")
        ],
    )
    yield "convert", [user | {"value": 2.0} for user in users[::2]]


def _database(folder: Path) -> str:
    return f"postgresql://abgraph@/abgraph?host={folder}/run"
