"""Unbiased means of a bandit's arms: augmented inverse propensity weighting, from sums kept per
epoch and arm. The plain means are biased, because an arm that starts unlucky gets less traffic."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

_Floats: TypeAlias = NDArray[np.float64]
_ONE = 1 + 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Epochs:
    """By epoch and arm: what was fixed before the epoch (each arm's propensity, 0 where it had no
    part, and the mean it was expected to have), and what came of it. A cell is (n, Σx, Σx²), on the
    last axis. `users` counts all users of the epoch."""

    users: _Floats
    propensities: _Floats
    plug_ins: _Floats
    cells: _Floats

    def __post_init__(self) -> None:
        shape = (*self.users.shape, self.propensities.shape[-1])
        if not self.propensities.shape == self.plug_ins.shape == self.cells.shape[:-1] == shape:
            raise ValueError("an epoch has one propensity, plug-in mean and cell for each arm")
        if not ((self.propensities >= 0).all() and (self.propensities.sum(axis=1) < _ONE).all()):
            raise ValueError("propensities are the chances of the arms of an epoch")
        if (self.cells[..., 0].sum(axis=1) > self.users).any():
            raise ValueError("the arms of an epoch have more users than the epoch")

    def of(self, arms: Sequence[int]) -> "Epochs":
        """With these arms alone, and only while all of them had a part and users came."""
        known = (self.propensities[:, arms] > 0).all(axis=1) & (self.users > 0)
        return Epochs(
            users=self.users[known],
            propensities=self.propensities[known][:, arms],
            plug_ins=self.plug_ins[known][:, arms],
            cells=self.cells[known][:, arms],
        )


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


def estimates(epochs: Epochs) -> Estimates | None:
    """Of arms that had a part in all of the epochs; None before the first user."""
    users = np.array(epochs.users.sum())
    if users == 0:
        return None
    sums, products = score_sums(epochs.users, epochs.propensities, epochs.plug_ins, epochs.cells)
    means, covariance = means_and_covariance(users, sums.sum(axis=0), products.sum(axis=0))
    return Estimates(
        users=int(users),
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


def lambda_at_first_look(rho_squared: float, variance: float, users: int) -> float | None:
    """The rate of the information clock, stored once, at the first look where both arms pass the
    gate. None where nothing has varied."""
    if users == 0 or variance == 0:
        return None
    return rho_squared / (variance * users)


def information(rate: float, variance: float, users: int) -> float | None:
    """The r of the always-valid formulas, in place of N·ρ². None where nothing varies."""
    return rate * variance * users**2 or None


def _variances(of: Estimates, treatment: int, control: int) -> tuple[float, float, float]:
    """Of the treatment and of the control, and what they share."""
    own, other = of.covariance[treatment], of.covariance[control]
    return own[treatment], other[control], own[control]


def _of_difference(own: float, other: float, shared: float) -> float:
    """Rounding must not make it negative."""
    return max(0.0, own + other - 2 * shared)
