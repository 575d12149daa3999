"""What a bandit loses while it learns, beside a sampler that redraws for every user from posteriors
of that moment and gives each arm the same least share."""

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.analysis.thompson import usual_floor
from tests.domain.casino import Casino

USERS, EACH_MINUTE = 20_000, 200
ARMS = [(0.10, 0.12), (0.10, 0.11, 0.12), (0.08, 0.09, 0.10, 0.11, 0.12)]


async def lost_by_ours(rates: NDArray[np.float64], chance: np.random.Generator) -> float:
    casino, arms = Casino(), len(rates)
    experiment = casino.started(weights={f"arm-{place}": 1 / arms for place in range(arms)})
    weights: NDArray[np.float64] = np.full(arms, 1 / arms)
    users, converted = np.zeros(arms, int), np.zeros(arms, int)
    phase, lost = 1, 0.0
    for _ in range(USERS // EACH_MINUTE):
        if casino.memory.experiments[experiment.id].phase > phase:
            phase, users, converted = phase + 1, users * 0, converted * 0
        new = chance.multinomial(EACH_MINUTE, weights / weights.sum())
        users, converted = users + new, converted + chance.binomial(new, rates)
        lost += float(new @ (rates.max() - rates))
        casino.sees(experiment, *zip(converted.tolist(), users.tolist(), strict=True))
        weights = np.array(await casino.adapts(experiment))
    return lost


def lost_by_an_ideal_one(
    rates: NDArray[np.float64], runs: int, chance: np.random.Generator
) -> float:
    arms, places = len(rates), np.arange(runs)
    successes, failures, lost = np.ones((runs, arms)), np.ones((runs, arms)), np.zeros(runs)
    for _ in range(USERS):
        best = chance.beta(successes, failures).argmax(axis=1)
        is_free = chance.random(runs) < arms * usual_floor(arms)
        drawn = np.where(is_free, chance.integers(arms, size=runs), best)
        converts = chance.random(runs) < rates[drawn]
        successes[places, drawn] += converts
        failures[places, drawn] += ~converts
        lost += rates.max() - rates[drawn]
    return float(lost.mean())


@pytest.mark.parametrize("rates", ARMS, ids=["2 arms", "3 arms", "5 arms"])
async def test_it_loses_hardly_more_than_an_ideal_sampler(
    rates: tuple[float, ...], is_soak: bool
) -> None:
    chance, runs = np.random.default_rng(20261121), 200 if is_soak else 20
    true = np.array(rates)

    ours = np.mean([await lost_by_ours(true, chance) for _ in range(runs)])

    assert ours <= 1.3 * lost_by_an_ideal_one(true, 200, chance)
