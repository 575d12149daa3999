"""Means, ratios and effects: normal posteriors and what they say about choosing a treatment. An
effect is the natural logarithm of a ratio (RELATIVE) or a difference (ABSOLUTE)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from domain.analysis import quadrature
from domain.analysis.quadrature import Curves, panels
from domain.metrics import MetricDirection

_DEVIATIONS = np.array([-12, -8, -5, -3, -1.5, 0, 1.5, 3, 5, 8, 12])
_LARGEST_EXPONENT = 700.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Normal:
    """N(mean, variance), both finite and the variance positive: an arm in which nothing varies
    has no posterior."""

    mean: float
    variance: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and 0 < self.variance < math.inf):
            raise ValueError(f"N({self.mean}, {self.variance}) needs a positive, finite variance")

    @property
    def sd(self) -> float:
        return math.sqrt(self.variance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Risks:
    """What each choice costs on average, should it be the wrong one."""

    choosing_treatment: float
    keeping_control: float


def posterior(estimate: Normal, prior: Normal | None = None) -> Normal:
    """Without a prior every effect was as likely as any other (flat)."""
    if prior is None:
        return estimate
    variance = 1 / (1 / estimate.variance + 1 / prior.variance)
    mean = variance * (estimate.mean / estimate.variance + prior.mean / prior.variance)
    return Normal(mean=mean, variance=variance)


def chance_to_win(effect: Normal, direction: MetricDirection) -> float:
    return float(ndtr(_sign(direction) * effect.mean / effect.sd))


def credible_interval(effect: Normal, level: float) -> tuple[float, float]:
    if not 0 <= level < 1:
        raise ValueError(f"the level is {level}: it must be from 0 to less than 1")
    half = float(ndtri((1 + level) / 2)) * effect.sd
    return effect.mean - half, effect.mean + half


def risks(effect: Normal, direction: MetricDirection) -> Risks:
    """On the scale of the effect."""
    return _risks(_expected_shortfall(effect), _expected_excess(effect), direction)


def relative_risks(effect: Normal, direction: MetricDirection) -> Risks:
    """Of a logarithmic effect, as a fraction of the control's mean. The expected ratio itself must
    be a number: mean + variance / 2 is at most 700."""
    if (exponent := effect.mean + effect.variance / 2) > _LARGEST_EXPONENT:
        raise ValueError(f"the expected ratio is e^{exponent}, which is too large")
    z, sd = effect.mean / effect.sd, effect.sd
    ratio_below = math.exp(exponent + float(log_ndtr(-z - sd)))
    ratio_above = math.exp(exponent + float(log_ndtr(z + sd)))
    shortfall, excess = float(ndtr(-z)) - ratio_below, ratio_above - float(ndtr(z))
    return _risks(max(0.0, shortfall), max(0.0, excess), direction)


def chances_to_be_best(arms: Sequence[Normal], direction: MetricDirection) -> tuple[float, ...]:
    """In the order of the arms, of which there is at least one; they sum to 1."""
    return quadrature.chances_to_be_best(_curves(arms), direction)


def expected_losses(arms: Sequence[Normal], direction: MetricDirection) -> tuple[float, ...]:
    """How far, on average, the best arm is ahead of each one."""
    return quadrature.expected_losses(_curves(arms), direction)


def _sign(direction: MetricDirection) -> int:
    return 1 if direction is MetricDirection.INCREASE else -1


def _risks(shortfall: float, excess: float, direction: MetricDirection) -> Risks:
    if direction is MetricDirection.INCREASE:
        return Risks(choosing_treatment=shortfall, keeping_control=excess)
    return Risks(choosing_treatment=excess, keeping_control=shortfall)


def _expected_excess(effect: Normal) -> float:
    """The mean of max(effect, 0)."""
    z = effect.mean / effect.sd
    bell = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return effect.mean * float(ndtr(z)) + effect.sd * bell


def _expected_shortfall(effect: Normal) -> float:
    return _expected_excess(Normal(mean=-effect.mean, variance=effect.variance))


def _curves(arms: Sequence[Normal]) -> Curves:
    means = np.array([[arm.mean] for arm in arms])
    sds = np.array([[arm.sd] for arm in arms])
    nodes, weights = panels(means + sds * _DEVIATIONS)
    z = (nodes - means) / sds
    density = np.exp(-z * z / 2) / (sds * math.sqrt(2 * math.pi))
    return Curves(weights=weights, density=density, below=ndtr(z), above=ndtr(-z))
