"""Whether the arms got the users that their weights promised them, at one look (chi-square) and
at every look (a martingale after Lindon and Malek, extended to weights that change)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, gammaln

_Floats: TypeAlias = NDArray[np.float64]

MISMATCH = 0.001
_FEWEST_USERS = 100
_FEWEST_EXPECTED = 5.0
_PRIOR_USERS = 100.0
_SINGULAR = 1e-10


class SampleRatioState(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ALARM = "alarm"
    NOT_ENOUGH_DATA = "not_enough_data"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseCounts:
    """What one phase promised each arm and how many users it gave it, all phases naming the same
    arms in the same order."""

    weights: tuple[float, ...]
    observed: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.weights) != len(self.observed):
            raise ValueError("a phase has one weight and one count for each arm")
        if not (min(self.weights) >= 0 and math.isclose(math.fsum(self.weights), 1, rel_tol=1e-9)):
            raise ValueError(f"weights are shares of 1, which {self.weights} are not")
        if min(self.observed) < 0:
            raise ValueError(f"{self.observed} counts fewer than no users")


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRatio:
    expected: tuple[float, ...]
    observed: tuple[int, ...]
    p_value: float | None
    anytime_p_value: float | None
    state: SampleRatioState


NOTHING_YET = SampleRatio(
    expected=(),
    observed=(),
    p_value=None,
    anytime_p_value=None,
    state=SampleRatioState.NOT_ENOUGH_DATA,
)


def sample_ratio(phases: Sequence[PhaseCounts], *, planned_end: bool = False) -> SampleRatio:
    """`planned_end` says that this is the one look that was planned: only there does the p-value of
    a single look raise the alarm. That an alarm stays until somebody acknowledges it is for the
    caller to remember. Before the first phase there is no anytime p-value."""
    if not phases:
        return NOTHING_YET
    weights = np.array([phase.weights for phase in phases], dtype=np.float64)
    observed = np.array([phase.observed for phase in phases], dtype=np.float64)
    p_value = _p_value(weights, observed)
    anytime = _anytime_p_value(weights, observed)
    return SampleRatio(
        expected=tuple(float(users) for users in observed.sum(axis=1) @ weights),
        observed=tuple(int(users) for users in observed.sum(axis=0)),
        p_value=p_value,
        anytime_p_value=anytime,
        state=_state(p_value, anytime, planned_end=planned_end),
    )


def log_evidence(weights: _Floats, observed: _Floats) -> tuple[_Floats, _Floats]:
    """ln M_carry and ln M_restart after each phase. The last two axes are phases and arms; others
    are looks or runs. Infinite once an arm of weight 0 has got a user."""
    impossible = ((weights == 0) & (observed > 0)).any(axis=-1)
    carried = _log_bayes_factors(observed, _carried(weights, observed), weights)
    restarted = _log_bayes_factors(observed, _PRIOR_USERS * weights, weights)
    return _summed(carried, impossible), _summed(restarted, impossible)


def _summed(factors: _Floats, impossible: NDArray[np.bool_]) -> _Floats:
    return np.cumsum(np.where(impossible, np.inf, factors), axis=-1)


def _state(p_value: float | None, anytime: float, *, planned_end: bool) -> SampleRatioState:
    suspicious = p_value is not None and p_value < MISMATCH
    if anytime <= MISMATCH or (suspicious and planned_end):
        return SampleRatioState.ALARM
    if p_value is None:
        return SampleRatioState.NOT_ENOUGH_DATA
    return SampleRatioState.WARNING if suspicious else SampleRatioState.OK


def _p_value(weights: _Floats, observed: _Floats) -> float | None:
    """Over the arms that some phase gave a weight."""
    ever = (weights > 0).any(axis=0)
    weights, observed = weights[:, ever], observed[:, ever]
    users = observed.sum(axis=1)
    expected = users @ weights
    if users.sum() < _FEWEST_USERS or expected.min() < _FEWEST_EXPECTED:
        return None
    covariance = np.diag(expected) - (weights.T * users) @ weights
    return _chi_square(observed.sum(axis=0) - expected, covariance, np.sqrt(expected))


def _chi_square(off: _Floats, covariance: _Floats, scale: _Floats) -> float | None:
    """Divided by the scale, eigenvalues are of the order of 1 whatever the weights. None where
    every weight was 0 or 1 and nothing was left to chance."""
    scaled = covariance / np.outer(scale, scale)
    freedom = np.linalg.matrix_rank(scaled, tol=_SINGULAR, hermitian=True)
    inverse = np.linalg.pinv(scaled, rcond=_SINGULAR, hermitian=True)
    statistic = (off / scale) @ inverse @ (off / scale)
    return float(chdtrc(freedom, max(0.0, statistic))) if freedom else None


def _anytime_p_value(weights: _Floats, observed: _Floats) -> float:
    carry, restart = (float(log[-1]) for log in log_evidence(weights, observed))
    return math.exp(-max(0.0, float(np.logaddexp(carry, restart)) - math.log(2)))


def _carried(weights: _Floats, observed: _Floats) -> _Floats:
    """Dirichlet parameters that begin each phase with what the earlier phases showed."""
    users = observed.sum(axis=-1, keepdims=True)
    before = _before(users)
    prior = _PRIOR_USERS * _first_weights(weights)
    seen, promised = _before(observed) + prior, _before(users * weights) + prior
    tilted = weights * seen / np.where(promised > 0, promised, 1.0)
    parameters: _Floats = (_PRIOR_USERS + before) * tilted / tilted.sum(axis=-1, keepdims=True)
    return parameters


def _before(phases: _Floats) -> _Floats:
    return np.cumsum(phases, axis=-2) - phases


def _first_weights(weights: _Floats) -> _Floats:
    """Of each arm in the first phase that gave it any."""
    first = np.argmax(weights > 0, axis=-2, keepdims=True)
    return np.take_along_axis(weights, first, axis=-2)


def _log_bayes_factors(observed: _Floats, parameters: _Floats, weights: _Floats) -> _Floats:
    """Dirichlet-multinomial against multinomial, of each phase, over its arms of weight > 0."""
    given = weights > 0
    shape = np.where(given, parameters, 1.0)
    users = np.where(given, observed, 0.0)
    arms = gammaln(shape + users) - gammaln(shape) - users * np.log(np.where(given, weights, 1.0))
    total, size = np.where(given, shape, 0.0).sum(axis=-1), users.sum(axis=-1)
    factors: _Floats = gammaln(total) - gammaln(total + size) + arms.sum(axis=-1)
    return factors
