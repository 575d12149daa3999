"""Thousands of requests over HTTP, each wrong in its own way and all the same at every run."""

import asyncio
import logging
from random import Random

import pytest

from tests.fuzzing.answers import fault_of
from tests.fuzzing.asking import Asker, Request, answered
from tests.fuzzing.resting import is_at_rest, is_well, resident
from tests.live.conftest import Running, eventually

TIMES, TIMES_WHEN_SOAKING = 5_000, 50_000
AT_ONCE = 8
ALL_SORTS = {200, 400, 401, 403, 404, 405, 406, 415}
MOST_GROWN = 2**25  # bytes


async def ask(server: Running, requests: list[Request], statuses: set[int]) -> list[str]:
    """What was wrong with the answers, whose statuses are noted."""
    port = int(server.url.rpartition(":")[2])
    left = iter(requests)
    found: list[str] = []

    async def one_after_the_other() -> None:
        for request in left:
            answer = await answered(port, request)
            if answer is None:
                continue
            statuses.add(answer.status)
            if fault := fault_of(answer, request.text):
                found.append(f"{fault}: {request.text!r} {answer}")

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return found


async def test_whatever_is_sent_is_answered_as_it_should(
    server: Running, is_soak: bool, caplog: pytest.LogCaptureFixture
) -> None:
    await server.experiment()
    asker = Asker(Random(7))  # noqa: S311  # the same requests every time
    half = (TIMES_WHEN_SOAKING if is_soak else TIMES) // 2
    tasks, statuses = asyncio.all_tasks(), set[int]()

    first = await ask(server, [asker.request() for _ in range(half)], statuses)
    before = resident()
    second = await ask(server, [asker.request() for _ in range(half)], statuses)
    await eventually(lambda: is_at_rest(server) and asyncio.all_tasks() == tasks)
    grown = resident() - before

    assert first + second == []
    assert statuses >= ALL_SORTS
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []
    assert await is_well(server)
    assert grown < MOST_GROWN
    assert asyncio.all_tasks() == tasks
