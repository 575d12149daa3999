import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.analysis.aipw import (
    Contrast,
    Epochs,
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
EXAMPLE = Epochs(
    users=np.array([400.0, 400.0, 400.0]),
    propensities=np.array(PROPENSITIES),
    plug_ins=np.array(PLUG_INS),
    cells=np.stack([USERS, CONVERSIONS, CONVERSIONS], axis=-1).astype(np.float64),
)


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
    unaided = replace(EXAMPLE, plug_ins=np.zeros((3, 2)))

    assert _estimates(unaided).means == pytest.approx((0.0927778, 0.1390206), abs=1e-7)


def test_the_plug_in_mean_of_a_rate_is_never_quite_none_or_all() -> None:
    assert binary_plug_in(19, 205) == 19.5 / 206
    assert binary_plug_in(0, 0) == 0.5
    assert 0 < binary_plug_in(0, 100) < binary_plug_in(100, 100) < 1


@pytest.mark.parametrize("seed", range(10))
def test_sums_per_epoch_and_arm_say_what_the_single_users_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    epochs, scores = _epochs_and_scores(rng, arms=4, sizes=rng.integers(1, 400, 8))

    found = _estimates(epochs)

    covariance = np.cov(scores.T, bias=True) / len(scores)
    assert found.means == pytest.approx(scores.mean(axis=0), rel=1e-9)
    assert np.array(found.covariance) == pytest.approx(covariance, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_contrasts_have_the_variance_of_the_combined_scores(seed: int) -> None:
    epochs, scores = _epochs_and_scores(np.random.default_rng(seed), arms=3, sizes=np.array([500]))
    found = _estimates(epochs)
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
    nobody = replace(EXAMPLE, users=np.zeros(3), cells=np.zeros((3, 2, 3)))

    assert estimates(nobody) is None
    assert estimates(nobody.of([0, 1])) is None


def test_an_arm_without_users_keeps_its_plug_in_mean() -> None:
    second = _only(EXAMPLE, slice(1, 2))
    empty = replace(second, cells=second.cells * [[[1], [0]]])

    assert _estimates(empty).means[1] == pytest.approx(PLUG_INS[1][1])


def test_arms_are_estimated_over_the_epochs_in_which_all_of_them_had_a_part() -> None:
    joined = replace(EXAMPLE, propensities=np.array([(1.0, 0.0), *PROPENSITIES[1:]]))
    later = _only(EXAMPLE, slice(1, None))

    assert _estimates(joined.of([0, 1])) == _estimates(later)
    assert _estimates(joined.of([1])) == _estimates(later.of([1]))
    assert _estimates(joined.of([0])).users == 1_200


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
        {"propensities": np.full((3, 2), 0.6)},
        {"propensities": np.tile([1.1, -0.1], (3, 1))},
        {"propensities": np.tile([math.nan, 0.5], (3, 1))},
        {"propensities": np.full((3, 3), 0.3)},
        {"plug_ins": np.zeros((3, 1))},
        {"users": np.array([400.0, 399.0, 400.0])},
    ],
    ids=["too much", "less than none", "unknown", "too many", "too few", "too few users"],
)
def test_epochs_that_cannot_be_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="epoch"):
        replace(EXAMPLE, **changes)


def test_the_information_clock_starts_like_the_count_of_users() -> None:
    rate = lambda_at_first_look(0.001, 4e-4, 1_000)

    assert rate is not None
    assert information(rate, 4e-4, 1_000) == pytest.approx(1.0)
    assert information(rate, 1e-4, 4_000) == pytest.approx(4.0)
    assert information(rate, 2e-4, 4_000) == pytest.approx(8.0)


def test_the_clock_stands_still_where_nothing_varies() -> None:
    assert lambda_at_first_look(0.001, 0.0, 1_000) is None
    assert lambda_at_first_look(0.001, 1.0, 0) is None
    assert information(2.5, 0.0, 1_000) is None


def _estimates(epochs: Epochs) -> Estimates:
    found = estimates(epochs)
    assert found is not None
    return found


def _only(epochs: Epochs, some: slice) -> Epochs:
    return Epochs(
        users=epochs.users[some],
        propensities=epochs.propensities[some],
        plug_ins=epochs.plug_ins[some],
        cells=epochs.cells[some],
    )


def _epochs_and_scores(
    rng: np.random.Generator, arms: int, sizes: NDArray[np.int64]
) -> tuple[Epochs, Floats]:
    """Some users of each epoch have an arm that is not compared."""
    chances = 0.9 * rng.dirichlet([3.0] * arms, len(sizes))
    plug_ins = rng.normal(20, 3, chances.shape)
    cells, scores = np.empty((*chances.shape, 3)), []
    for epoch, users in enumerate(sizes):
        drawn = rng.choice(arms + 1, users, p=[*chances[epoch], 1 - chances[epoch].sum()])
        x, given = rng.normal(20 + drawn, 35)[:, None], drawn[:, None] == np.arange(arms)
        cells[epoch] = np.stack(
            [given.sum(axis=0), (given * x).sum(axis=0), (given * x * x).sum(axis=0)], axis=-1
        )
        scores.append(plug_ins[epoch] + given * (x - plug_ins[epoch]) / chances[epoch])
    epochs = Epochs(
        users=sizes.astype(np.float64), propensities=chances, plug_ins=plug_ins, cells=cells
    )
    return epochs, np.concatenate(scores)
