"""Many subscribers of one process, some of whom never read."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from math import ceil

import pytest

from tests.graphql_api.serving import KEY, Serving, serving
from tests.live.conftest import SERVER_KEY, Running
from tests.live.crowd import Asked, Heard, crowd
from tests.persistence.statements import counted
from tests.tracking.load import Call, Line, begun, lines

logger = logging.getLogger(__name__)

INTERVAL = 1.0  # seconds
WRITES = 5
READS = "FROM ab_experiments"
SPARE = 25  # looks at either end, and what the keeper asks; one for each would be hundreds
LATE = 0.3  # seconds more than the interval that a value may take
MEGABYTE = 2**20
MOST_GROWTH = 96 * MEGABYTE  # of a server that has 1,000 sockets, whoever reads
QUERY = """subscription {
  experimentStats(experiment: {name: "%s"}, intervalMs: %d) {
    asOf conversionRate progress revision totalAssignments totalConversions
    decision { kind reason arms { variant { name } } }
    sampleRatio { state pValue anytimePValue expected observed }
    metrics {
      metric { name eventType aggregation role }
      variants { variant { id name } users total mean standardDeviation interval { lower upper } }
      comparisons { variant { name } control { name } chanceToBeatControl expectedLoss }
    }
  }
}"""


@dataclass(frozen=True)
class Size:
    readers: int
    silent: int
    seconds: float


@pytest.fixture
def size(is_soak: bool) -> Size:
    return Size(900, 100, 120) if is_soak else Size(90, 10, 5)


@pytest.fixture
async def process(database_url: str) -> AsyncIterator[Serving]:
    async with serving(DATABASE_URL=database_url) as process:
        await begun(process.url, "checkout")
        yield process


@dataclass
class Run:
    heard: Heard
    written: list[float]  # when each had its answer
    sizes: list[int] = field(default_factory=list)  # of the server's memory

    def delays(self) -> list[float]:
        """Of each write for each reader, from the answer to the first value that shows it."""
        found = []
        for values in self.heard.values:
            seen = values[0][1]
            for at, total in values:
                found += [at - self.written[each] for each in range(seen, total)]
                seen = max(seen, total)
        return sorted(found)

    def p99(self) -> float:
        delays = self.delays()
        return delays[ceil(len(delays) * 0.99) - 1]


async def test_who_never_reads_costs_little_memory_and_nobody_time(
    process: Serving, size: Size, is_soak: bool
) -> None:
    before = process.memory()
    alone = await run(process, Size(size.readers, 0, size.seconds), 0)
    beside = await run(process, size, len(alone.written))

    logger.info("%s", figures(alone, beside, before))
    for each in (alone, beside):
        assert {values[-1][1] for values in each.heard.values} == {len(each.written)}
        assert each.heard.lost == 0
    assert max(beside.sizes) - before < MOST_GROWTH
    assert beside.p99() < INTERVAL + LATE + (0 if is_soak else INTERVAL)
    assert not is_soak or beside.p99() <= alone.p99() * 1.1


async def run(server: Serving, size: Size, already: int) -> Run:
    asked = Asked(
        url=server.url,
        key=KEY,
        query=QUERY % ("checkout", INTERVAL * 1000),
        count=size.readers,
        silent=size.silent,
    )
    written, sizes = [0.0] * already, []
    async with crowd(asked) as subscribers, lines(1, server.url) as (line,):
        end = time.monotonic() + size.seconds
        while time.monotonic() < end:
            await write(line, len(written))
            written.append(time.monotonic())
            sizes.append(server.memory())
            await asyncio.sleep(0.1)
        await asyncio.sleep(3 * INTERVAL)  # nobody tells that all have seen the last
        return Run(await subscribers.ends(), written, sizes)


async def write(line: Line, number: int) -> None:
    item = {"experiment": "checkout", "userId": f"user-{number}"}
    answer = await line.ask(Call("assign", [item]).body)
    assert answer.told[0]["errors"] == []


def figures(alone: Run, beside: Run, before: int) -> str:
    growth = [(max(each.sizes) - before) / MEGABYTE for each in (alone, beside)]
    return (
        f"p99 {alone.p99():.3f} s without, {beside.p99():.3f} s with silent ones; "
        f"memory {before / MEGABYTE:.0f} MiB, +{growth[0]:.0f} without, +{growth[1]:.0f} with; "
        f"{beside.heard.cut} silent ones dropped"
    )


async def test_a_tick_takes_the_same_statements_for_one_and_for_many(
    server: Running, size: Size
) -> None:
    for_one = await statements(server, "one", 1)
    for_many = await statements(server, "many", size.readers + size.silent)

    assert len(for_one) > WRITES
    assert abs(len(for_one) - len(for_many)) <= SPARE


async def statements(server: Running, name: str, subscribers: int) -> Sequence[str]:
    """What is asked while some take part."""
    await server.experiment(name)
    asked = Asked(url=server.url, key=SERVER_KEY, query=QUERY % (name, 200), count=subscribers)
    async with crowd(asked):
        await server.assign("early", name)
        await asyncio.sleep(1)
        async with counted(server.database) as seen:
            for number in range(WRITES):
                await server.assign(f"user-{number}", name)
                await asyncio.sleep(0.4)
            return [each for each in seen if READS in each and "FOR SHARE" not in each]
