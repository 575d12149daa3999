"""Thousands of messages and frames over WebSocket, each wrong in its own way and all the same at
every run."""

import asyncio
import gc
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice, repeat
from random import Random

import pytest

from tests.fuzzing.answers import message_fault, telling_of
from tests.fuzzing.frames import RIGHT_INIT, Heard, RoughPeer, Writer, framed
from tests.fuzzing.resting import is_at_rest, is_well, resident
from tests.live.conftest import Running, eventually

TIMES, TIMES_WHEN_SOAKING = 2_500, 25_000
AT_ONCE = 8
OF_ONE_CONNECTION = 10
MOST_GROWN = 2**25  # bytes
REFUSALS = {f"closed {code}" for code in (1007, 1008, 1009, 4400, 4401, 4403, 4409, 4429)}
ECHOES = {f"closed {code}" for code in (1000, 1001, 1005, 3000, 4999)}  # of what was sent

# What is cancelled before its first step has resolvers that nobody has begun.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine '(GraphQLCore|Executor).* never awaited")


@dataclass
class Findings:
    fates: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)  # of connections that we have closed
    faults: list[str] = field(default_factory=list)

    def note(self, heard: Heard, sent: bytes) -> bool:
        """Whether the connection is still open."""
        self.fates[heard.fate] += 1
        found = [message_fault(message, sent) for message in heard.messages]
        found.append(telling_of(heard.reason, sent))
        self.faults += [f"{fault}: {sent!r} {heard}" for fault in found if fault]
        return heard.fate == "open"


async def talk(url: str, firsts: Iterator[bytes], frames: Iterable[bytes]) -> Findings:
    """On as many connections as it takes."""
    found, left = Findings(), iter(frames)

    async def one_after_the_other() -> None:
        for frame in left:
            peer = RoughPeer(url)
            await peer.connect()
            some = islice(left, OF_ONE_CONNECTION)
            try:
                await speak(peer, chain([next(firsts), frame], some), found)
            finally:
                peer.leave()

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return found


async def speak(peer: RoughPeer, frames: Iterable[bytes], found: Findings) -> None:
    """As long as the server listens."""
    for frame in frames:
        if not found.note(await peer.send(frame), frame):
            return
    found.ends[(await peer.bid_farewell()).fate] += 1


async def fuzzed(
    server: Running, firsts: Iterator[bytes], frames: list[bytes]
) -> tuple[Findings, int]:
    """What came of it, and how much memory the second half has taken."""
    await server.experiment()
    tasks, half = asyncio.all_tasks(), len(frames) // 2
    first = await talk(server.url, firsts, frames[:half])
    before = resident()
    second = await talk(server.url, firsts, frames[half:])
    await eventually(lambda: is_at_rest(server) and asyncio.all_tasks() == tasks)
    grown = resident() - before
    assert asyncio.all_tasks() == tasks
    assert await is_well(server)
    gc.collect()  # what it complains of is complained of here
    found = Findings(
        first.fates + second.fates, first.ends + second.ends, first.faults + second.faults
    )
    return found, grown


async def test_whatever_message_is_sent_the_connection_goes_on_or_is_closed_with_a_reason(
    server: Running, is_soak: bool, caplog: pytest.LogCaptureFixture
) -> None:
    writer = Writer(Random(7))  # noqa: S311  # the same messages every time
    times = TIMES_WHEN_SOAKING if is_soak else TIMES
    firsts = [framed(writer.first()) for _ in range(times + AT_ONCE)]
    frames = [framed(writer.message()) for _ in range(times)]

    found, grown = await fuzzed(server, iter(firsts), frames)

    assert found.faults == []
    assert found.fates.keys() <= REFUSALS | {"open"}
    assert found.fates["open"] > times / 2
    assert found.ends.keys() <= REFUSALS | {"closed 1000"}
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []
    assert grown < MOST_GROWN


async def test_whatever_frame_is_sent_is_read_or_closes_the_connection_with_a_reason(
    server: Running, is_soak: bool, caplog: pytest.LogCaptureFixture
) -> None:
    writer = Writer(Random(7))  # noqa: S311  # the same frames every time
    times = TIMES_WHEN_SOAKING if is_soak else TIMES
    frames = [writer.frames() for _ in range(times)]

    found, grown = await fuzzed(server, repeat(RIGHT_INIT), frames)

    assert found.faults == []
    assert found.fates.keys() <= REFUSALS | ECHOES | {"open", "silent", "closed 1002"}
    assert found.ends.keys() <= REFUSALS | {"closed 1000"}
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []
    assert grown < MOST_GROWN
