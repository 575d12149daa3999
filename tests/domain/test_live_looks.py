"""How often what is followed is looked at, what that takes, and what may go wrong."""

import asyncio
import gc
import logging
from itertools import pairwise

import pytest

from domain.errors import InvalidInput, NotFound, Unavailable
from domain.experiments import ExperimentKey
from domain.following import Following
from tests.domain.stored import ELSEWHERE, HOME
from tests.fake_live import World, seconds, timeless
from tests.sums import make_snapshot


@pytest.fixture
def world() -> World:
    return World()


@timeless
async def test_results_are_worked_out_once_for_all_who_follow(world: World) -> None:
    experiment = world.started()
    followers = [await world.stats(experiment, 200 + each) for each in range(20)]
    await asyncio.sleep(1)
    assert len(world.results.worked_out) == 1

    world.sees(experiment, 5)
    await asyncio.sleep(1)

    assert world.results.worked_out == [experiment.id] * 2
    assert all(follower.values[-1].total_assignments == 10 for follower in followers)


@timeless
async def test_what_results_rest_on_is_read_again_where_the_version_or_a_snapshot_moved(
    world: World,
) -> None:
    experiment = world.started()
    await world.stats(experiment, 200)
    for users in (1, 2, 3):
        await asyncio.sleep(1)
        world.sees(experiment, users)
    await asyncio.sleep(1)
    assert world.results.loaded == [experiment.id]

    world.change(experiment, description="None")
    await asyncio.sleep(1)
    world.snapshots.held.append(make_snapshot(experiment_id=experiment.id))
    await asyncio.sleep(1)

    assert world.results.loaded == [experiment.id] * 3


@timeless
async def test_of_each_project_it_is_read_once(world: World) -> None:
    here, there = world.started(name="here"), world.started(name="there", project_id=ELSEWHERE)
    followings = [
        await world.live.stats(one.project_id, ExperimentKey(id=one.id), 1000)
        for one in (here, there)
    ]
    values = await asyncio.gather(*map(anext, followings))

    assert [value.experiment.id for value in values] == [here.id, there.id]
    assert sorted(world.results.loaded) == sorted([here.id, there.id])
    assert [count for _, count in world.pulses.looks] == [2]


@pytest.mark.parametrize(
    ("paces", "apart"),
    [([200], 0.2), ([60_000, 500], 0.5), ([60_000], 1.0)],
    ids=["the fastest there is", "of the fastest", "of the slowest"],
)
@timeless
async def test_it_is_looked_at_as_often_as_the_fastest_needs(
    world: World, paces: list[int], apart: float
) -> None:
    experiment = world.started()
    for pace in paces:
        await world.stats(experiment, pace)
    await asyncio.sleep(1)
    world.pulses.looks.clear()
    await asyncio.sleep(10)

    times = [at for at, _ in world.pulses.looks]
    assert [after - before for before, after in pairwise(times)] == pytest.approx(
        [apart] * (len(times) - 1)
    )
    assert len(times) >= 9


@timeless
async def test_nothing_is_looked_at_where_nobody_follows_and_nothing_is_left_of_who_left(
    world: World,
) -> None:
    await asyncio.sleep(10)
    assert world.pulses.looks == []
    follower = await world.stats(world.started(), 200)
    await asyncio.sleep(1)
    await follower.leave()
    looks = len(world.pulses.looks)
    await asyncio.sleep(10)

    assert len(world.pulses.looks) == looks
    del follower
    gc.collect()
    assert not [one for one in gc.get_objects() if isinstance(one, Following)]
    assert len(asyncio.all_tasks()) == BESIDES


BESIDES = 2  # the test and what looks


@timeless
async def test_without_the_store_those_fail_that_have_no_value_and_the_others_go_on(
    world: World,
) -> None:
    experiment = world.started()
    early = await world.stats(experiment, 200)
    await asyncio.sleep(1)
    world.pulses.fault = Unavailable()
    late = await world.stats(experiment, 200)
    await asyncio.sleep(5)
    assert isinstance(late.fault, Unavailable)
    assert early.fault is None

    world.pulses.fault = None
    world.sees(experiment, 5)
    await asyncio.sleep(2)

    assert [value.total_assignments for value in early.values] == [0, 10]


@timeless
async def test_while_the_store_is_away_it_is_asked_once_a_second(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    follower = await world.stats(world.started(), 200)
    await asyncio.sleep(1)
    world.pulses.fault = ZeroDivisionError()
    follower.following.hurry(seconds())
    begun = len(world.pulses.looks)
    await asyncio.sleep(10)

    assert len(world.pulses.looks) - begun == 10
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 10


@timeless
async def test_results_that_cannot_be_worked_out_end_their_own_streams_alone(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    bad, sound = world.started(name="bad"), world.started(name="sound")
    followers = [await world.stats(bad, 200), await world.stats(sound, 200)]
    await asyncio.sleep(1)
    world.results.broken = {bad.id}
    for experiment in (bad, sound):
        world.sees(experiment, 5)
    await asyncio.sleep(1)

    assert isinstance(followers[0].fault, ArithmeticError)
    assert [value.total_assignments for value in followers[1].values] == [0, 10]
    assert [record.getMessage() for record in caplog.records] == [
        f"the results of {bad.id} could not be worked out"
    ]


@timeless
async def test_at_the_end_everybody_gets_the_last_value_whatever_the_pace(world: World) -> None:
    moved, still = world.started(name="moved"), world.started(name="still")
    followers = [await world.stats(one, 60_000) for one in (moved, still)]
    await asyncio.sleep(1.5)
    world.sees(moved, 5)
    await world.live.finish()
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    first, second = followers
    assert [value.total_assignments for value in first.values] == [0, 10]
    assert [value.total_assignments for value in second.values] == [0]
    assert first.is_over
    assert second.is_over


@pytest.mark.parametrize("pace", [199, 60_001, 0, -1])
@timeless
async def test_a_pace_out_of_bounds_is_refused(world: World, pace: int) -> None:
    experiment = world.started()

    with pytest.raises(InvalidInput) as refused:
        await world.live.stats(HOME, ExperimentKey(id=experiment.id), pace)

    assert refused.value.path == ("interval_ms",)
    assert refused.value.message == f"is {pace}: it must be from 200 to 60000"


@timeless
async def test_of_another_project_there_is_nothing_to_follow(world: World) -> None:
    experiment = world.started()
    keys = (ExperimentKey(id=experiment.id), ExperimentKey(name=experiment.name))

    for key in keys:
        with pytest.raises(NotFound):
            await world.live.stats(ELSEWHERE, key, 1000)
        assert (await world.live.stats(HOME, key, 1000)).experiment == experiment.id
