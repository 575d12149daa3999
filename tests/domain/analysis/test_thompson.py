import math
from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.analysis.beta_binomial import chances_to_be_best, posterior
from domain.analysis.normal_effect import Normal
from domain.analysis.thompson import (
    burning_in,
    posterior_of_mean,
    top_two,
    usual_floor,
    weights,
)
from domain.metrics import MetricDirection

INCREASE, DECREASE = MetricDirection
COUNTS = [(37, 640), (52, 655), (41, 622)]
CHANCES = chances_to_be_best([posterior(*counts) for counts in COUNTS], INCREASE)


def test_the_worked_example_is_met() -> None:
    assert weights(CHANCES, 0.05) == pytest.approx([0.0866930, 0.7209856, 0.1923214], abs=1e-7)
    assert weights(top_two(CHANCES), 0.05) == pytest.approx(
        [0.1408030, 0.4680999, 0.3910972], abs=1e-7
    )


@pytest.mark.parametrize(("arms", "floor"), [(1, 0.05), (2, 0.05), (10, 0.05), (20, 0.025)])
def test_the_usual_floor_leaves_half_of_the_traffic_to_the_search(arms: int, floor: float) -> None:
    assert usual_floor(arms) == floor
    assert min(weights([1.0, *[0.0] * (arms - 1)])) == pytest.approx(floor if arms > 1 else 1.0)


@pytest.mark.parametrize("floor", [None, 0.0, 0.01, 1 / 3])
@pytest.mark.parametrize(
    "chances", [CHANCES, top_two(CHANCES), (1.0, 0.0, 0.0), (1 / 3, 1 / 3, 1 / 3)], ids=str
)
def test_weights_are_shares_of_one_and_none_is_below_the_floor(
    chances: tuple[float, ...], floor: float | None
) -> None:
    shared = weights(chances, floor)

    assert math.fsum(shared) == pytest.approx(1.0, abs=1e-12)
    assert min(shared) >= (usual_floor(3) if floor is None else floor)


@pytest.mark.parametrize("floor", [-0.01, 0.34, math.nan])
def test_a_floor_that_does_not_fit_is_refused(floor: float) -> None:
    with pytest.raises(ValueError, match="does not fit 3 arms"):
        weights(CHANCES, floor)


@pytest.mark.parametrize("option", [tuple, top_two])
def test_weights_do_not_depend_on_the_order_of_the_arms(
    option: type[tuple[float, ...]],
) -> None:
    drawn = dict(zip(COUNTS, weights(option(CHANCES)), strict=True))

    for order in permutations(COUNTS):
        chances = chances_to_be_best([posterior(*counts) for counts in order], INCREASE)

        assert weights(option(chances)) == pytest.approx(
            [drawn[counts] for counts in order], abs=1e-13
        )


@pytest.mark.parametrize("arms", [2, 3, 8])
@pytest.mark.parametrize("counts", [(0, 0), (0, 5_000), (5_000, 5_000), (120, 1_000)])
def test_equal_data_make_equal_weights(arms: int, counts: tuple[int, int]) -> None:
    for direction in MetricDirection:
        chances = chances_to_be_best([posterior(*counts)] * arms, direction)

        assert weights(chances) == pytest.approx([1 / arms] * arms, abs=1e-12)
        assert weights(top_two(chances)) == pytest.approx([1 / arms] * arms, abs=1e-12)


def test_draws_choose_the_arms_as_often_as_the_chances_say() -> None:
    draws = _draws(200_000, np.random.default_rng(21))

    for direction, best in ((INCREASE, draws.argmax(axis=1)), (DECREASE, draws.argmin(axis=1))):
        chances = chances_to_be_best([posterior(*counts) for counts in COUNTS], direction)
        assert max(_distances(chances, best)) <= 4


def test_draws_of_the_top_two_choose_as_often_as_its_chances_say() -> None:
    """Half of the time the second draw decides, made anew until it names another arm."""
    rng = np.random.default_rng(22)
    first, second = _draws(200_000, rng).argmax(axis=1), _draws(200_000, rng).argmax(axis=1)

    while (same := first == second).any():
        second[same] = _draws(int(same.sum()), rng).argmax(axis=1)

    chosen = np.where(rng.random(200_000) < 0.5, first, second)
    assert max(_distances(top_two(CHANCES), chosen)) <= 4


def test_the_second_best_share_evenly_what_is_too_small_to_be_told() -> None:
    assert top_two((0.0, 1.0, 0.0)) == (0.25, 0.5, 0.25)
    assert top_two((1.0,)) == (1.0,)
    assert top_two((1.0, 1e-300, 3e-300)) == pytest.approx((0.5, 0.125, 0.375), abs=1e-15)


def test_the_burn_in_lasts_until_every_arm_has_a_hundred_users() -> None:
    assert burning_in([100, 5_000, 99])
    assert not burning_in([100, 5_000, 101])


def test_a_mean_has_a_posterior_once_it_can_be_judged() -> None:
    assert posterior_of_mean(21.37, 1_200.0, 100) == Normal(mean=21.37, variance=12.0)
    assert posterior_of_mean(21.37, 1_200.0, 99) is None
    assert posterior_of_mean(21.37, 0.0, 5_000) is None


def _draws(number: int, rng: np.random.Generator) -> NDArray[np.float64]:
    converted, users = np.array(COUNTS).T
    return rng.beta(1 + converted, 1 + users - converted, (number, len(COUNTS)))


def _distances(chances: tuple[float, ...], chosen: NDArray[np.intp]) -> list[float]:
    """Of each arm's share of the draws from its chance, in standard errors."""
    return [
        float(abs((chosen == arm).mean() - chance) / math.sqrt(chance * (1 - chance) / len(chosen)))
        for arm, chance in enumerate(chances)
    ]
