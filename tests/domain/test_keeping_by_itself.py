"""How results are kept when nobody says what has changed, or something is wrong with one."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest
from anyio.lowlevel import checkpoint

from domain.experiments import Experiment
from domain.snapshots import Snapshot
from tests.domain.stored import arm
from tests.domain.test_keeping import LEVEL, WINS, Server
from tests.factories import NOON


@pytest.fixture
def server() -> Server:
    return Server()


async def runs(server: Server, after: float = 0) -> list[int]:
    """By itself, as it begins and then so many minutes later."""
    task = asyncio.create_task(server.keeper.run())
    await settled()
    server.now += timedelta(minutes=after)
    await settled()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return [one.number for one in server.snapshots.held]


async def settled() -> None:
    for _ in range(50):
        await checkpoint()


async def test_it_begins_with_all_that_runs(server: Server) -> None:
    experiment = server.started(days=1)

    await runs(server)

    assert [one.experiment_id for one in server.snapshots.held] == [experiment.id]


async def test_what_time_alone_makes_true_is_found_within_the_hour(server: Server) -> None:
    experiment = server.started(days=7 - 1 / 48)
    server.sees(experiment, WINS)

    assert await runs(server, after=60) == [1, 2]

    before, found = server.snapshots.held
    assert (before.standing, before.revision) == ({}, found.revision)
    assert [held["kind"] for held in found.standing.values()] == ["ship"]
    assert (found.taken_at, found.is_kept) == (NOON + timedelta(hours=1), True)


@pytest.mark.parametrize(("minutes", "looks"), [(59, 1), (60, 2)])
async def test_without_data_it_is_looked_at_once_an_hour(
    server: Server, minutes: float, looks: int
) -> None:
    experiment = server.started(days=1)
    server.sees(experiment, LEVEL)

    await runs(server, after=minutes)

    assert server.sums.looks == looks


def broken(server: Server) -> Experiment:
    """What is kept of it cannot be read."""
    experiment = server.started(name="broken", days=1)
    variant = arm(server.memory, experiment, "b")
    server.snapshots.held.append(
        Snapshot(
            experiment_id=experiment.id,
            number=41,
            taken_at=NOON,
            revision=1,
            status=experiment.status,
            active=[],
            sums=[],
            fixed=None,
            standing={str(variant.id): {"kind": "unheard of", "reason": ""}},
            alarmed=False,
            clocks={},
            is_kept=True,
        )
    )
    return experiment


async def test_one_that_cannot_be_evaluated_does_not_keep_the_others_from_it(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    bad, sound = broken(server), server.started(days=1)

    assert await server.keeps(noticed=[bad, sound]) == [41, 1]
    server.sees(sound, WINS)
    assert await server.keeps(after=15, noticed=[bad, sound]) == [41, 1, 2]

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", f"the results of {bad.id} could not be kept: tried again later")
    ] * 2
    assert all(record.exc_info for record in caplog.records)


async def test_one_that_cannot_be_evaluated_is_not_tried_more_often_than_others(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    experiment = broken(server)

    for _ in range(24):
        await server.keeps(after=5 / 60, noticed=[experiment])

    assert len(caplog.records) == 2


async def test_it_goes_on_though_one_cannot_be_evaluated(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    broken(server)

    await runs(server, after=60)

    assert len(caplog.records) == 2
