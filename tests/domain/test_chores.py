"""What goes wrong once is tried again, and told of if it is worth telling."""

import asyncio
from contextlib import suppress

import pytest

from domain.chores import forever
from domain.errors import Unavailable


class Chore:
    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.done = asyncio.Event()

    async def __call__(self) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.done.set()


async def until_done(chore: Chore) -> None:
    task = asyncio.create_task(forever(chore, 0, "the floor could not be swept"))
    async with asyncio.timeout(10):
        await chore.done.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_it_goes_on_after_a_fault_and_tells_of_it(caplog: pytest.LogCaptureFixture) -> None:
    await until_done(Chore(ValueError("dust"), ValueError("more dust")))

    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert told == [("ERROR", "the floor could not be swept: tried again later")] * 2


async def test_an_outage_is_told_of_by_others(caplog: pytest.LogCaptureFixture) -> None:
    await until_done(Chore(Unavailable()))

    assert [record for record in caplog.records if record.levelname != "DEBUG"] == []
