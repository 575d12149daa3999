"""When the clocks of a bandit are kept."""

import pytest

from domain.analysis.results import Inference
from domain.experiments import AllocationMode, Experiment
from tests.domain.test_keeping import LEVEL, Server


@pytest.fixture
def server() -> Server:
    return Server()


async def judged(server: Server, experiment: Experiment) -> Inference | None:
    """What is shown of it at every look."""
    found = await server.results.present(experiment.project_id, [experiment.id])
    return found[experiment.id].metrics[0].comparisons[0].relative.anytime


async def test_a_clock_that_begins_is_kept_at_once_and_handed_on(server: Server) -> None:
    experiment = server.started(days=1, allocation=AllocationMode.THOMPSON)
    server.sees(experiment, ((4, 40), (4, 40)))
    await server.keeps(noticed=[experiment])
    server.sees(experiment, LEVEL)

    assert await server.keeps(after=1, noticed=[experiment]) == [1, 2]

    server.sees(experiment, ((50, 500), (51, 500)))
    assert await server.keeps(after=15, noticed=[experiment]) == [1, 2, 3]
    before, begun, later = server.snapshots.held
    assert (before.clocks, len(begun.clocks), begun.is_kept) == ({}, 2, True)
    assert (later.clocks, later.is_kept) == (begun.clocks, False)


async def test_a_bandit_is_judged_in_between_by_the_clock_that_was_kept(server: Server) -> None:
    experiment = server.started(days=1, allocation=AllocationMode.THOMPSON)
    server.sees(experiment, LEVEL)

    unkept = await judged(server, experiment)
    await server.keeps(noticed=[experiment])
    server.sees(experiment, ((50, 500), (51, 500)))

    now = await judged(server, experiment)
    await server.keeps(after=15, noticed=[experiment])
    assert (unkept, now is None) == (None, False)
    assert await judged(server, experiment) == now
