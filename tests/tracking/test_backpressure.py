"""The database is silent while crowds ask: they are told so, and memory stays flat."""

import asyncio
import logging
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from domain.errors import Unavailable
from persistence.groups import Group
from tests.graphql_api.serving import Serving, serving
from tests.persistence.servers import postmaster
from tests.tracking.load import Answer, Call, Line, begun, lines
from tests.tracking.reconciling import LIMIT, Journal, insist, losses
from tests.tracking.recounting import stored

logger = logging.getLogger(__name__)

CROWD = 300
ROUNDS = 4
GROWTH = 60  # MB
AT_ONCE = 0.1  # seconds

Result = TypeVar("Result")


async def test_a_silent_database_costs_no_memory_and_heals(folder: Path) -> None:
    async with serving(ABGRAPH_DATA_DIR=folder) as server, lines(CROWD, server.url) as crowd:
        await begun(server.url, "checkout")
        journal = Journal()
        await _all(insist(journal, line, _one("before", n)) for n, line in enumerate(crowd))
        usual = _memory(server)

        async with _watched(server) as watch:
            with _frozen(folder):
                told = await _all(_asks(line, _call(n)) for n, line in enumerate(crowd))
        await _all(insist(journal, line, _one("after", n)) for n, line in enumerate(crowd))
        held = await stored(f"postgresql://abgraph@/abgraph?host={folder}/run", "checkout")

    refused = [answer for answers in told for answer in answers]
    logger.info("%s refused, %.0f MB before, %s", len(refused), usual, watch)
    assert {(answer.status, *answer.codes) for answer in refused} == {(503, "UNAVAILABLE")}
    assert max(answer.seconds for answer in refused) < LIMIT + watch.lag
    assert watch.memory - usual < GROWTH
    assert losses(journal, held) == []
    assert journal.acknowledged == 2 * CROWD


async def test_who_finds_the_queue_full_is_told_at_once() -> None:
    taken, silent = asyncio.Event(), asyncio.Event()

    async def write(items: Sequence[int]) -> list[int | Exception]:
        taken.set()
        await silent.wait()
        return list(items)

    group = Group(write, most=10, room=100)
    waiting = [asyncio.create_task(group.submit([0]))]
    await taken.wait()
    waiting += [asyncio.create_task(group.submit([number])) for number in range(1, 101)]
    await asyncio.sleep(0)  # they stand in the queue by then

    began = time.monotonic()
    with pytest.raises(Unavailable):
        await group.submit([101])
    refused_after = time.monotonic() - began
    silent.set()

    assert refused_after < AT_ONCE
    assert [answer for (answer,) in await asyncio.gather(*waiting)] == list(range(101))


def _one(when: str, number: int) -> Call:
    return Call("assign", [{"experiment": "checkout", "userId": f"{when}-{number}"}])


def _call(number: int) -> Call:
    """Of ten callers one sends much."""
    if number % 10:
        return _one("during", number)
    event = {"experiment": "checkout", "userId": f"before-{number}", "eventType": "purchase"}
    return Call("track", [event | {"data": {"n": n, "note": "x" * 100}} for n in range(200)])


async def _asks(line: Line, call: Call) -> list[Answer]:
    return [await line.ask(call.body) for _ in range(ROUNDS)]


async def _all(asking: Iterable[Awaitable[Result]]) -> list[Result]:
    return await asyncio.gather(*asking)


@dataclass(slots=True)
class _Watch:
    """The most memory, in MB, and the longest that the server took to answer anything at all."""

    memory: float = 0.0
    lag: float = 0.0


@asynccontextmanager
async def _watched(server: Serving) -> AsyncIterator[_Watch]:
    watch = _Watch()

    async def look() -> None:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
            while True:
                watch.memory = max(watch.memory, _memory(server))
                began = time.monotonic()
                await http.get("/healthz")
                watch.lag = max(watch.lag, time.monotonic() - began)
                await asyncio.sleep(0.2)

    async with asyncio.TaskGroup() as group:
        looking = group.create_task(look())
        yield watch
        looking.cancel()


def _memory(server: Serving) -> float:
    text = Path("/proc", str(server.process.pid), "status").read_text()
    (found,) = re.findall(r"VmRSS:\s+(\d+) kB", text)
    return int(found) / 1024


@contextmanager
def _frozen(home: Path) -> Iterator[None]:
    """The postmaster first: from then on it has no more children."""
    first = postmaster(home)
    os.kill(first, signal.SIGSTOP)
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    frozen = [first, *map(int, children)]
    for pid in frozen[1:]:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
