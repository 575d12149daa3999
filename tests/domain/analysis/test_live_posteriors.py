"""What is fast enough to be shown live says the same as the exact quadrature."""

import math

import numpy as np
import pytest

from domain.analysis import beta_binomial, grids, lifts, normal_effect
from domain.analysis.beta_binomial import posterior
from domain.analysis.normal_effect import Normal
from domain.metrics import MetricDirection

ARMS = [
    [(412, 8230), (497, 8195)],
    [(37, 640), (52, 655), (41, 622)],
    [(0, 1), (1, 1)],
    [(0, 10), (3, 10)],
    [(10, 10), (9, 10)],
    [(5, 1000), (600, 1000)],
    [(500_000, 3_000_000), (501_000, 3_000_000)],
    [(30 + 3 * place, 1000) for place in range(10)],
    [(500_000, 3_000_000), (1, 2)],
]
RATES = [
    [(412, 8230), (497, 8195)],
    [(25, 50), (25, 50)],
    [(25, 1000), (40, 1000)],
    [(970, 1000), (960, 1000)],
    [(500_000, 3_000_000), (501_000, 3_000_000)],
    [(25, 50), (2_500_000, 5_000_000)],
    [(2_500_000, 5_000_000), (25, 50)],
    [(25, 5000), (4975, 5000)],
    [(4975, 5000), (25, 5000)],
]


@pytest.mark.parametrize("direction", MetricDirection)
@pytest.mark.parametrize("arms", ARMS, ids=str)
def test_rates_are_ranked_as_by_quadrature(
    arms: list[tuple[int, int]], direction: MetricDirection
) -> None:
    posteriors = [posterior(*arm) for arm in arms]

    ranked = grids.rank_rates(posteriors, direction)

    exact = beta_binomial.chances_to_be_best(posteriors, direction)
    losses = beta_binomial.expected_losses(posteriors, direction)
    assert ranked.chances_to_be_best == pytest.approx(exact, abs=1e-9)
    assert ranked.expected_losses == pytest.approx(losses, rel=1e-8, abs=1e-13)
    assert math.fsum(ranked.chances_to_be_best) == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize("direction", MetricDirection)
@pytest.mark.parametrize(
    "arms",
    [
        [(10.0, 0.5), (10.3, 0.2)],
        [(0.0, 1e-6), (1e-3, 1e-8), (-1e-3, 1e-7)],
        [(-5.0 + place / 3, 0.3) for place in range(10)],
        [(0.0, 1e-8), (1.0, 1e-8)],
    ],
    ids=str,
)
def test_means_are_ranked_as_by_quadrature(
    arms: list[tuple[float, float]], direction: MetricDirection
) -> None:
    normals = [Normal(mean=mean, variance=variance) for mean, variance in arms]

    ranked = grids.rank_means(normals, direction)

    exact = normal_effect.chances_to_be_best(normals, direction)
    losses = normal_effect.expected_losses(normals, direction)
    assert ranked.chances_to_be_best == pytest.approx(exact, abs=1e-11)
    assert ranked.expected_losses == pytest.approx(losses, rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("level", [0.95, 0.999])
@pytest.mark.parametrize("arms", RATES, ids=str)
def test_a_credible_lift_is_that_of_bisection(arms: list[tuple[int, int]], level: float) -> None:
    control, treatment = (posterior(*arm) for arm in arms)

    ours = lifts.credible_lift(treatment, control, level)

    exact = beta_binomial.credible_lift(treatment, control, level)
    assert np.log1p(ours) == pytest.approx(np.log1p(exact), abs=1e-9)


@pytest.mark.parametrize("level", [0.95, 0.999999])
@pytest.mark.parametrize("arms", [[(0, 1), (0, 1)], [(0, 30), (0, 1)], [(0, 3), (3, 3)]], ids=str)
def test_where_the_fast_way_gets_lost_bisection_is_taken(
    arms: list[tuple[int, int]], level: float
) -> None:
    control, treatment = (posterior(*arm) for arm in arms)

    ours = lifts.credible_lift(treatment, control, level)

    exact = beta_binomial.credible_lift(treatment, control, level)
    assert np.log1p(ours) == pytest.approx(np.log1p(exact), rel=1e-3)
