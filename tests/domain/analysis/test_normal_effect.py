import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from domain.analysis.normal_effect import (
    Normal,
    Risks,
    chance_to_win,
    chances_to_be_best,
    credible_interval,
    expected_losses,
    posterior,
    relative_risks,
    risks,
)
from domain.metrics import MetricDirection

INCREASE, DECREASE = MetricDirection
DRAWS = 4_000_000

TAU = math.log(24.02 / 21.37)
TAU_VARIANCE = 34.8**2 / 5120 / 21.37**2 + 36.1**2 / 5087 / 24.02**2


@pytest.mark.parametrize("variance", [0.0, -1.0, math.nan, math.inf])
def test_what_does_not_vary_has_no_posterior(variance: float) -> None:
    with pytest.raises(ValueError, match="positive, finite variance"):
        Normal(mean=0.0, variance=variance)


def test_the_worked_example_is_met() -> None:
    effect = posterior(Normal(mean=TAU, variance=TAU_VARIANCE), Normal(mean=0, variance=0.1**2))

    assert effect.mean == pytest.approx(0.1066403289, abs=1e-10)
    assert effect.sd == pytest.approx(0.0296234255, abs=1e-10)
    assert chance_to_win(effect, INCREASE) == pytest.approx(0.9998408087, abs=1e-10)
    assert relative_risks(effect, INCREASE).choosing_treatment == pytest.approx(
        1.151253924e-6, abs=1e-15
    )


def test_without_a_prior_the_data_speak_alone() -> None:
    data = Normal(mean=0.3, variance=0.04)

    assert posterior(data) == data


def test_a_prior_that_knows_nothing_changes_nothing() -> None:
    data = Normal(mean=0.3, variance=0.04)

    vague = posterior(data, Normal(mean=5.0, variance=1e16))

    assert vague.mean == pytest.approx(data.mean, rel=1e-14)
    assert vague.variance == pytest.approx(data.variance, rel=1e-14)


def test_a_prior_pulls_in_proportion_to_its_precision() -> None:
    pulled = posterior(Normal(mean=1.0, variance=2.0), Normal(mean=-1.0, variance=1.0))

    assert pulled.mean == pytest.approx(-1 / 3, rel=1e-15)
    assert pulled.variance == pytest.approx(2 / 3, rel=1e-15)


def test_the_interval_leaves_out_the_same_on_both_sides() -> None:
    effect = Normal(mean=0.3, variance=0.04)

    assert credible_interval(effect, 0.95) == pytest.approx(
        norm.interval(0.95, loc=0.3, scale=0.2), rel=1e-14
    )
    assert credible_interval(effect, 0.0) == (0.3, 0.3)


@pytest.mark.parametrize("level", [-0.1, 1.0, math.nan])
def test_an_interval_of_all_or_less_than_nothing_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="the level is"):
        credible_interval(Normal(mean=0.3, variance=0.04), level)


@pytest.mark.parametrize(("mean", "sd", "seed"), [(0.05, 0.1, 11), (-0.4, 0.3, 12)])
def test_chances_and_risks_agree_with_draws(mean: float, sd: float, seed: int) -> None:
    effect = Normal(mean=mean, variance=sd**2)
    draws = np.random.default_rng(seed).normal(mean, sd, DRAWS)
    ratios = np.expm1(draws)

    assert _distance(chance_to_win(effect, INCREASE), (draws > 0).astype(np.float64)) <= 3
    for found, gains in (
        (risks(effect, INCREASE), draws),
        (relative_risks(effect, INCREASE), ratios),
    ):
        assert _distance(found.choosing_treatment, np.maximum(-gains, 0)) <= 3
        assert _distance(found.keeping_control, np.maximum(gains, 0)) <= 3


def test_where_less_is_better_winning_and_risks_change_places() -> None:
    effect = Normal(mean=0.05, variance=0.01)

    assert chance_to_win(effect, DECREASE) == pytest.approx(1 - chance_to_win(effect, INCREASE))
    assert risks(effect, DECREASE) == _swapped(risks(effect, INCREASE))
    assert relative_risks(effect, DECREASE) == _swapped(relative_risks(effect, INCREASE))


@pytest.mark.parametrize("mean", [-600.0, -5.0, 0.0, 5.0, 600.0])
@pytest.mark.parametrize("sd", [1e-150, 1e-3, 1.0, 10.0])
def test_extreme_effects_have_risks_that_are_numbers(mean: float, sd: float) -> None:
    effect = Normal(mean=mean, variance=sd**2)

    for both in (risks(effect, INCREASE), relative_risks(effect, INCREASE)):
        assert 0 <= both.choosing_treatment < math.inf
        assert 0 <= both.keeping_control < math.inf


def test_a_ratio_too_uncertain_to_have_a_mean_is_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        relative_risks(Normal(mean=0.0, variance=1_500.0), INCREASE)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Normal(mean=10.0, variance=0.09), Normal(mean=10.4, variance=0.16)),
        (Normal(mean=-3e6, variance=1e8), Normal(mean=5.0, variance=1e-8)),
        (Normal(mean=1e-9, variance=1e-20), Normal(mean=1.1e-9, variance=1e-20)),
    ],
    ids=str,
)
def test_two_arms_agree_with_the_closed_form_of_their_difference(
    one: Normal, other: Normal
) -> None:
    ahead = Normal(mean=one.mean - other.mean, variance=one.variance + other.variance)

    for direction in MetricDirection:
        best, _ = chances_to_be_best((one, other), direction)
        first, second = expected_losses((one, other), direction)
        either = risks(ahead, direction)

        assert best == pytest.approx(chance_to_win(ahead, direction), abs=1e-12)
        assert first == pytest.approx(either.choosing_treatment, rel=1e-10, abs=0)
        assert second == pytest.approx(either.keeping_control, rel=1e-10, abs=0)


def test_the_best_of_three_agrees_with_draws() -> None:
    arms = [Normal(mean=m, variance=v) for m, v in ((5.0, 0.04), (5.1, 0.09), (4.8, 0.25))]
    draws = np.random.default_rng(13).normal(
        [arm.mean for arm in arms], [arm.sd for arm in arms], (DRAWS // 4, 3)
    )

    for direction, sign in ((INCREASE, 1), (DECREASE, -1)):
        best = (sign * draws).max(axis=1)
        for i, chance in enumerate(chances_to_be_best(arms, direction)):
            assert _distance(chance, (sign * draws[:, i] == best).astype(np.float64)) <= 3
        for i, loss in enumerate(expected_losses(arms, direction)):
            assert _distance(loss, best - sign * draws[:, i]) <= 3


@pytest.mark.parametrize("spread", [1.0, 1e3, 1e6])
def test_some_arm_is_best_however_different_their_spreads(spread: float) -> None:
    arms = [Normal(mean=i, variance=spread ** (i - 2)) for i in range(5)]

    for direction in MetricDirection:
        assert math.fsum(chances_to_be_best(arms, direction)) == pytest.approx(1.0, abs=1e-12)


def _distance(value: float, draws: NDArray[np.float64]) -> float:
    """From the draws' mean, in its standard errors."""
    return float(abs(value - draws.mean()) / (draws.std() / math.sqrt(len(draws))))


def _swapped(both: Risks) -> Risks:
    return Risks(choosing_treatment=both.keeping_control, keeping_control=both.choosing_treatment)
