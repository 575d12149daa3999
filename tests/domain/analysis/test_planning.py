import math
from importlib import import_module

import pytest

from domain.analysis.expectations import Errors, Expectation
from domain.analysis.planning import (
    Users,
    always_valid_maximum,
    minimum_detectable_effect,
    non_inferiority_size,
    power,
    run_time,
    sample_size,
)
from domain.metrics import EffectScale, MetricDirection

stats_power = import_module("statsmodels.stats.power")  # it has no types
RATE = Expectation(baseline=0.045)
RATE_DIFFERENCE = Expectation(baseline=0.045, scale=EffectScale.ABSOLUTE)
MEAN = Expectation(baseline=20.0, standard_deviation=35.0)
MEAN_DIFFERENCE = Expectation(baseline=20.0, standard_deviation=35.0, scale=EffectScale.ABSOLUTE)
LIFT = math.log(5.1 / 4.5)


@pytest.mark.parametrize(
    ("expected", "effect", "errors", "ratio", "users"),
    [
        (RATE, LIFT, Errors(), 1.0, (19_956, 19_956)),
        (RATE_DIFFERENCE, 0.006, Errors(), 1.0, (19_922, 19_922)),
        (RATE, LIFT, Errors(), 1 / 3, (38_602, 12_868)),
        (RATE, LIFT, Errors(alpha=0.05 / 3), 1.0, (26_618, 26_618)),
    ],
)
def test_sizes_are_those_of_the_worked_example(
    expected: Expectation, effect: float, errors: Errors, ratio: float, users: tuple[int, int]
) -> None:
    size = sample_size(expected, effect, errors, ratio=ratio)

    assert (size.control, size.treatment) == users


@pytest.mark.parametrize("ratio", [1.0, 0.25, 3.0])
@pytest.mark.parametrize("wanted", [0.8, 0.9, 0.99])
@pytest.mark.parametrize("expected", [MEAN, MEAN_DIFFERENCE], ids=["relative", "absolute"])
def test_sizes_agree_with_statsmodels(expected: Expectation, wanted: float, ratio: float) -> None:
    deviation = math.sqrt(expected.unit_variance())
    effect = 0.002 * deviation  # millions of users: rounding up is nothing

    size = sample_size(expected, effect, Errors(alpha=0.01, power=wanted), ratio=ratio)

    theirs = stats_power.zt_ind_solve_power(
        effect_size=0.002, alpha=0.01, power=wanted, ratio=ratio
    )
    assert size.control == pytest.approx(theirs, rel=1e-5)
    assert size.treatment == pytest.approx(ratio * theirs, rel=1e-5)


@pytest.mark.parametrize("lift", [-0.3, -0.001, 0.0, 0.05, 0.2, 1.0])
@pytest.mark.parametrize("expected", [RATE, MEAN], ids=["rate", "mean"])
def test_power_agrees_with_statsmodels(expected: Expectation, lift: float) -> None:
    effect, users = math.log1p(lift), Users(control=12_345, treatment=12_345)

    ours = power(expected, effect, users, alpha=0.02)

    pooled = math.sqrt((expected.unit_variance() + expected.unit_variance(effect)) / 2)
    theirs = stats_power.NormalIndPower().power(effect / pooled, users.control, 0.02)
    assert ours == pytest.approx(theirs, rel=1e-12)


def test_without_spread_every_effect_is_found() -> None:
    certain, users = (
        Expectation(baseline=1.0, standard_deviation=0.0),
        Users(control=9, treatment=9),
    )

    assert power(certain, 0.1, users) == 1.0
    assert power(certain, 0.0, users) == 0.0


@pytest.mark.parametrize("ratio", [1.0, 0.25])
@pytest.mark.parametrize(
    "expected",
    [RATE, RATE_DIFFERENCE, MEAN, MEAN_DIFFERENCE],
    ids=["rate", "rate-", "mean", "mean-"],
)
def test_the_minimum_detectable_effect_is_the_one_that_takes_so_many_users(
    expected: Expectation, ratio: float
) -> None:
    effect = 0.03 if expected.scale is EffectScale.RELATIVE else 0.001
    size = sample_size(expected, effect, Errors(), ratio=ratio)

    found = minimum_detectable_effect(expected, size, Errors())

    assert found == pytest.approx(effect, rel=1e-5)


def test_too_few_users_find_nothing_that_a_rate_can_reach() -> None:
    one = Users(control=1, treatment=1)

    assert minimum_detectable_effect(Expectation(baseline=0.9), one, Errors()) is None
    assert minimum_detectable_effect(Expectation(baseline=0.04), one, Errors()) is None


@pytest.mark.parametrize(
    ("expected", "margin", "direction", "users"),
    [
        (RATE, 0.05, MetricDirection.INCREASE, 126_622),
        (RATE, 0.05, MetricDirection.DECREASE, 139_948),
        (MEAN_DIFFERENCE, 1.0, MetricDirection.INCREASE, 19_230),
    ],
)
def test_passing_a_margin_takes_so_many_users(
    expected: Expectation, margin: float, direction: MetricDirection, users: int
) -> None:
    assert non_inferiority_size(expected, margin, direction, Errors()) == users


@pytest.mark.parametrize(
    ("users", "wanted", "most"), [(1000, 0.8, 1700), (1000, 0.9, 1600), (7, 0.8, 12)]
)
def test_looking_all_the_time_takes_more(users: int, wanted: float, most: int) -> None:
    assert always_valid_maximum(users, wanted) == most


@pytest.mark.parametrize(
    ("users", "daily", "coverage", "window", "days"),
    [
        (1000, 1000, 1.0, 0.0, 7),
        (7000, 1000, 1.0, 0.0, 7),
        (7001, 1000, 1.0, 0.0, 14),
        (7000, 1000, 0.5, 0.0, 14),
        (7000, 1000, 1.0, 1.0, 14),
        (6000, 1000, 1.0, 24.0, 7),
    ],
)
def test_a_test_runs_whole_weeks(
    users: int, daily: float, coverage: float, window: float, days: int
) -> None:
    assert run_time(users, daily, coverage=coverage, window_hours=window) == days
