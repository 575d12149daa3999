import time
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chisquare, multinomial

from domain.analysis.sample_ratio import (
    PhaseCounts,
    SampleRatioState,
    log_evidence,
    sample_ratio,
)

Floats = NDArray[np.float64]
OK, WARNING, ALARM, NOT_ENOUGH_DATA = SampleRatioState


def _phase(weights: tuple[float, ...], observed: tuple[int, ...]) -> PhaseCounts:
    return PhaseCounts(weights=weights, observed=observed)


RAMP = [_phase((0.9, 0.1), (4480, 541)), _phase((0.5, 0.5), (6120, 5893))]
THIRDS = (1 / 3, 1 / 3, 1 / 3)


def test_the_worked_example_with_two_phases_is_met() -> None:
    found = sample_ratio(RAMP)

    assert found.expected == pytest.approx((10525.4, 6508.6), rel=1e-15)
    assert found.observed == (10600, 6434)
    assert found.p_value == pytest.approx(0.2043948140, abs=1e-10)
    assert found.anytime_p_value == 1.0
    assert found.state is OK


def test_the_evidence_of_the_worked_example_is_met() -> None:
    carry, restart = _evidence(RAMP)

    assert carry == pytest.approx(-5.266154452, abs=1e-9)
    assert restart == pytest.approx(-0.6761755343, abs=1e-10)


def test_the_worked_example_with_three_arms_raises_the_alarm() -> None:
    found = sample_ratio([_phase(THIRDS, (3391, 2980, 3404))])

    assert found.p_value == pytest.approx(1.778681856e-8, abs=1e-17)
    assert found.anytime_p_value == pytest.approx(1.6211100e-6, abs=1e-13)
    assert found.state is ALARM


@pytest.mark.parametrize("seed", range(20))
def test_one_phase_is_pearson_s_test(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet([3.0] * rng.integers(2, 7))
    observed = rng.multinomial(20_000, rng.dirichlet(weights * 10_000))

    found = sample_ratio([_phase(tuple(weights.tolist()), tuple(observed.tolist()))])

    expected = chisquare(observed, weights * 20_000, sum_check=False)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-11, abs=0)


def test_two_phases_are_rejected_as_often_as_the_level_says() -> None:
    rng = np.random.default_rng(31)
    first = rng.binomial(1_000, 0.9, 10_000)
    second = rng.binomial(1_500, 0.5, 10_000)

    found = [
        sample_ratio([_phase((0.9, 0.1), (a, 1_000 - a)), _phase((0.5, 0.5), (b, 1_500 - b))])
        for a, b in zip(first.tolist(), second.tolist(), strict=True)
    ]

    rejected = sum(one.p_value is not None and one.p_value < 0.05 for one in found)
    assert 445 <= rejected <= 557


def test_the_arms_that_no_phase_opened_are_left_out() -> None:
    without = sample_ratio([_phase((0.6, 0.4), (640, 360))])
    with_it = sample_ratio([_phase((0.6, 0.0, 0.4), (640, 0, 360))])

    assert with_it.expected == (600.0, 0.0, 400.0)
    assert with_it.p_value == pytest.approx(without.p_value, rel=1e-12)
    assert with_it.anytime_p_value == pytest.approx(without.anytime_p_value, rel=1e-12)
    assert with_it.state is without.state


@pytest.mark.parametrize(
    "phases",
    [
        [_phase((0.5, 0.5), (0, 0))],
        [_phase((0.5, 0.5), (49, 50))],
        [_phase((0.99, 0.01), (396, 3))],
        [_phase((1.0,), (5_000,))],
        [_phase((1.0, 0.0), (5_000, 0)), _phase((0.0, 1.0), (0, 5_000))],
    ],
    ids=["nobody", "99 users", "3.99 expected", "one arm", "nothing left to chance"],
)
def test_too_little_to_test_has_no_p_value(phases: list[PhaseCounts]) -> None:
    found = sample_ratio(phases)

    assert found.p_value is None
    assert found.anytime_p_value == pytest.approx(1.0)
    assert found.state is NOT_ENOUGH_DATA


def test_before_the_first_phase_nothing_is_known() -> None:
    found = sample_ratio([])

    assert (found.expected, found.observed) == ((), ())
    assert found.p_value is found.anytime_p_value is None
    assert found.state is NOT_ENOUGH_DATA


def test_an_arm_of_weight_zero_that_gets_a_user_raises_the_alarm_for_good() -> None:
    closed = _phase((0.5, 0.5, 0.0), (20, 20, 1))
    opened = _phase(THIRDS, (5_000, 5_000, 5_000))

    for phases in ([closed], [closed, opened], [opened, closed]):
        found = sample_ratio(phases)

        assert found.anytime_p_value == 0.0
        assert found.state is ALARM


def test_a_single_look_warns_and_only_the_planned_one_alarms() -> None:
    suspicious = [_phase((0.5, 0.5), (5_180, 4_820))]

    assert sample_ratio(suspicious).p_value == pytest.approx(0.000318, abs=1e-6)
    assert sample_ratio(suspicious).state is WARNING
    assert sample_ratio(suspicious, planned_end=True).state is ALARM
    assert sample_ratio(RAMP, planned_end=True).state is OK


def test_few_users_raise_the_alarm_where_the_evidence_is_strong() -> None:
    found = sample_ratio([_phase((0.5, 0.5), (60, 0))])

    assert found.p_value is None
    assert found.state is ALARM


@pytest.mark.parametrize(
    ("weights", "observed"),
    [
        ((0.5, 0.5), (1, 2, 3)),
        ((0.5, 0.6), (1, 2)),
        ((1.5, -0.5), (1, 2)),
        ((float("nan"), 0.5), (1, 2)),
        ((0.5, 0.5), (1, -2)),
    ],
)
def test_a_phase_that_cannot_be_is_refused(
    weights: tuple[float, ...], observed: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"a phase|shares of 1|fewer than no users"):
        _phase(weights, observed)


def test_the_evidence_has_mean_one_where_the_weights_are_kept() -> None:
    """Exactly, over everything that two phases of five users and three arms can bring."""
    weights = np.array([[0.7, 0.3, 0.0], [0.2, 0.5, 0.3]])
    cells = [np.array(c, dtype=np.float64) for c in product(range(6), repeat=3) if sum(c) == 5]
    observed = np.array(list(product(cells, cells)))
    chance = np.prod([multinomial.pmf(observed[:, p], 5, weights[p]) for p in (0, 1)], axis=0)
    possible = chance > 0

    carry, restart = log_evidence(weights[None], observed[possible])

    assert len(chance[possible]) == 126
    assert np.exp(carry[:, -1]) @ chance[possible] == pytest.approx(1.0, abs=1e-12)
    assert np.exp(restart[:, -1]) @ chance[possible] == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.2, 0.7, 0.1), (0.9, 0.0, 0.1)], ids=str)
def test_a_phase_cut_in_two_carries_the_same_evidence(weights: tuple[float, ...]) -> None:
    rng = np.random.default_rng(32)
    parts = [tuple(rng.multinomial(n, weights).tolist()) for n in (1_300, 0, 2_700, 41)]
    whole = tuple(map(sum, zip(*parts, strict=True)))

    in_parts, _ = _evidence([_phase(weights, part) for part in parts])
    at_once, restarted = _evidence([_phase(weights, whole)])

    assert in_parts == pytest.approx(at_once, abs=1e-9)
    assert restarted == pytest.approx(at_once, abs=1e-9)


def test_a_thousand_epochs_of_five_arms_take_a_few_milliseconds() -> None:
    rng = np.random.default_rng(33)
    epochs = [
        _phase(tuple(w.tolist()), tuple(rng.multinomial(200, w).tolist()))
        for w in rng.dirichlet([5.0] * 5, 1_000)
    ]

    assert min(_seconds(epochs) for _ in range(5)) < 0.02
    assert sample_ratio(epochs).state is OK


def _evidence(phases: list[PhaseCounts]) -> tuple[float, float]:
    carry, restart = log_evidence(
        np.array([phase.weights for phase in phases]),
        np.array([phase.observed for phase in phases], dtype=np.float64),
    )
    return float(carry[-1]), float(restart[-1])


def _seconds(phases: list[PhaseCounts]) -> float:
    start = time.perf_counter()
    sample_ratio(phases)
    return time.perf_counter() - start
