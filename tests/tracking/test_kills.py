"""A server or its database is killed under load: what was acknowledged is there, once."""

import logging
import os
import signal
from pathlib import Path

import pytest

from tests.graphql_api.serving import serving
from tests.persistence.servers import postmaster
from tests.tracking.load import begun
from tests.tracking.reconciling import Journal, faults, insist
from tests.tracking.recounting import stored
from tests.tracking.shoppers import shoppers

logger = logging.getLogger(__name__)

HEALED = "PostgreSQL was gone and has been started again"


class Storm:
    """How often, and how many answers in between."""

    def __init__(self, *, is_soak: bool) -> None:
        self.kills, self.answers, self.callers = (5, 3000, 40) if is_soak else (2, 300, 16)


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

    async with shoppers(storm.callers, (server.url,), journal, insist) as ended:
        for _ in range(storm.kills):
            async with serving("--port", port, ABGRAPH_DATA_DIR=folder) as server:
                await journal.hears(storm.answers)
                server.tell(signal.SIGKILL)
                await server.ends()
        async with serving("--port", port, ABGRAPH_DATA_DIR=folder):
            await journal.hears(storm.answers)
            await ended()
            held = await stored(_database(folder), "checkout")

    logger.info("%s", journal)
    assert journal.acknowledged > (storm.kills + 1) * storm.answers
    assert journal.unanswered >= storm.kills
    assert faults(journal, held) == []


async def test_nothing_acknowledged_is_lost_where_the_database_is_killed(
    folder: Path, storm: Storm
) -> None:
    journal = Journal()
    async with serving(ABGRAPH_DATA_DIR=folder) as server:
        await begun(server.url, "checkout")
        async with shoppers(storm.callers, (server.url,), journal, insist) as ended:
            for _ in range(storm.kills):
                await journal.hears(storm.answers)
                os.kill(postmaster(folder), signal.SIGKILL)
            await journal.hears(storm.answers)
            await ended()
        held = await stored(_database(folder), "checkout")
        healed = sum(HEALED in line for line in server.lines)

    logger.info("%s", journal)
    assert (healed, journal.unanswered) == (storm.kills, 0)
    assert faults(journal, held) == []


def _database(folder: Path) -> str:
    return f"postgresql://abgraph@/abgraph?host={folder}/run"
