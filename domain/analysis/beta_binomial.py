"""Rates: beta posteriors and what they say about the best arm, its loss and its lift."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import betainc, betaincc

from domain.analysis import quadrature
from domain.analysis.quadrature import Curves, Floats, panels
from domain.metrics import MetricDirection

# A posterior next to 0 or 1 falls off like e^-t, not like a normal one, on the side away from it.
_SPANS = np.array([0, 1.5, 3, 5, 8, 12, 20, 35, 60, 100])
_DEVIATIONS = np.concatenate([-_SPANS[:0:-1], _SPANS])
_SMALLEST_PARAMETER = 0.5  # below it the density at 0 or 1 is too steep for the panels
_USUAL_LOG_LIFT = 20.0
_LARGEST_LOG_LIFT = 640.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """Beta(a, b), which is also the form of a prior; both are at least ½ (Jeffreys' prior)."""

    a: float
    b: float

    def __post_init__(self) -> None:
        if not (min(self.a, self.b) >= _SMALLEST_PARAMETER and math.isfinite(self.a + self.b)):
            raise ValueError(f"Beta({self.a}, {self.b}) needs two finite parameters from ½")

    def after(self, conversions: int, users: int) -> "Posterior":
        if not 0 <= conversions <= users:
            raise ValueError(f"{conversions} of {users} users cannot have converted")
        return Posterior(a=self.a + conversions, b=self.b + users - conversions)

    @property
    def mean(self) -> float:
        return self.a / (self.a + self.b)

    @property
    def sd(self) -> float:
        total = self.a + self.b
        return math.sqrt(self.a / total * (self.b / total) / (total + 1))


UNIFORM = Posterior(a=1.0, b=1.0)


def posterior(conversions: int, users: int, prior: Posterior = UNIFORM) -> Posterior:
    return prior.after(conversions, users)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Halves:
    """Nodes up to ½ by their distance from 0, the others by their distance from 1: the digits of
    1 - 1e-9 would not be enough."""

    near_zero: Floats
    near_one: Floats
    weights: Floats


def chances_to_be_best(
    posteriors: Sequence[Posterior], direction: MetricDirection
) -> tuple[float, ...]:
    """In the order of the posteriors, of which there is at least one; they sum to 1."""
    return quadrature.chances_to_be_best(_curves(posteriors), direction)


def chance_to_beat(treatment: Posterior, control: Posterior, direction: MetricDirection) -> float:
    return chances_to_be_best((treatment, control), direction)[0]


def expected_losses(
    posteriors: Sequence[Posterior], direction: MetricDirection
) -> tuple[float, ...]:
    """How far, on average, the best arm is ahead of each one: what choosing it would cost."""
    return quadrature.expected_losses(_curves(posteriors), direction)


def credible_lift(treatment: Posterior, control: Posterior, level: float) -> tuple[float, float]:
    """For a level from 0 (the median, twice) to less than 1."""
    if not 0 <= level < 1:
        raise ValueError(f"the level is {level}: it must be from 0 to less than 1")
    tail = (1 - level) / 2
    return lift_quantile(treatment, control, tail), lift_quantile(treatment, control, 1 - tail)


def lift_quantile(treatment: Posterior, control: Posterior, q: float) -> float:
    """Of the lift θ_treatment / θ_control - 1, for 0 < q < 1."""

    def excess(log_ratio: float) -> float:
        return lift_cdf(log_ratio, treatment, control) - q

    usual = excess(-_USUAL_LOG_LIFT) < 0 < excess(_USUAL_LOG_LIFT)
    reach = _USUAL_LOG_LIFT if usual else _LARGEST_LOG_LIFT
    return math.expm1(brentq(excess, -reach, reach, xtol=1e-15))


def lift_cdf(log_ratio: float, treatment: Posterior, control: Posterior) -> float:
    """P(ln(θ_treatment / θ_control) ≤ log_ratio)."""
    ends = np.clip(np.append(_edges([treatment]), 1.0), 0.0, 1.0) * math.exp(-log_ratio)
    halves = _halves(np.append(_edges([control]), ends))
    log_rate = np.concatenate([np.log(halves.near_zero), np.log1p(-halves.near_one)])
    reached = _distribution(treatment, np.minimum(0.0, log_ratio + log_rate))
    density = _density(*_columns([control]), halves)[0]
    return float((density * reached) @ halves.weights)


def _curves(posteriors: Sequence[Posterior]) -> Curves:
    a, b = _columns(posteriors)
    halves = _halves(_edges(posteriors))
    low, high = halves.near_zero, halves.near_one
    return Curves(
        weights=halves.weights,
        density=_density(a, b, halves),
        below=np.hstack([betainc(a, b, low), betaincc(b, a, high)]),
        above=np.hstack([betaincc(a, b, low), betainc(b, a, high)]),
    )


def _columns(posteriors: Sequence[Posterior]) -> tuple[Floats, Floats]:
    both = np.array([(one.a, one.b) for one in posteriors], dtype=np.float64)
    return both[:, :1], both[:, 1:]


def _edges(posteriors: Sequence[Posterior]) -> Floats:
    return np.concatenate([one.mean + one.sd * _DEVIATIONS for one in posteriors])


def _halves(edges: Floats) -> _Halves:
    low, low_weights = _near_zero(edges)
    high, high_weights = _near_zero(1.0 - edges)
    return _Halves(
        near_zero=low, near_one=high, weights=np.concatenate([low_weights, high_weights])
    )


def _near_zero(edges: Floats) -> tuple[Floats, Floats]:
    """Nodes in [0, ½], taken on the scale of the square root, where a density that begins like
    x^-½ is smooth."""
    inside = np.clip(np.append(edges, (0.0, 0.5)), 0.0, 0.5)
    roots, weights = panels(np.sqrt(inside))
    return roots**2, 2.0 * roots * weights


def _density(a: Floats, b: Floats, halves: _Halves) -> Floats:
    """Scaled by its own integral: over a million users the beta function loses seven digits."""
    logs = np.hstack([_log_density(a, b, halves.near_zero), _log_density(b, a, halves.near_one)])
    density = np.exp(logs)
    return density / (density @ halves.weights)[:, None]


def _log_density(a: Floats, b: Floats, low: Floats) -> Floats:
    """For rates up to ½, less its value at the mean: the large terms cancel before rounding."""
    mean, rest = a / (a + b), b / (a + b)
    off = low - mean
    to_zero = np.where(off < -mean / 2, np.log(low / mean), np.log1p(np.maximum(off / mean, -0.5)))
    return (a - 1.0) * to_zero + (b - 1.0) * np.log1p(-off / rest)


def _distribution(one: Posterior, log_rate: Floats) -> Floats:
    rate, rest = np.exp(log_rate), -np.expm1(log_rate)
    low = betainc(one.a, one.b, rate)
    return np.where(rate < 0.5, low, betaincc(one.b, one.a, rest))
