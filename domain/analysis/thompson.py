"""Weights of a bandit, from each arm's chance to be best."""

from collections.abc import Sequence

import numpy as np

from domain.analysis.normal_effect import Normal
from domain.analysis.quadrature import Floats

BURN_IN_USERS = 100
_HIGHEST_USUAL_FLOOR = 0.05


def burning_in(users: Sequence[int]) -> bool:
    """Whether the weights stay equal because some arm has too few users to be judged."""
    return min(users) < BURN_IN_USERS


def posterior_of_mean(mean: float, variance: float, users: int) -> Normal | None:
    """None before the burn-in is over and where nothing varies yet."""
    if users < BURN_IN_USERS or not variance > 0:
        return None
    return Normal(mean=mean, variance=variance / users)


def usual_floor(arms: int) -> float:
    return min(_HIGHEST_USUAL_FLOOR, 1 / (2 * arms))


def weights(chances: Sequence[float], floor: float | None = None) -> tuple[float, ...]:
    """No arm gets less than the floor, which is from 0 to 1/k."""
    count = len(chances)
    least = usual_floor(count) if floor is None else floor
    if not 0 <= least * count <= 1:
        raise ValueError(f"a floor of {least} does not fit {count} arms")
    return tuple(least + (1 - count * least) * chance for chance in chances)


def top_two(chances: Sequence[float]) -> tuple[float, ...]:
    """The chance to be drawn where a coin decides between the best arm and the best of the others,
    so that a leader does not stop the search."""
    best = np.array(chances, dtype=np.float64)
    if len(best) == 1:
        return tuple(chances)
    drawn = best / 2 + best @ _second_best(best) / 2
    return tuple(float(chance) for chance in drawn)


def _second_best(best: Floats) -> Floats:
    """Row l: each arm's chance to be the best of all but l. The rest of the chances is summed, not
    subtracted from 1, and shared evenly where nothing of it is left."""
    others = np.where(np.eye(len(best), dtype=bool), 0.0, best)
    rest = others.sum(axis=1, keepdims=True)
    evenly = (1.0 - np.eye(len(best))) / (len(best) - 1)
    return np.where(rest > 0, others / np.where(rest > 0, rest, 1.0), evenly)
