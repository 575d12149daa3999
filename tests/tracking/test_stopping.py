"""The server is told to end while everybody asks."""

import asyncio
import logging
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.graphql_api.serving import Serving, serving
from tests.persistence.servers import running
from tests.tracking.load import Call, Line, Unanswered, begun
from tests.tracking.reconciling import LIMIT, PATIENCE, Journal, losses
from tests.tracking.recounting import stored
from tests.tracking.shoppers import shoppers

logger = logging.getLogger(__name__)

CALLERS = 32
ANSWERS = 300


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_server_that_is_told_to_end_has_stored_all_that_it_answered(
    folder: Path, workers: str
) -> None:
    journal = Journal()
    async with serving("--workers", workers, ABGRAPH_DATA_DIR=folder) as server:
        await begun(server.url, "checkout")
        async with shoppers(CALLERS, (server.url,), journal, _until_it_is_gone):
            await journal.hears(ANSWERS)
            before = journal.acknowledged

            server.tell(signal.SIGTERM)
            began = time.monotonic()

            starved = await _gone(server)
            took = time.monotonic() - began
            said = "".join(server.lines)

    async with running(folder, durable=True) as url:
        held = await stored(url, "checkout")
    late = journal.acknowledged - before
    logger.info("%s; %s after the signal; %.1f s, starved %.1f s", journal, late, took, starved)
    assert server.process.returncode == 0
    assert took < LIMIT + starved
    assert losses(journal, held) == []
    assert "Traceback" not in said


async def _gone(server: Serving) -> float:
    """The seconds that it was ready to go on meanwhile and was given no processor."""
    before = latest = _starved(server)
    async with asyncio.timeout(PATIENCE):
        while server.process.poll() is None:
            with suppress(OSError):
                latest = _starved(server)
            await asyncio.sleep(0.01)
    return latest - before


def _starved(server: Serving) -> float:
    statistics = Path("/proc", str(server.process.pid), "schedstat").read_text()
    return int(statistics.split()[1]) / 1e9


async def _until_it_is_gone(journal: Journal, line: Line, call: Call) -> bool:
    try:
        answer = await line.ask(call.body)
    except Unanswered:
        journal.unanswered += 1
        return False
    if answer.status == 200:
        journal.note(call, answer.told)
    else:
        assert (answer.status, answer.codes) == (503, ["UNAVAILABLE"]), answer
        journal.unavailable += 1
    return True
