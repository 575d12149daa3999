"""What a plan starts from: the control as it is known beforehand, and the errors one accepts."""

import math
from dataclasses import dataclass

from scipy.special import ndtri

from domain.metrics import EffectScale


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What is known of the control beforehand; without a standard deviation the metric is a
    rate. Effects are differences, or logarithms of ratios where the scale is RELATIVE."""

    baseline: float
    standard_deviation: float | None = None
    scale: EffectScale = EffectScale.RELATIVE

    @property
    def largest_effect(self) -> float:
        """A rate cannot be raised beyond 1."""
        if self.standard_deviation is not None:
            return math.inf
        return -math.log(self.baseline) if self._is_relative else 1.0 - self.baseline

    def unit_variance(self, effect: float = 0.0) -> float:
        """Of one user's value, on the scale of the effect; of a rate it moves with the effect."""
        if self.standard_deviation is not None:
            unit = self.baseline if self._is_relative else 1.0
            spread = self.standard_deviation / unit
            return spread * spread
        if self._is_relative:
            rate = self.baseline * math.exp(effect)
            return max(0.0, 1.0 - rate) / rate if rate > 0.0 else math.inf
        rate = self.baseline + effect
        return max(0.0, rate * (1.0 - rate))

    @property
    def _is_relative(self) -> bool:
        return self.scale is EffectScale.RELATIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """alpha for one of m hypotheses of a family is alpha / m."""

    alpha: float = 0.05
    power: float = 0.8

    @property
    def quantile(self) -> float:
        return self.critical + float(ndtri(self.power))

    @property
    def critical(self) -> float:
        return -float(ndtri(self.alpha / 2))
