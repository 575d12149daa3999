"""All who follow an experiment, held against a simple model. Time passes by itself."""

import asyncio
import random
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from domain.analysis.results import ExperimentResults
from domain.experiments import Experiment, ExperimentStatus
from tests.fake_live import Follower, World, seconds, timeless


@dataclass
class Model:
    """What has become true, and when; of each follower what it has to show for it."""

    world: World
    experiment: Experiment
    moves: list[tuple[float, int]] = field(default_factory=list)
    turns: list[tuple[float, int]] = field(default_factory=list)
    users: int = 0

    @property
    def revision(self) -> int:
        return self.world.memory.experiments[self.experiment.id].version + 2 * self.users

    def count(self) -> None:
        self.users += 1
        self.world.sees(self.experiment, self.users)
        self.moves.append((seconds(), self.revision))

    def turn(self) -> None:
        is_active = len(self.turns) % 2
        status = ExperimentStatus.ACTIVE if is_active else ExperimentStatus.PAUSED
        self.world.change(self.experiment, status=status)
        self.moves.append((seconds(), self.revision))
        self.turns.append((seconds(), self.revision))


Stats = Follower[ExperimentResults]


def too_early(follower: Stats) -> list[tuple[float, float]]:
    """Values that followed another within the interval, though nothing was urgent."""
    shown = zip(follower.times, follower.values, strict=True)
    return [
        (at, later)
        for (at, before), (later, after) in pairwise(shown)
        if later - at < follower.following.interval - 1e-6
        and before.experiment.status is after.experiment.status
    ]


def unseen(follower: Stats, moves: list[tuple[float, int]], within: float) -> list[float]:
    """Since it came, what was not shown in time."""
    shown = list(zip(follower.times, follower.values, strict=True))
    return [
        at
        for at, revision in moves
        if at > follower.came
        and not any(
            value.revision >= revision and follower.came + time <= at + within
            for time, value in shown
        )
    ]


SLOWEST_LOOK = 0.05


@pytest.mark.parametrize("seed", range(25))
@timeless
async def test_whatever_happens_everybody_sees_it_in_time_and_at_their_pace(seed: int) -> None:
    dice, world = random.Random(seed), World()  # noqa: S311
    model, followers = Model(world, world.started()), []
    async with world:
        for _ in range(100):
            world.pulses.takes = dice.uniform(0, SLOWEST_LOOK)
            await asyncio.sleep(dice.choice([0.001, 0.1, 0.3, 1.0]) * dice.uniform(0.5, 1.5))
            happens = dice.random()
            if happens < 0.1:
                pace = dice.choice([200, 333, 1000, 2500])
                followers.append(await world.stats(model.experiment, pace))
            elif happens < 0.15:
                await asyncio.sleep(1.2)
                model.turn()
                await asyncio.sleep(1.2)
            elif happens < 0.8:
                model.count()
        await asyncio.sleep(6)

    slack = 2 * SLOWEST_LOOK
    assert followers
    for follower in followers:
        assert follower.times[0] <= 3 * SLOWEST_LOOK
        assert too_early(follower) == []
        assert unseen(follower, model.moves, 2 * follower.following.interval + slack) == []
        assert unseen(follower, model.turns, 1 + slack) == []
        assert follower.values[-1].revision == model.revision
