"""How often the intervals of comparisons hold the truth after 10,000 users, where they are made of
the weighted means and where they are made of the plain ones. With ABGRAPH_SOAK=1 in 2,000 runs."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.special import ndtri

from domain.analysis import thompson
from domain.analysis.beta_binomial import chances_to_be_best, posterior
from domain.metrics import MetricDirection
from tests.domain.analysis.bandit_runs import Floats, bandits, estimates, steady, weights

Z = float(ndtri(0.975))
EPOCHS = 100
RISING = np.linspace(0.7, 1.3, EPOCHS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """The share of the intervals of each treatment against control."""

    weighted: Floats
    plain: Floats


def covered(rates: Floats, seed: int, runs: int) -> Covered:
    rng, chunk = np.random.default_rng(seed), 250
    held = [_chunk(rng, rates, chunk) for _ in range(runs // chunk)]
    return Covered(
        weighted=np.concatenate([each.weighted for each in held]).mean(axis=0),
        plain=np.concatenate([each.plain for each in held]).mean(axis=0),
    )


def _chunk(rng: np.random.Generator, rates: Floats, runs: int) -> Covered:
    made = bandits(rng, rates, runs)
    means, covariance = (each[:, -1] for each in estimates(made))
    own = np.diagonal(covariance, axis1=1, axis2=2)
    users, converted, _ = np.moveaxis(made.cells.sum(axis=1), -1, 0)
    plain = converted / users
    spread = plain * (1 - plain) / users
    true = rates.mean(axis=0)
    return Covered(
        weighted=_hold(means, true, own[:, 1:] + own[:, :1] - 2 * covariance[:, 0, 1:]),
        plain=_hold(plain, true, spread[:, 1:] + spread[:, :1]),
    )


def _hold(means: Floats, true: Floats, variances: Floats) -> Floats:
    off = means[:, 1:] - means[:, :1] - (true[1:] - true[0])
    held: Floats = (np.abs(off) <= Z * np.sqrt(variances)).astype(np.float64)
    return held


@pytest.mark.parametrize(("arms", "seed"), [(2, 82), (3, 83), (5, 85)])
def test_while_the_base_rate_rises_weighted_intervals_hold_the_truth_and_plain_ones_do_not(
    arms: int, seed: int, is_soak: bool
) -> None:
    """From 7 % to 13 %, alike in all arms: what came late weighs more in the arm that led late."""
    runs, slack = (2_000, 0.0) if is_soak else (500, 0.01)

    found = covered(np.outer(RISING, [0.1] * arms), seed, runs)

    assert found.weighted.min() >= 0.93 - slack
    assert found.weighted.max() <= 0.97 + slack
    assert found.plain.max() < 0.8


@pytest.mark.parametrize(("arms", "seed", "most"), [(2, 92, 0.93), (3, 93, 0.93), (5, 95, 0.94)])
def test_where_nothing_changes_plain_intervals_hold_the_truth_less_often_than_they_say(
    arms: int, seed: int, most: float, is_soak: bool
) -> None:
    """The fewer the arms, the less often."""
    runs, slack = (2_000, 0.0) if is_soak else (500, 0.01)

    found = covered(steady((0.1,) * arms, EPOCHS), seed, runs)

    assert found.weighted.min() >= 0.93 - slack
    assert found.weighted.max() <= 0.97 + slack
    assert found.plain.mean() < most + slack


@pytest.mark.parametrize(
    "counts", [[(40, 400), (52, 410)], [(30, 300), (41, 320), (35, 290)], [(9, 100)] * 5], ids=str
)
def test_these_runs_share_the_traffic_as_the_exact_weights_would(
    counts: list[tuple[int, int]],
) -> None:
    converted, users = np.array(counts, dtype=np.float64).T
    best = chances_to_be_best([posterior(*each) for each in counts], MetricDirection.INCREASE)

    assert weights(users[None], converted[None])[0] == pytest.approx(
        thompson.weights(best), abs=0.01
    )
