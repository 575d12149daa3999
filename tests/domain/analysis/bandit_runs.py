"""Many bandits at once, of arms whose rates are told for each epoch."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from domain.analysis.aipw import means_and_covariance, score_sums
from domain.analysis.thompson import BURN_IN_USERS, usual_floor

Floats: TypeAlias = NDArray[np.float64]

EPOCH = 100
NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandits:
    """By run, epoch and arm."""

    propensities: Floats
    plug_ins: Floats
    cells: Floats


def estimates(held: Bandits) -> tuple[Floats, Floats]:
    """Means and covariances of each run after each epoch."""
    users = np.full(held.plug_ins.shape[:2], float(EPOCH))
    sums, products = score_sums(users, held.propensities, held.plug_ins, held.cells)
    seen = users.cumsum(axis=1)
    return means_and_covariance(seen, sums.cumsum(axis=1), products.cumsum(axis=1))


def steady(rates: tuple[float, ...], epochs: int) -> Floats:
    return np.tile(rates, (epochs, 1))


def bandits(rng: np.random.Generator, rates: Floats, runs: int) -> Bandits:
    shape = (runs, *rates.shape)
    made = Bandits(
        propensities=np.empty(shape), plug_ins=np.zeros(shape), cells=np.empty((*shape, 3))
    )
    seen = np.zeros((2, runs, rates.shape[1]))
    for epoch, now in enumerate(rates):
        given = weights(*seen)
        users = rng.multinomial(EPOCH, given)
        converted = rng.binomial(users, now)
        made.propensities[:, epoch] = given
        made.plug_ins[:, epoch] = (seen[1] + 0.5) / (seen[0] + 1) if epoch else 0.0
        made.cells[:, epoch] = np.stack([users, converted, converted], axis=-1)
        seen += users, converted
    return made


def weights(users: Floats, converted: Floats) -> Floats:
    arms = users.shape[1]
    floor = usual_floor(arms)
    burning = users.min(axis=1, keepdims=True) < BURN_IN_USERS
    held: Floats = np.where(
        burning, 1 / arms, floor + (1 - arms * floor) * _chances(users, converted)
    )
    return held


def _chances(users: Floats, converted: Floats) -> Floats:
    """To be best, to two digits: beta posteriors are nearly normal on the scale of the arcsine."""
    angle = np.arcsin(np.sqrt((converted + 2 / 3) / (users + 4 / 3)))
    spread = 0.5 / np.sqrt(users + 2)
    nodes = (angle[..., None] + spread[..., None] * NODES)[:, :, None]
    below = ndtr((nodes - angle[:, None, :, None]) / spread[:, None, :, None])
    below[:, range(angle.shape[1]), range(angle.shape[1])] = 1.0
    chances = below.prod(axis=2) @ NODE_WEIGHTS
    best: Floats = chances / chances.sum(axis=1, keepdims=True)
    return best
