"""How often, and how soon, the sequential test of the sample ratio raises its alarm. With
ABGRAPH_SOAK=1 every row of the table in the specification has all of its runs."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr
from scipy.stats import binom

from domain.analysis.sample_ratio import log_evidence

Floats = NDArray[np.float64]
ALLOWED = {0.05: 0.05, 0.01: 0.01, 0.001: 0.002}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """Phases of equal length, looked at after each `every` users."""

    weights: tuple[tuple[float, ...], ...]
    every: int
    looks: int


TWO_PHASES = Ramp(weights=((0.9, 0.1), (0.5, 0.5)), every=5, looks=500)
THREE_ARMS = Ramp(
    weights=((0.8, 0.1, 0.1), (0.5, 0.25, 0.25), (1 / 3, 1 / 3, 1 / 3)), every=6, looks=300
)


@pytest.mark.parametrize(
    ("weight", "runs", "table", "seed"), [(0.5, 20_000, 0.034, 41), (0.9, 10_000, 0.033, 42)]
)
def test_one_phase_looked_at_after_each_user_raises_few_false_alarms(
    weight: float, runs: int, table: float, seed: int
) -> None:
    looks = np.arange(1, 5_001)
    bounds = {alpha: _bounds(weight, looks, alpha) for alpha in ALLOWED}

    alarms = dict.fromkeys(ALLOWED, 0)
    for counts in _walks(np.random.default_rng(seed), weight, looks, runs):
        for alpha, (low, high) in bounds.items():
            alarms[alpha] += int(((counts <= low) | (counts >= high)).any(axis=1).sum())

    assert _too_many(alarms, runs) == {}
    assert alarms[0.05] / runs == pytest.approx(table, abs=_noise(table, runs, runs))


@pytest.mark.parametrize(
    ("ramp", "short", "table", "seed"),
    [(TWO_PHASES, 1_500, 0.033, 43), (THREE_ARMS, 1_000, 0.039, 44)],
    ids=["two phases", "three arms, three phases"],
)
def test_changing_weights_raise_few_false_alarms(
    ramp: Ramp, short: int, table: float, seed: int
) -> None:
    runs = _runs(short, 10_000)
    rng = np.random.default_rng(seed)

    peaks = np.concatenate([_peaks(ramp, rng, runs=100) for _ in range(runs // 100)])

    alarms = _alarms(peaks)
    assert _too_many(alarms, runs) == {}
    assert alarms[0.05] / runs == pytest.approx(table, abs=_noise(table, runs, 10_000))


def test_the_weights_of_a_bandit_raise_few_false_alarms() -> None:
    weights, observed = _bandits(np.random.default_rng(45), runs=4_000, epochs=60, users=50)

    carry, restart = log_evidence(weights, observed)

    alarms = _alarms(_joint(carry, restart).max(axis=1))
    assert _too_many(alarms, 4_000) == {}


def test_a_single_look_repeated_would_raise_many() -> None:
    """The contrast for which the sequential test exists."""
    users = np.arange(50, 20_001, 50)
    counts = np.concatenate([*_walks(np.random.default_rng(46), 0.5, users, 4_000)])

    smallest = chdtrc(1, ((2 * counts - users) ** 2 / users).max(axis=1))

    assert (smallest < 0.05).mean() == pytest.approx(0.45, abs=_noise(0.45, 4_000, 4_000))
    assert (smallest < 0.001).mean() == pytest.approx(0.02, abs=_noise(0.02, 4_000, 4_000))


@pytest.mark.parametrize(
    ("true", "median", "every", "seed"),
    [(0.6, 420, 1, 47), (0.53, 4_500, 5, 48), (0.51, 45_000, 50, 49)],
)
def test_a_wrong_split_is_detected_in_time(true: float, median: int, every: int, seed: int) -> None:
    users = np.arange(every, 5 * median, every)
    low, high = _bounds(0.5, users, 0.001)
    counts = np.concatenate([*_walks(np.random.default_rng(seed), true, users, 2_000)])

    alarms = (counts <= low) | (counts >= high)

    detected = np.where(alarms.any(axis=1), users[alarms.argmax(axis=1)], math.inf)
    assert np.median(detected) == pytest.approx(median, rel=0.1)


def test_a_fault_of_the_second_phase_is_caught_because_the_evidence_restarts() -> None:
    """One arm loses a tenth of its users after the first 10,000 were shared as promised."""
    rng, runs = np.random.default_rng(50), 1_000
    first = rng.multinomial(10_000, (0.9, 0.1), runs)
    kept = rng.multinomial(100, (0.45, 0.5, 0.05), (runs, 100)).cumsum(axis=1)[..., :2]
    observed = np.stack([np.broadcast_to(first[:, None], kept.shape), kept], axis=-2)

    carry, restart = log_evidence(np.array(TWO_PHASES.weights), observed.astype(np.float64))

    caught = _joint(carry, restart)[..., -1].max(axis=1) >= math.log(1_000)
    by_carry = carry[..., -1].max(axis=1) >= math.log(1_000)
    assert caught.mean() == pytest.approx(0.69, abs=_noise(0.69, runs, 4_000))
    assert by_carry.mean() == pytest.approx(0.27, abs=_noise(0.27, runs, 4_000))


def _runs(short: int, full: int) -> int:
    return full if os.getenv("ABGRAPH_SOAK") == "1" else short


def _too_many(alarms: dict[float, int], runs: int) -> dict[float, int]:
    """More than the level allows; with the short number of runs, more than its 99 % band."""
    most = {
        alpha: binom.ppf(0.995, runs, allowed) if runs < 4_000 else allowed * runs
        for alpha, allowed in ALLOWED.items()
    }
    return {alpha: alarms[alpha] for alpha in ALLOWED if not alarms[alpha] <= most[alpha]}


def _alarms(peaks: Floats) -> dict[float, int]:
    return {alpha: int((peaks >= -math.log(alpha)).sum()) for alpha in ALLOWED}


def _noise(rate: float, runs: int, others: int) -> float:
    """Four standard errors of the difference of two simulated rates."""
    return 4 * math.sqrt(rate * (1 - rate) * (1 / runs + 1 / others))


def _joint(carry: Floats, restart: Floats) -> Floats:
    return np.logaddexp(carry, restart) - math.log(2)


def _walks(
    rng: np.random.Generator, weight: float, users: NDArray[np.intp], runs: int
) -> Iterator[NDArray[np.int32]]:
    """Counts of the first arm at each look, 500 runs at a time."""
    every = int(users[0])
    for _ in range(runs // 500):
        if every == 1:
            steps = (rng.random((500, len(users)), dtype=np.float32) < weight).astype(np.int32)
        else:
            steps = rng.binomial(every, weight, (500, len(users))).astype(np.int32)
        yield np.cumsum(steps, axis=1, dtype=np.int32)


def _bounds(
    weight: float, users: NDArray[np.intp], alpha: float
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The counts of the first arm, up to and from which the alarm is raised. The evidence grows
    towards both sides of the promise, so bisection finds them."""
    high = _bound(weight, users, alpha)
    low = users - _bound(1 - weight, users, alpha)
    return low.astype(np.int32), high.astype(np.int32)


def _bound(weight: float, users: NDArray[np.intp], alpha: float) -> NDArray[np.intp]:
    below, above = np.floor(users * weight).astype(np.intp), users + 1
    for _ in range(int(users[-1]).bit_length()):
        middle = (below + above) // 2
        counts = np.stack([middle, users - middle], axis=-1)[:, None].astype(np.float64)
        carry, restart = log_evidence(np.array([[weight, 1 - weight]]), counts)
        raised = _joint(carry, restart)[:, -1] >= -math.log(alpha)
        below, above = np.where(raised, below, middle), np.where(raised, middle, above)
    return above


def _peaks(ramp: Ramp, rng: np.random.Generator, runs: int) -> Floats:
    """The largest evidence at any look."""
    ended: list[NDArray[np.int64]] = []
    peaks = np.full(runs, -math.inf)
    for phase, weights in enumerate(ramp.weights):
        counts = rng.multinomial(ramp.every, weights, (runs, ramp.looks)).cumsum(axis=1)
        before = [np.broadcast_to(one[:, None], counts.shape) for one in ended]
        observed = np.stack([*before, counts], axis=-2).astype(np.float64)
        carry, restart = log_evidence(np.array(ramp.weights[: phase + 1]), observed)
        peaks = np.maximum(peaks, _joint(carry, restart)[..., -1].max(axis=1))
        ended.append(counts[:, -1])
    return peaks


def _bandits(rng: np.random.Generator, runs: int, epochs: int, users: int) -> tuple[Floats, Floats]:
    """Two arms that convert alike, weighted after each epoch by about their chances to be best."""
    weights, observed = np.empty((runs, epochs, 2)), np.empty((runs, epochs, 2))
    seen, converted = np.zeros((runs, 2)), np.zeros((runs, 2))
    for epoch in range(epochs):
        rate = (converted + 1) / (seen + 2)
        spread = np.sqrt((rate * (1 - rate) / (seen + 3)).sum(axis=1))
        weights[:, epoch, 0] = 0.05 + 0.9 * ndtr((rate[:, 0] - rate[:, 1]) / spread)
        weights[:, epoch, 1] = 1 - weights[:, epoch, 0]
        observed[:, epoch, 0] = rng.binomial(users, weights[:, epoch, 0])
        observed[:, epoch, 1] = users - observed[:, epoch, 0]
        seen += observed[:, epoch]
        converted += rng.binomial(observed[:, epoch].astype(np.int64), 0.1)
    return weights, observed
