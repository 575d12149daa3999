import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.analysis.aipw import (
    Cell,
    Contrast,
    Epoch,
    Estimates,
    absolute_contrast,
    binary_plug_in,
    estimates,
    information,
    lambda_at_first_look,
    relative_contrast,
)

Floats = NDArray[np.float64]

USERS = [(205, 195), (118, 282), (47, 353)]
CONVERSIONS = [(19, 27), (12, 40), (4, 49)]
PROPENSITIES = [(0.5, 0.5), (0.3, 0.7), (0.12, 0.88)]
PLUG_INS = [(0.0, 0.0), (19.5 / 206, 27.5 / 196), (31.5 / 324, 67.5 / 478)]
EXAMPLE = [
    Epoch(
        users=400,
        propensities=chances,
        plug_ins=means,
        cells=tuple(
            Cell(users=n, total=c, squares=c) for n, c in zip(users, conversions, strict=True)
        ),
    )
    for users, conversions, chances, means in zip(
        USERS, CONVERSIONS, PROPENSITIES, PLUG_INS, strict=True
    )
]


def test_the_worked_example_is_met() -> None:
    found = _estimates(EXAMPLE)

    absolute, relative = absolute_contrast(found, 1, 0), relative_contrast(found, 1, 0)

    assert found.users == 1_200
    assert found.means == pytest.approx((0.0939788, 0.1385528), abs=1e-7)
    assert absolute.estimate == pytest.approx(0.04457395371, abs=1e-11)
    assert math.sqrt(absolute.variance) == pytest.approx(0.02176841868, abs=1e-11)
    assert relative is not None
    assert relative.estimate == pytest.approx(0.3881818458, abs=1e-10)
    assert math.sqrt(relative.variance) == pytest.approx(0.2093556921, abs=1e-10)


def test_plug_in_means_of_nothing_leave_the_plain_weighting() -> None:
    unaided = [replace(epoch, plug_ins=(0.0, 0.0)) for epoch in EXAMPLE]

    assert _estimates(unaided).means == pytest.approx((0.0927778, 0.1390206), abs=1e-7)


def test_the_plug_in_mean_of_a_rate_is_never_quite_none_or_all() -> None:
    assert binary_plug_in(19, 205) == 19.5 / 206
    assert binary_plug_in(0, 0) == 0.5
    assert 0 < binary_plug_in(0, 100) < binary_plug_in(100, 100) < 1


@pytest.mark.parametrize("seed", range(10))
def test_sums_per_epoch_and_arm_say_what_the_single_users_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = [_epoch_and_scores(rng, arms=4, users=int(rng.integers(1, 400))) for _ in range(8)]
    scores = np.concatenate([scores for _, scores in made])

    found = _estimates([epoch for epoch, _ in made])

    covariance = np.cov(scores.T, bias=True) / len(scores)
    assert found.means == pytest.approx(scores.mean(axis=0), rel=1e-9)
    assert np.array(found.covariance) == pytest.approx(covariance, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_contrasts_have_the_variance_of_the_combined_scores(seed: int) -> None:
    epoch, scores = _epoch_and_scores(np.random.default_rng(seed), arms=3, users=500)
    found = _estimates([epoch])
    mean = scores.mean(axis=0)

    relative = relative_contrast(found, 2, 1)

    assert absolute_contrast(found, 2, 1).variance == pytest.approx(
        (scores[:, 2] - scores[:, 1]).var() / 500, rel=1e-9
    )
    assert relative is not None
    assert relative.variance == pytest.approx(
        (scores[:, 2] / mean[2] - scores[:, 1] / mean[1]).var() / 500, rel=1e-9
    )


def test_before_the_first_user_nothing_is_estimated() -> None:
    nobody = replace(EXAMPLE[0], users=0, cells=(Cell(users=0, total=0.0, squares=0.0),) * 2)

    assert estimates([]) is None
    assert estimates([nobody]) is None


def test_an_arm_without_users_keeps_its_plug_in_mean() -> None:
    empty = replace(EXAMPLE[1], cells=(EXAMPLE[1].cells[0], Cell(users=0, total=0.0, squares=0.0)))

    assert _estimates([empty]).means[1] == pytest.approx(PLUG_INS[1][1])


def test_a_mean_that_is_not_positive_has_no_relative_contrast() -> None:
    nothing = Estimates(users=10, means=(0.0, 0.5), covariance=((0.0, 0.0), (0.0, 0.01)))

    assert relative_contrast(nothing, 1, 0) is None
    assert relative_contrast(nothing, 0, 1) is None
    assert absolute_contrast(nothing, 1, 0) == Contrast(estimate=0.5, variance=0.01)


def test_rounding_makes_no_variance_negative() -> None:
    alike = Estimates(users=10, means=(1.0, 1.0), covariance=((0.1, 0.3), (0.3, 0.1)))

    assert absolute_contrast(alike, 1, 0).variance == 0.0


@pytest.mark.parametrize(
    "changes",
    [
        {"propensities": (1.0, 0.0)},
        {"propensities": (0.6, 0.6)},
        {"propensities": (math.nan, 0.5)},
        {"propensities": (0.5, 0.3, 0.2)},
        {"plug_ins": (0.0,)},
        {"users": 399},
    ],
    ids=str,
)
def test_an_epoch_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"epoch|positive chances"):
        replace(EXAMPLE[0], **changes)


def test_the_information_clock_starts_like_the_count_of_users() -> None:
    first, later = Contrast(estimate=0.1, variance=4e-4), Contrast(estimate=0.1, variance=1e-4)

    rate = lambda_at_first_look(0.001, first, 1_000)

    assert rate is not None
    assert information(rate, first, 1_000) == pytest.approx(1.0)
    assert information(rate, later, 4_000) == pytest.approx(4.0)
    assert information(rate, replace(later, variance=2e-4), 4_000) == pytest.approx(8.0)


def test_the_clock_stands_still_where_nothing_varies() -> None:
    constant = Contrast(estimate=0.1, variance=0.0)

    assert lambda_at_first_look(0.001, constant, 1_000) is None
    assert lambda_at_first_look(0.001, replace(constant, variance=1.0), 0) is None
    assert information(2.5, constant, 1_000) is None


def _estimates(epochs: list[Epoch]) -> Estimates:
    found = estimates(epochs)
    assert found is not None
    return found


def _epoch_and_scores(rng: np.random.Generator, arms: int, users: int) -> tuple[Epoch, Floats]:
    """One epoch of which some users have an arm that is not compared."""
    chances = 0.9 * rng.dirichlet([3.0] * arms)
    plug_ins = rng.normal(20, 3, arms)
    drawn = rng.choice(arms + 1, users, p=[*chances, 1 - chances.sum()])
    values = rng.normal(20 + drawn, 35)
    given = drawn[:, None] == np.arange(arms)
    cells = [
        Cell(users=len(x), total=float(x.sum()), squares=float((x * x).sum()))
        for x in (values[arm] for arm in given.T)
    ]
    epoch = Epoch(
        users=users,
        propensities=tuple(chances.tolist()),
        plug_ins=tuple(plug_ins.tolist()),
        cells=tuple(cells),
    )
    return epoch, plug_ins + given * (values[:, None] - plug_ins) / chances
