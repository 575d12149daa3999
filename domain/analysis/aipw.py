"""Unbiased means of a bandit's arms: augmented inverse propensity weighting, from sums kept per
epoch and arm. The plain means are biased, because an arm that starts unlucky gets less traffic."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

_Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Of the users that one arm got in one epoch: how many, Σx and Σx²."""

    users: int
    total: float
    squares: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What was fixed before the epoch (each arm's propensity, which is positive, and the mean it
    was expected to have) and what came of it. `users` counts all users of the epoch."""

    users: int
    propensities: tuple[float, ...]
    plug_ins: tuple[float, ...]
    cells: tuple[Cell, ...]

    def __post_init__(self) -> None:
        if not len(self.propensities) == len(self.plug_ins) == len(self.cells):
            raise ValueError("an epoch has one propensity, plug-in mean and cell for each arm")
        if not (min(self.propensities) > 0 and sum(self.propensities) < 1 + 1e-9):
            raise ValueError(f"{self.propensities} are not the positive chances of the arms")
        if sum(cell.users for cell in self.cells) > self.users:
            raise ValueError(f"the arms have more users than the {self.users} of their epoch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """Of all arms over the same users; `covariance` is that of the means."""

    users: int
    means: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """The variance is 0 only where nothing varied."""

    estimate: float
    variance: float


def binary_plug_in(conversions: int, users: int) -> float:
    """From all epochs before the one that will use it; the first epoch has 0."""
    return (conversions + 0.5) / (users + 1)


def estimates(epochs: Sequence[Epoch]) -> Estimates | None:
    """None before the first user."""
    users = sum(epoch.users for epoch in epochs)
    if users == 0:
        return None
    sums, products = score_sums(
        np.array([epoch.users for epoch in epochs], dtype=np.float64),
        np.array([epoch.propensities for epoch in epochs], dtype=np.float64),
        np.array([epoch.plug_ins for epoch in epochs], dtype=np.float64),
        np.array([[_numbers(cell) for cell in epoch.cells] for epoch in epochs], dtype=np.float64),
    )
    means, covariance = means_and_covariance(
        np.array(users, dtype=np.float64), sums.sum(axis=0), products.sum(axis=0)
    )
    return Estimates(
        users=users,
        means=tuple(means.tolist()),
        covariance=tuple(tuple(row) for row in covariance.tolist()),
    )


def score_sums(
    users: _Floats, propensities: _Floats, plug_ins: _Floats, cells: _Floats
) -> tuple[_Floats, _Floats]:
    """Σ Γ_j and Σ Γ_i·Γ_j over the users of each epoch, to be added up, where a user's score for
    arm j is Γ_j = m_j + 1{arm = j}(x - m_j)/e_j. A cell is (n, Σx, Σx²), on the last axis."""
    count, total, squares = np.moveaxis(cells, -1, 0)
    first = (total - count * plug_ins) / propensities
    second = (squares - 2 * plug_ins * total + count * plug_ins**2) / propensities**2
    sums = users[..., None] * plug_ins + first
    cross = plug_ins[..., :, None] * first[..., None, :]
    alone = second[..., None] * np.eye(plug_ins.shape[-1])
    promised = plug_ins[..., :, None] * (users[..., None] * plug_ins)[..., None, :]
    return sums, promised + cross + np.swapaxes(cross, -1, -2) + alone


def means_and_covariance(
    users: _Floats, sums: _Floats, products: _Floats
) -> tuple[_Floats, _Floats]:
    """Of the arms, from the scores of all epochs. Axes before the arms' are looks or runs."""
    size = users[..., None]
    means = sums / size
    outer = means[..., :, None] * means[..., None, :]
    return means, (products / size[..., None] - outer) / size[..., None]


def absolute_contrast(of: Estimates, treatment: int, control: int) -> Contrast:
    variances = _variances(of, treatment, control)
    return Contrast(
        estimate=of.means[treatment] - of.means[control], variance=_of_difference(*variances)
    )


def relative_contrast(of: Estimates, treatment: int, control: int) -> Contrast | None:
    """Of the logarithms; None unless both means are positive."""
    treated, untreated = of.means[treatment], of.means[control]
    if min(treated, untreated) <= 0:
        return None
    own, other, shared = _variances(of, treatment, control)
    relative = own / treated**2, other / untreated**2, shared / (treated * untreated)
    return Contrast(
        estimate=math.log(treated) - math.log(untreated), variance=_of_difference(*relative)
    )


def lambda_at_first_look(rho_squared: float, contrast: Contrast, users: int) -> float | None:
    """The rate of the information clock, stored once, at the first look where both arms pass the
    gate. None where nothing has varied."""
    if users == 0 or contrast.variance == 0:
        return None
    return rho_squared / (contrast.variance * users)


def information(rate: float, contrast: Contrast, users: int) -> float | None:
    """The r of the always-valid formulas, in place of N·ρ². None where nothing varies."""
    return rate * contrast.variance * users**2 or None


def _numbers(cell: Cell) -> tuple[int, float, float]:
    return cell.users, cell.total, cell.squares


def _variances(of: Estimates, treatment: int, control: int) -> tuple[float, float, float]:
    """Of the treatment and of the control, and what they share."""
    own, other = of.covariance[treatment], of.covariance[control]
    return own[treatment], other[control], own[control]


def _of_difference(own: float, other: float, shared: float) -> float:
    """Rounding must not make it negative."""
    return max(0.0, own + other - 2 * shared)
