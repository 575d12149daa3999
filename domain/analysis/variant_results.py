"""What each active variant shows by itself, for one metric."""

import math
import sys

from domain.analysis.grids import Ranking
from domain.analysis.intervals import Interval, mean_interval, wilson_interval
from domain.analysis.observed import Observed
from domain.analysis.rankings import ranking
from domain.analysis.results import VariantResult
from domain.analysis.sums import Sample, Sums, sample
from domain.analysis.tallies import Tallies
from domain.experiments import AllocationMode
from domain.metrics import MetricAggregation, MetricDefinition
from domain.variants import Variant

_LARGEST = sys.float_info.max


def variant_results(
    observed: Observed, tallies: Tallies, metric: MetricDefinition
) -> list[VariantResult]:
    ranked = ranking(observed, tallies, metric)
    return [
        _result(observed, tallies, metric, variant, _of(ranked, place))
        for place, variant in enumerate(observed.active)
    ]


def _of(ranked: Ranking | None, place: int) -> tuple[float | None, float | None]:
    if ranked is None:
        return None, None
    return ranked.chances_to_be_best[place], ranked.expected_losses[place]


def _result(
    observed: Observed,
    tallies: Tallies,
    metric: MetricDefinition,
    variant: Variant,
    standing: tuple[float | None, float | None],
) -> VariantResult:
    total = tallies.total(variant, metric)
    is_bandit = observed.experiment.allocation is AllocationMode.THOMPSON
    shown = None if is_bandit else _sample(total, metric)  # plain means mislead there
    probability_best, expected_loss = standing
    return VariantResult(
        variant=variant,
        users=total.users,
        conversions=tallies.conversions(variant, metric),
        total=max(-_LARGEST, min(float(total.total), _LARGEST)),
        mean=None if shown is None else shown.mean,
        standard_deviation=_deviation(shown, metric),
        interval=_interval(shown, total, metric, observed.experiment.alpha),
        probability_best=probability_best,
        expected_loss=expected_loss,
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
