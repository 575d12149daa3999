"""What each active variant shows by itself, for one metric."""

import math
import sys
from dataclasses import dataclass

from scipy.special import ndtri

from domain.analysis.comparison import Arm
from domain.analysis.grids import Ranking
from domain.analysis.intervals import Interval, mean_interval, wilson_interval
from domain.analysis.observed import Observed
from domain.analysis.rankings import ranking
from domain.analysis.results import VariantResult
from domain.analysis.sums import Sample, Sums, sample
from domain.analysis.tallies import Tallies
from domain.analysis.weighted_means import WeightedMeans
from domain.metrics import MetricAggregation, MetricDefinition

_LARGEST = sys.float_info.max


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    mean: float | None = None
    standard_deviation: float | None = None
    interval: Interval | None = None


def variant_results(
    observed: Observed, tallies: Tallies, metric: MetricDefinition, weighted: WeightedMeans | None
) -> list[VariantResult]:
    """`weighted`: a bandit's means; plain ones would mislead there."""
    alpha, ranked = observed.experiment.alpha, ranking(observed, tallies, metric)
    held = []
    for place, variant in enumerate(observed.active):
        total = tallies.total(variant, metric)
        if observed.is_bandit:
            shown = _weighted(None if weighted is None else weighted.arm(variant), metric, alpha)
        else:
            shown = _plain(total, metric, alpha)
        probability_best, expected_loss = _of(ranked, place)
        held.append(
            VariantResult(
                variant=variant,
                users=total.users,
                conversions=tallies.conversions(variant, metric),
                total=max(-_LARGEST, min(float(total.total), _LARGEST)),
                mean=shown.mean,
                standard_deviation=shown.standard_deviation,
                interval=shown.interval,
                probability_best=probability_best,
                expected_loss=expected_loss,
            )
        )
    return held


def _of(ranked: Ranking | None, place: int) -> tuple[float | None, float | None]:
    if ranked is None:
        return None, None
    return ranked.chances_to_be_best[place], ranked.expected_losses[place]


def _weighted(arm: Arm | None, metric: MetricDefinition, alpha: float) -> _Shown:
    """The spread of one user is not what the estimates rest on."""
    if arm is None or not math.isfinite(arm.mean + arm.u):
        return _Shown()
    half = -float(ndtri(alpha / 2)) * math.sqrt(max(0.0, arm.u))
    lower, mean, upper = (
        _within(each, metric) for each in (arm.mean - half, arm.mean, arm.mean + half)
    )
    if half == 0.0:
        return _Shown(mean=mean)
    return _Shown(mean=mean, interval=Interval(lower=lower, upper=upper, level=1 - alpha))


def _within(value: float, metric: MetricDefinition) -> float:
    """The weights may lift a rate above 1, or lower it below 0."""
    if metric.aggregation is not MetricAggregation.BINARY:
        return value
    return max(0.0, min(value, 1.0))


def _plain(total: Sums, metric: MetricDefinition, alpha: float) -> _Shown:
    shown = _sample(total, metric)
    return _Shown(
        mean=None if shown is None else shown.mean,
        standard_deviation=_deviation(shown, metric),
        interval=_interval(shown, total, metric, alpha),
    )


def _sample(total: Sums, metric: MetricDefinition) -> Sample | None:
    """None where a float could not hold it, too."""
    held = sample(total, metric.aggregation)
    return held if held is not None and math.isfinite(held.mean + held.variance) else None


def _deviation(shown: Sample | None, metric: MetricDefinition) -> float | None:
    """One user shows no spread, except that of a rate."""
    if shown is None or (shown.n < 2 and metric.aggregation is not MetricAggregation.BINARY):
        return None
    return math.sqrt(shown.variance)


def _interval(
    shown: Sample | None, total: Sums, metric: MetricDefinition, alpha: float
) -> Interval | None:
    if shown is None:
        return None
    if metric.aggregation is MetricAggregation.BINARY:
        return wilson_interval(int(total.total), total.users, alpha)
    return mean_interval(shown, alpha)
