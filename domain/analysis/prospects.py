"""What a treatment promises against control; shown, and never used to stop."""

import math
from dataclasses import dataclass

from domain.analysis import comparison, lifts, normal_effect
from domain.analysis.beta_binomial import Posterior
from domain.analysis.comparison import Estimate
from domain.analysis.contrasts import Contrast
from domain.analysis.grids import rank_rates
from domain.analysis.intervals import Interval
from domain.analysis.normal_effect import Normal
from domain.analysis.observed import Observed
from domain.analysis.rankings import rate
from domain.analysis.tallies import Tallies
from domain.metrics import EffectScale, MetricAggregation, MetricDirection

_LARGEST_RATIO = 600.0  # as a logarithm; of a larger one there is no expectation


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """Of a treatment against control."""

    chance_to_beat_control: float
    expected_loss: float | None


def prospect(observed: Observed, tallies: Tallies, headline: Contrast) -> Prospect | None:
    metric, rates = headline.metric, _rates(observed, tallies, headline)
    if rates is not None:
        ranked = rank_rates(rates, metric.direction)
        return Prospect(
            chance_to_beat_control=ranked.chances_to_be_best[0],
            expected_loss=ranked.expected_losses[0],
        )
    effect = _normal(headline.estimate)
    if effect is None:
        return None
    return Prospect(
        chance_to_beat_control=normal_effect.chance_to_win(effect, metric.direction),
        expected_loss=_loss(effect, headline.scale, metric.direction),
    )


def credible(
    observed: Observed, tallies: Tallies, contrast: Contrast, level: float
) -> Interval | None:
    """From the same gate on as the inference beside it."""
    effect = _normal(contrast.estimate)
    if effect is None:
        return None
    rates = _rates(observed, tallies, contrast)
    if contrast.scale is EffectScale.RELATIVE and rates is not None:
        lower, upper = lifts.credible_lift(*rates, level)
        return Interval(lower=lower, upper=upper, level=level)
    lower, upper = normal_effect.credible_interval(effect, level)
    interval = Interval(lower=lower, upper=upper, level=level)
    return (
        comparison.lift_interval(interval) if contrast.scale is EffectScale.RELATIVE else interval
    )


def _rates(
    observed: Observed, tallies: Tallies, contrast: Contrast
) -> tuple[Posterior, Posterior] | None:
    """Of treatment and control, where a rate can be told by counting: a bandit's cannot."""
    control, metric = observed.control, contrast.metric
    if control is None or observed.is_bandit or metric.aggregation is not MetricAggregation.BINARY:
        return None
    arms = (contrast.variant, control)
    if min(map(tallies.users, arms)) <= 0 or not tallies.is_steady(arms):
        return None
    return rate(tallies, arms[0], metric), rate(tallies, arms[1], metric)


def _normal(estimate: Estimate | None) -> Normal | None:
    if estimate is None or not 0.0 < estimate.error**2 < math.inf:
        return None
    return Normal(mean=estimate.estimate, variance=estimate.error**2)


def _loss(effect: Normal, scale: EffectScale, direction: MetricDirection) -> float | None:
    if scale is EffectScale.ABSOLUTE:
        return normal_effect.risks(effect, direction).choosing_treatment
    if effect.mean + effect.variance > _LARGEST_RATIO:
        return None
    return normal_effect.relative_risks(effect, direction).choosing_treatment
