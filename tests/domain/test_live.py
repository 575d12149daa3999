"""What those get who follow an experiment, and how often it is looked at. Time passes by itself."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest

from domain.experiments import ExperimentStatus
from tests.factories import NOON
from tests.fake_live import World, seconds, timeless
from tests.sums import make_snapshot

FIXED = {"reached_at": NOON.isoformat(), "taken_at": NOON.isoformat(), "inferences": []}


@pytest.fixture
def world() -> World:
    return World()


@timeless
async def test_the_first_value_comes_at_once_and_a_change_after_the_interval(world: World) -> None:
    experiment = world.started()
    follower = await world.stats(experiment, 1000)
    await asyncio.sleep(0.3)
    world.sees(experiment, 5)
    await asyncio.sleep(5)

    assert [value.total_assignments for value in follower.values] == [0, 10]
    assert follower.times == [0, 1]


@timeless
async def test_where_nothing_moves_nothing_comes(world: World) -> None:
    follower = await world.stats(world.started(), 200)
    await asyncio.sleep(60)

    assert len(follower.values) == 1
    assert world.results.worked_out == [follower.values[0].experiment.id]


@timeless
async def test_of_many_changes_one_comes_in_an_interval_and_the_last_is_not_lost(
    world: World,
) -> None:
    experiment = world.started()
    follower = await world.stats(experiment, 1000)
    for users in range(1, 36):
        await asyncio.sleep(0.1)
        world.sees(experiment, users)
    await asyncio.sleep(2)

    assert [later - earlier for earlier, later in pairwise(follower.times)] == pytest.approx(
        [1] * 4
    )
    assert follower.values[-1].total_assignments == 70


@timeless
async def test_a_lifecycle_change_comes_within_a_second_however_slow_the_pace(
    world: World,
) -> None:
    experiment = world.started()
    follower = await world.stats(experiment, 60_000)
    await asyncio.sleep(1.5)
    world.change(experiment, status=ExperimentStatus.PAUSED)
    await asyncio.sleep(1)

    first, second = follower.values
    assert first.experiment.status is ExperimentStatus.ACTIVE
    assert second.experiment.status is ExperimentStatus.PAUSED
    assert follower.following.taken is not None
    assert follower.following.taken.is_urgent


@pytest.mark.parametrize("status", [ExperimentStatus.COMPLETED, ExperimentStatus.ARCHIVED])
@timeless
async def test_what_is_over_ends_with_its_last_value(
    world: World, status: ExperimentStatus
) -> None:
    experiment = world.started()
    follower = await world.stats(experiment, 60_000)
    await asyncio.sleep(1.5)
    world.sees(experiment, 5)
    world.change(experiment, status=status)
    await asyncio.sleep(1)

    assert [value.total_assignments for value in follower.values] == [0, 10]
    assert follower.values[-1].experiment.status is status
    assert follower.is_over


@timeless
async def test_what_was_archived_though_its_last_snapshot_says_otherwise_ends_too(
    world: World,
) -> None:
    experiment = world.started(status=ExperimentStatus.ARCHIVED)
    world.snapshots.held.append(make_snapshot(experiment_id=experiment.id))

    follower = await world.stats(experiment)
    await asyncio.sleep(1)

    assert len(follower.values) == 1
    assert follower.is_over


@timeless
async def test_what_is_deleted_ends_without_a_value(world: World) -> None:
    experiment = world.started()
    stats, edits = await world.stats(experiment), await world.edits(experiment)
    await asyncio.sleep(1.5)
    del world.memory.experiments[experiment.id]
    await asyncio.sleep(2)

    assert (len(stats.values), len(edits.values)) == (1, 1)
    assert stats.is_over
    assert edits.is_over


@timeless
async def test_edits_come_and_do_not_end_with_the_experiment(world: World) -> None:
    experiment = world.started(description="Fewer steps")
    follower = await world.edits(experiment)
    for changes in ({"description": "None"}, {"status": ExperimentStatus.COMPLETED}):
        await asyncio.sleep(1)
        world.change(experiment, **changes)
    world.sees(experiment, 5)
    await asyncio.sleep(1)

    assert [one.description for one in follower.values] == ["Fewer steps", "None", "None"]
    assert follower.values[-1].status is ExperimentStatus.COMPLETED
    assert not follower.is_over
    assert world.results.worked_out == []


@timeless
async def test_a_snapshot_that_changes_no_result_is_not_sent_but_a_fixed_look_is(
    world: World,
) -> None:
    experiment = world.started(minimum_sample_size=1)
    world.sees(experiment, 5)
    follower = await world.stats(experiment, 1000)
    await asyncio.sleep(1.5)
    world.snapshots.held.append(make_snapshot(experiment_id=experiment.id))
    await asyncio.sleep(3)
    assert len(follower.values) == 1

    fixed = make_snapshot(experiment_id=experiment.id, number=2, fixed=FIXED, alarmed=True)
    world.snapshots.held.append(fixed)
    await asyncio.sleep(3)

    first, second = follower.values
    assert first.revision == second.revision
    assert replace(second, as_of=first.as_of) != first


@timeless
async def test_who_hurries_gets_the_present_value_again_as_the_same_edition(world: World) -> None:
    follower = await world.stats(world.started(), 60_000)
    await asyncio.sleep(3)
    follower.following.hurry(seconds())
    await asyncio.sleep(0.1)

    assert follower.times == [0, 3]
    taken = follower.following.taken
    assert taken is not None
    assert (taken.number, taken.looked_at, taken.is_urgent) == (1, seconds() - 0.1, False)


@timeless
async def test_who_comes_while_a_look_is_under_way_is_given_a_newer_one(world: World) -> None:
    follower = await world.stats(world.started(), 60_000)
    await asyncio.sleep(3)
    world.pulses.takes = 0.5
    follower.following.hurry(seconds())
    await asyncio.sleep(0.2)
    follower.following.hurry(joined_at := seconds())
    await asyncio.sleep(2)

    taken = follower.following.taken
    assert taken is not None
    assert taken.looked_at > joined_at
    assert not follower.following.is_called
