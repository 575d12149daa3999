"""Which of several independent quantities is best: integrals over one line, by Gauss-Legendre
panels that follow the quantities themselves. No random draws, so the same input gives the same
bytes out."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from domain.metrics import MetricDirection

Floats: TypeAlias = NDArray[np.float64]
_Join: TypeAlias = Callable[[Floats, Floats], Floats]

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Density, distribution and survival of every arm (rows) at the nodes (columns)."""

    weights: Floats
    density: Floats
    below: Floats
    above: Floats

    def facing(self, direction: MetricDirection) -> "Curves":
        """With `below` the probability of being worse than the node."""
        if direction is MetricDirection.INCREASE:
            return self
        return Curves(
            weights=self.weights, density=self.density, below=self.above, above=self.below
        )


def panels(edges: Floats) -> tuple[Floats, Floats]:
    """The 64 nodes between each two neighbours among the edges, and their weights."""
    distinct = np.unique(edges)
    half = np.diff(distinct)[:, None] / 2
    middle = (distinct[1:] + distinct[:-1])[:, None] / 2
    return (middle + half * _POINTS).ravel(), (half * _WEIGHTS).ravel()


def chances_to_be_best(curves: Curves, direction: MetricDirection) -> tuple[float, ...]:
    facing = curves.facing(direction)
    others_worse = _without_each(facing.below, np.multiply, np.ones_like(facing.weights))
    return _floats((facing.density * others_worse) @ facing.weights)


def expected_losses(curves: Curves, direction: MetricDirection) -> tuple[float, ...]:
    facing = curves.facing(direction)
    some_better = _without_each(facing.above, _either, np.zeros_like(facing.weights))
    return _floats((facing.below * some_better) @ facing.weights)


def _without_each(rows: Floats, join: _Join, neutral: Floats) -> Floats:
    """Row i joins all rows but i. From both ends, because dividing row i out would fail at 0."""
    before = accumulate(rows[:-1], join, initial=neutral)
    after = [*accumulate(rows[:0:-1], join, initial=neutral)][::-1]
    return np.array([join(left, right) for left, right in zip(before, after, strict=True)])


def _either(one: Floats, other: Floats) -> Floats:
    """P(one or other), with the digits that 1 - (1 - one)(1 - other) loses when both are small."""
    return one + other * (1.0 - one)


def _floats(values: Floats) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
