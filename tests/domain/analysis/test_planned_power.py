"""What the plans promise, simulated: the share of tests that find what is there."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtri

from domain.analysis.comparison import difference, log_difference
from domain.analysis.expectations import Errors, Expectation
from domain.analysis.planning import (
    Users,
    always_valid_maximum,
    non_inferiority_size,
    sample_size,
)
from domain.analysis.sequential import half_width, rho_squared
from domain.metrics import EffectScale, MetricDirection

RUNS = 20_000
CRITICAL = -float(ndtri(0.025))
Floats = NDArray[np.float64]


def observed_rates(rate: float, users: int, seed: int) -> tuple[Floats, Floats]:
    rates = np.random.default_rng(seed).binomial(users, rate, RUNS) / users
    return rates, rates * (1 - rates) / users


def scores(scale: EffectScale, size: Users, rates: tuple[float, float]) -> tuple[Floats, Floats]:
    control, control_u = observed_rates(rates[0], size.control, 1)
    treatment, treatment_u = observed_rates(rates[1], size.treatment, 2)
    contrast = log_difference if scale is EffectScale.RELATIVE else difference
    return contrast(control, treatment, control_u, treatment_u)


@pytest.mark.parametrize(("ratio", "tolerance"), [(1.0, 0.015), (0.25, 0.025), (4.0, 0.025)])
@pytest.mark.parametrize("scale", EffectScale)
def test_planned_sizes_have_the_power_planned(
    scale: EffectScale, ratio: float, tolerance: float
) -> None:
    expected = Expectation(baseline=0.05, scale=scale)
    effect = math.log(1.2) if scale is EffectScale.RELATIVE else 0.01

    theta, error = scores(scale, sample_size(expected, effect, Errors(), ratio=ratio), (0.05, 0.06))

    assert np.mean(np.abs(theta) > CRITICAL * error) == pytest.approx(0.8, abs=tolerance)


def test_non_inferiority_is_shown_as_often_as_planned_and_wrongly_in_one_of_forty() -> None:
    margin, expected = 0.1, Expectation(baseline=0.1)
    users = non_inferiority_size(expected, margin, MetricDirection.INCREASE, Errors())
    size = Users(control=users, treatment=users)

    same, error = scores(EffectScale.RELATIVE, size, (0.1, 0.1))
    worse, worse_error = scores(EffectScale.RELATIVE, size, (0.1, 0.09))

    bound = math.log1p(-margin)
    assert np.mean(same - CRITICAL * error > bound) == pytest.approx(0.8, abs=0.015)
    assert np.mean(worse - CRITICAL * worse_error > bound) == pytest.approx(0.025, abs=0.004)


@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize("wanted", [0.5, 0.8, 0.9, 0.99])
def test_the_always_valid_maximum_has_the_power_planned(wanted: float, alpha: float) -> None:
    """On the path of a mean of normal values with 200 looks; N* is the fixed plan's size."""
    errors = Errors(alpha=alpha, power=wanted)
    most, looks, runs = always_valid_maximum(1_000_000, wanted) / 1e6, 200, 5_000
    seen = np.linspace(0.0, most, looks + 1)[1:]
    steps = np.random.default_rng(3).normal(size=(runs, looks)) * math.sqrt(most / looks)
    theta, error = np.cumsum(steps, axis=1) / seen + errors.quantile, 1 / np.sqrt(seen)

    found = np.abs(theta) > half_width(error, seen * rho_squared(alpha, 1.0), alpha)

    assert found.any(axis=1).mean() >= wanted - 0.005
