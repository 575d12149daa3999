"""Simulated A/A tests, stopped at the first of many looks that is significant."""

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.analysis.comparison import difference, effect, gate, log_difference
from domain.analysis.sequential import anytime, half_width, rho_squared
from domain.metrics import EffectScale, MetricAggregation
from tests.domain.analysis.arms import pair_of
from tests.domain.analysis.populations import (
    COUNTS,
    PER_EVENT,
    SPENDING,
    Floats,
    Population,
    rate,
    sums_of,
)

EXPERIMENTS = 10_000
CHUNK = 500  # experiments drawn at a time
USERS = 10_000  # of each arm, at the last look
HORIZONS = (500, 5_000, 20_000)
POPULATIONS = {
    "rate 1%": rate(0.01),
    "rate 5%": rate(0.05),
    "rate 30%": rate(0.3),
    "sum": SPENDING,
    "count": COUNTS,
    "per event": PER_EVENT,
}

Looks = NDArray[np.bool_]


def _users(looks: int) -> Floats:
    """In each arm at each look."""
    return np.linspace(USERS / looks, USERS, looks)


def _drawn(population: Population, looks: int, generator: np.random.Generator) -> Floats:
    """The sums by arm, experiment and look."""
    new = population.drawn(generator, (2, CHUNK, looks), USERS // looks)
    return new.cumsum(axis=2)


def _shown(population: Population, sums: Floats, scale: EffectScale) -> Looks:
    """The gate, at all looks at once."""
    users, relative = _users(sums.shape[2]), scale is EffectScale.RELATIVE
    if population.aggregation is MetricAggregation.BINARY:
        fewest = np.minimum(sums[..., 0], users - sums[..., 0])
        enough = (fewest >= 25) & (relative | (users >= 100))
    else:
        mean, u = population.moments(users, sums)
        enough = (users >= 100) & ((not relative) | (mean >= 5 * np.sqrt(u)))
    shown: Looks = np.logical_and(enough[0], enough[1])
    return shown


def _significant(population: Population, sums: Floats, scale: EffectScale, horizon: float) -> Looks:
    users = _users(sums.shape[2])
    with np.errstate(divide="ignore", invalid="ignore"):  # before the gate
        (control, treatment), (control_u, treatment_u) = population.moments(users, sums)
        if scale is EffectScale.RELATIVE:
            theta, error = log_difference(control, treatment, control_u, treatment_u)
        else:
            theta, error = difference(control, treatment, control_u, treatment_u)
        half = half_width(error, 2 * users * rho_squared(0.05, horizon), 0.05)
        significant: Looks = _shown(population, sums, scale) & (np.abs(theta) > half)
    return significant


def _ever(name: str, looks: int) -> dict[tuple[EffectScale, int], int]:
    """Experiments that are significant at some look."""
    generator = np.random.default_rng(1)
    found = dict.fromkeys(product(EffectScale, HORIZONS), 0)
    for _ in range(EXPERIMENTS // CHUNK):
        sums = _drawn(POPULATIONS[name], looks, generator)
        for scale, horizon in found:
            significant = _significant(POPULATIONS[name], sums, scale, horizon)
            found[scale, horizon] += int(significant.any(axis=1).sum())
    return found


OFTEN = ("rate 5%", "sum", "count", "per event")


@pytest.mark.parametrize(("name", "looks"), [*product(POPULATIONS, [20]), *product(OFTEN, [500])])
def test_at_most_5_percent_are_ever_significant(name: str, looks: int) -> None:
    found = _ever(name, looks)

    assert min(found.values()) > 0
    assert max(found.values()) <= 0.05 * EXPERIMENTS


@pytest.mark.parametrize("scale", EffectScale)
@pytest.mark.parametrize("name", POPULATIONS)
def test_the_simulated_looks_are_those_of_one_experiment(name: str, scale: EffectScale) -> None:
    population = POPULATIONS[name]
    sums = _drawn(population, 20, np.random.default_rng(1))[:, :100]
    expected = _significant(population, sums, scale, 500)

    for experiment, look in product(range(100), range(20)):
        arms = [sums_of(500 * (look + 1), sums[arm, experiment, look]) for arm in (0, 1)]
        pair = pair_of(arms[0], arms[1], population.aggregation)
        estimate = effect(pair, scale)
        assert estimate is not None
        inference = anytime(estimate, 1_000 * (look + 1) * rho_squared(0.05, 500), 0.05)
        shown = gate(pair, population.aggregation, scale) is None
        assert (shown and inference.p < 0.05) == expected[experiment, look]
