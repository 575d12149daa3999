"""Inference that may be looked at any number of times: an asymptotic confidence sequence.

After Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Annals of Statistics 2024. Here a is the
error rate of an interval, which a correction may have lowered; r says how much has been seen, in
units of the prior variance.
"""

import math
from collections.abc import Sequence

import numpy as np

from domain.analysis.comparison import Estimate, Inference, Numbers, around

DEFAULT_HORIZON = 5_000.0
LEAST_HORIZON = 500.0


def horizon(
    minimum_sample_size: int | None, weights: Sequence[float], control: int, treatment: int
) -> float:
    """The number of users in the two arms, given by position, at which the interval is tightest."""
    positive = [weight for weight in weights if weight > 0]
    if minimum_sample_size is None or not positive:
        return DEFAULT_HORIZON
    share = (weights[control] + weights[treatment]) / min(positive)
    return max(LEAST_HORIZON, minimum_sample_size * share)


def rho_squared(alpha: float, horizon: float) -> float:
    """By the error rate of the experiment, also where the interval is at a corrected one."""
    twice = -2 * math.log(alpha)
    return (twice + math.log1p(twice)) / horizon


def half_width(error: Numbers, r: Numbers, a: float) -> Numbers:
    width: Numbers = error * ((1 + 1 / r) * (np.log1p(r) - 2 * math.log(a))) ** 0.5
    return width


def log_p(theta: Numbers, error: Numbers, r: Numbers) -> Numbers:
    """The logarithm of the p-value, above 0 where the data speak for no effect."""
    z: Numbers = theta / error
    log: Numbers = np.log1p(r) / 2 - z * z * r / (2 * (1 + r))
    return log


def anytime(estimate: Estimate, r: float, a: float) -> Inference:
    """r is the number of users times rho_squared, and above 0."""
    log = min(0.0, float(log_p(estimate.estimate, estimate.error, r)))
    half = float(half_width(estimate.error, r, a))
    return Inference(interval=around(estimate, half, a), p=math.exp(log), log_p=log)
