"""Corrections for many hypotheses: adjusted p-values, and the intervals that agree with them.

A family holds every hypothesis, those not known yet with ln p = 0. Always-valid and fixed-horizon
p-values never share one. Nothing but ln p is read, so that p may be too small for a float.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import assert_never

from domain.experiments import Correction


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """The interval at level 1 - alpha excludes no effect exactly when p is below the family's."""

    p: float
    log_p: float
    alpha: float


def adjusted(log_ps: Sequence[float], alpha: float, correction: Correction) -> list[Adjusted]:
    """In the order given."""
    match correction:
        case Correction.HOLM:
            return _unsorted(log_ps, _holm(sorted(log_ps), alpha))
        case Correction.BENJAMINI_HOCHBERG:
            return _unsorted(log_ps, _benjamini_hochberg(sorted(log_ps), alpha))
        case Correction.BONFERRONI:
            count = len(log_ps)
            return [_adjusted(log + math.log(count), alpha / count) for log in log_ps]
        case Correction.NONE:
            return [_adjusted(log, alpha) for log in log_ps]
        case _:
            assert_never(correction)


def _holm(ascending: Sequence[float], alpha: float) -> list[Adjusted]:
    count = len(ascending)
    left = range(count, 0, -1)  # hypotheses not rejected before this one
    raw = accumulate((log + math.log(k) for log, k in zip(ascending, left, strict=True)), max)
    return [
        _adjusted(most, alpha / k if math.isinf(most) else alpha * math.exp(log - most))
        for log, most, k in zip(ascending, raw, left, strict=True)
    ]


def _benjamini_hochberg(ascending: Sequence[float], alpha: float) -> list[Adjusted]:
    count = len(ascending)
    scaled = [log + math.log(count / rank) for rank, log in enumerate(ascending, 1)]
    least = list(accumulate(reversed(scaled), min))[::-1]
    rejected = sum(math.exp(min(0.0, log)) < alpha for log in least)
    return [_adjusted(log, alpha * max(rejected, 1) / count) for log in least]


def _adjusted(log: float, alpha: float) -> Adjusted:
    log = min(0.0, log)
    return Adjusted(p=math.exp(log), log_p=log, alpha=alpha)


def _unsorted(log_ps: Sequence[float], ascending: Sequence[Adjusted]) -> list[Adjusted]:
    order = sorted(range(len(log_ps)), key=log_ps.__getitem__)
    placed = dict(zip(order, ascending, strict=True))
    return [placed[position] for position in range(len(log_ps))]
