import math
from itertools import pairwise

import numpy as np
import pytest

from domain.analysis.comparison import effect, lift_interval
from domain.analysis.sequential import anytime, half_width, horizon, log_p, rho_squared
from domain.metrics import EffectScale, MetricAggregation
from tests.domain.analysis.arms import converted, described, estimated, excludes_zero, pair_of


@pytest.mark.parametrize(
    ("share", "threshold"), [(0.1, 3.855), (0.5, 3.084), (1, 3.035), (2, 3.061), (10, 3.242)]
)
def test_the_thresholds_at_shares_of_the_horizon(share: float, threshold: float) -> None:
    r = share * 10_000 * rho_squared(0.05, 10_000)

    assert half_width(1.0, r, 0.05) == pytest.approx(threshold, abs=5e-4)


def test_the_prior_is_that_of_the_specification() -> None:
    assert rho_squared(0.05, 1.0) == pytest.approx(7.936154601737565, rel=1e-15)
    assert rho_squared(0.05, 5_000) == rho_squared(0.05, 1.0) / 5_000


@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.001])
def test_the_interval_is_tightest_at_the_horizon(alpha: float) -> None:
    peak = rho_squared(alpha, 1.0)

    widths = [half_width(1.0, peak * share, alpha) for share in (0.5, 0.8, 1.0, 1.25, 2.0)]

    assert min(widths) == widths[2]


@pytest.mark.parametrize(
    ("minimum", "weights", "treatment", "expected"),
    [
        (8_000, [0.5, 0.5], 1, 16_000),
        (1_000, [0.8, 0.2], 1, 5_000),
        (1_000, [0.4, 0.4, 0.2], 1, 4_000),
        (1_000, [0.4, 0.4, 0.2], 2, 3_000),
        (1_000, [0.5, 0.0, 0.5], 2, 2_000),
        (1_000, [0.5, 0.5, 0.0], 2, 1_000),
        (100, [0.5, 0.5], 1, 500),
        (250, [0.5, 0.5], 1, 500),
        (None, [0.5, 0.5], 1, 5_000),
        (1_000, [0.0, 0.0], 1, 5_000),
    ],
)
def test_the_horizon_follows_the_planned_sample(
    minimum: int | None, weights: list[float], treatment: int, expected: float
) -> None:
    assert horizon(minimum, weights, 0, treatment) == pytest.approx(expected, rel=1e-12)


def test_the_worked_rates() -> None:
    pair = pair_of(converted(412, 8_230), converted(497, 8_195), MetricAggregation.BINARY)
    estimate = effect(pair, EffectScale.RELATIVE)
    assert estimate is not None
    r = 16_425 * rho_squared(0.05, horizon(8_000, [0.5, 0.5], 0, 1))

    planned = anytime(estimate, r, 0.05)
    sooner = anytime(estimate, 16_425 * rho_squared(0.05, 5_000), 0.05)

    lifted = lift_interval(planned.interval)
    assert r == pytest.approx(8.146958708, abs=1e-9)
    assert lifted.lower == pytest.approx(-0.004758736072, abs=1e-12)
    assert lifted.upper == pytest.approx(0.4746594081, abs=1e-10)
    assert planned.p == pytest.approx(0.06086656683, abs=1e-11)
    assert sooner.p == pytest.approx(0.0762310236, abs=1e-10)


def test_the_worked_sums() -> None:
    control, treatment = described(5_120, "21.37", "34.8"), described(5_087, "24.02", "36.1")
    estimate = effect(pair_of(control, treatment, MetricAggregation.SUM), EffectScale.RELATIVE)
    assert estimate is not None

    inference = anytime(estimate, 10_207 * rho_squared(0.05, 10_000), 0.05)

    lifted = lift_interval(inference.interval)
    assert lifted.lower == pytest.approx(0.02302337169, abs=1e-11)
    assert lifted.upper == pytest.approx(0.2349557774, abs=1e-10)
    assert inference.p == pytest.approx(0.005417254696, abs=1e-12)


@pytest.mark.parametrize("r", [0.01, 1.0, 8.0, 400.0])
@pytest.mark.parametrize("z", [-40.0, -3.1, 0.0, 2.0, 3.0, 3.5, 6.0, 37.0])
def test_interval_and_p_agree_at_every_level(z: float, r: float) -> None:
    estimate = estimated(z)
    p = anytime(estimate, r, 0.05).p

    near = [p * (1 + apart) for apart in (-1e-6, -1e-9, 1e-9, 1e-6)]
    for a in (level for level in (*near, 1e-300, 1e-9, 0.01, 0.05, 0.999) if 0 < level < 1):
        assert excludes_zero(anytime(estimate, r, a).interval) is (p < a)


def test_a_smaller_error_rate_makes_a_wider_interval() -> None:
    levels = [0.5, 0.05, 0.05 / 3, 0.01, 1e-9, 1e-200]
    intervals = [anytime(estimated(1.0), 3.0, a).interval for a in levels]

    for narrow, wide in pairwise(intervals):
        assert wide.lower < narrow.lower < narrow.upper < wide.upper
    assert [interval.level for interval in intervals] == [1 - a for a in levels]


def test_p_is_at_most_1_and_its_logarithm_keeps_the_order() -> None:
    nothing = anytime(estimated(0.0), 5.0, 0.05)
    inferences = [anytime(estimated(z), 5.0, 0.05) for z in (4.0, 60.0, 1e5, 1e12)]

    assert (nothing.p, nothing.log_p) == (1.0, 0.0)
    assert [inference.p for inference in inferences][1:] == [0.0, 0.0, 0.0]
    logs = [inference.log_p for inference in inferences]
    assert all(after < before for before, after in pairwise(logs))
    assert inferences[0].p == math.exp(logs[0]) < 0.05
    assert all(map(math.isfinite, logs))


def test_p_does_not_overflow_where_much_has_been_seen() -> None:
    assert log_p(0.0, 1.0, 1e300) == pytest.approx(math.log(1e300) / 2)
    assert anytime(estimated(0.0), 1e300, 0.05).p == 1.0
    assert math.isfinite(half_width(1.0, 1e300, 1e-300))


def test_arrays_are_inferred_as_their_members_are() -> None:
    thetas, errors, rs = np.array([0.3, -2.0]), np.array([0.2, 0.5]), np.array([3.0, 40.0])

    logs, widths = log_p(thetas, errors, rs), half_width(errors, rs, 0.01)

    for at, (theta, error, r) in enumerate(zip(thetas, errors, rs, strict=True)):
        assert logs[at] == pytest.approx(log_p(float(theta), float(error), float(r)), rel=1e-15)
        assert widths[at] == pytest.approx(half_width(float(error), float(r), 0.01), rel=1e-15)


def test_results_are_plain_floats() -> None:
    inference = anytime(estimated(1.0), 3.0, 0.05)

    shown = (inference.p, inference.log_p, inference.interval.lower, inference.interval.upper)
    assert {type(each) for each in shown} == {float}
