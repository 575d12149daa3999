"""Users whose value is one of a few whole numbers, drawn by the thousand."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from domain.analysis.sums import Sums
from domain.metrics import MetricAggregation

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    aggregation: MetricAggregation
    chances: tuple[float, ...]
    values: tuple[int, ...]
    events: tuple[int, ...] = ()

    @property
    def mean(self) -> float:
        per_user = np.dot(self.chances, self.values)
        if self.aggregation is MetricAggregation.MEAN:
            return float(per_user / np.dot(self.chances, self.events))
        return float(per_user)

    def drawn(self, generator: np.random.Generator, shape: tuple[int, ...], users: int) -> Floats:
        """Σx, Σx², Σd, Σd² and Σxd of as many groups of users as the shape has places."""
        x = np.array(self.values, dtype=np.float64)
        d = np.array(self.events or [0] * len(x), dtype=np.float64)
        counts = generator.multinomial(users, self.chances, shape).astype(np.float64)
        sums: Floats = counts @ np.stack([x, x * x, d, d * d, x * d], axis=1)
        return sums

    def moments(self, users: Floats, sums: Floats) -> tuple[Floats, Floats]:
        """The mean and its squared standard error, as arm() has them."""
        x, squares, d, event_squares, cross = np.moveaxis(sums, -1, 0)
        if self.aggregation is MetricAggregation.BINARY:
            return x / users, x * (users - x) / users**3
        if self.aggregation is not MetricAggregation.MEAN:
            return x / users, (squares - x * x / users) / (users - 1) / users
        ratio = x / d
        left = squares - 2 * ratio * cross + ratio**2 * event_squares
        return ratio, left / (users - 1) / (d / users) ** 2 / users


def sums_of(users: int, sums: Floats | NDArray[np.int64]) -> Sums:
    total, squares, events, event_squares, cross = (Decimal(each) for each in sums.tolist())
    return Sums(
        users=users,
        total=total,
        squares=squares,
        events=events,
        event_squares=event_squares,
        cross=cross,
    )


def rate(chance: float) -> Population:
    return Population(
        aggregation=MetricAggregation.BINARY, chances=(1 - chance, chance), values=(0, 1)
    )


SPENDING = Population(
    aggregation=MetricAggregation.SUM,
    chances=(0.9, 0.04, 0.03, 0.02, 0.008, 0.002),
    values=(0, 5, 10, 30, 100, 400),
)
COUNTS = Population(
    aggregation=MetricAggregation.COUNT,
    chances=(0.5, 0.25, 0.15, 0.07, 0.03),
    values=(0, 1, 2, 4, 9),
)
PER_EVENT = Population(
    aggregation=MetricAggregation.MEAN,
    chances=(0.4, 0.2, 0.1, 0.15, 0.1, 0.05),
    values=(0, 3, 12, 10, 9, 60),
    events=(0, 1, 1, 2, 3, 5),
)
MORE_PER_EVENT = replace(PER_EVENT, chances=(0.35, 0.15, 0.15, 0.2, 0.1, 0.05))
