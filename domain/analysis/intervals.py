"""What one variant shows by itself; where two of these intervals overlap says nothing of a test."""

import math
from dataclasses import dataclass

from scipy.special import ndtri, stdtrit

from domain.analysis.notes import ResultNote
from domain.analysis.sums import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    lower: float
    upper: float
    level: float


def wilson_interval(conversions: int, users: int, alpha: float) -> Interval | None:
    if users <= 0:
        return None
    z = -float(ndtri(alpha / 2))
    rate, shrink = conversions / users, 1 + z * z / users
    centre = (rate + z * z / (2 * users)) / shrink
    half = z / shrink * math.sqrt(rate * (1 - rate) / users + (z / (2 * users)) ** 2)
    lower = centre - half if conversions > 0 else 0.0
    upper = centre + half if conversions < users else 1.0
    return Interval(lower=lower, upper=upper, level=1 - alpha)


def mean_interval(sample: Sample, alpha: float) -> Interval | None:
    if mean_note(sample.n, sample) is not None:
        return None
    half = -float(stdtrit(sample.n - 1, alpha / 2)) * math.sqrt(sample.variance / sample.n)
    return Interval(lower=sample.mean - half, upper=sample.mean + half, level=1 - alpha)


def mean_note(users: int, sample: Sample | None) -> ResultNote | None:
    """Why there is no interval for the mean."""
    if users <= 0:
        return ResultNote.NO_USERS
    if sample is None or sample.n < 2:
        return ResultNote.TOO_FEW_OBSERVATIONS
    return ResultNote.ZERO_VARIANCE if sample.variance <= 0.0 else None
