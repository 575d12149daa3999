"""The next epoch of a bandit: when it is due, the weights that the data ask for, and the means that
are expected while it lasts. An epoch is a phase."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from domain.analysis import beta_binomial, comparison, thompson
from domain.analysis.aipw import binary_plug_in
from domain.analysis.grids import rank_means, rank_rates
from domain.analysis.normal_effect import Normal
from domain.analysis.observed import Observed
from domain.analysis.sums import Sums
from domain.analysis.tallies import Tallies
from domain.experiments import Phase
from domain.metrics import MetricAggregation, MetricDefinition

EVERY = timedelta(minutes=1)
FEWEST_USERS = 100
LEAST_GROWTH = 0.01  # of all users so far: the number of epochs grows as their logarithm
LEAST_MOVE = 0.01
GRACE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Of one arm; see ArmState."""

    alpha: float
    beta: float
    probability_best: float
    weight: float


def is_due(observed: Observed, tallies: Tallies) -> bool:
    last = observed.phases[-1]
    if observed.as_of - last.opened_at < EVERY:
        return False
    total = sum(map(tallies.users, observed.variants))
    new = sum(tallies.assigned(variant, last.number).users for variant in observed.variants)
    return new >= max(FEWEST_USERS, LEAST_GROWTH * total)


def outlooks(metric: MetricDefinition, arms: Sequence[Sums]) -> list[Outlook]:
    """In the order of the arms. Their weights are equal as long as one of them is hardly known."""
    even = [1 / len(arms)] * len(arms)
    if metric.aggregation is MetricAggregation.BINARY:
        rates = [beta_binomial.posterior(int(arm.total), arm.users) for arm in arms]
        chances: Sequence[float] = rank_rates(rates, metric.direction).chances_to_be_best
        known = [(rate.a, rate.b) for rate in rates]
    else:
        means = _means(metric, arms)
        chances = rank_means(means, metric.direction).chances_to_be_best if means else even
        known = [(mean.mean, mean.variance) for mean in means] or [(1.0, 1.0)] * len(arms)
    is_early = thompson.burning_in([arm.users for arm in arms])
    weights = even if is_early or chances is even else thompson.weights(chances)
    return [
        Outlook(alpha=alpha, beta=beta, probability_best=chance, weight=weight)
        for (alpha, beta), chance, weight in zip(known, chances, weights, strict=True)
    ]


def moves(before: Sequence[float], after: Sequence[Outlook]) -> bool:
    pairs = zip(before, after, strict=True)
    return any(abs(arm.weight - weight) > LEAST_MOVE for weight, arm in pairs)


def plug_ins(observed: Observed, tallies: Tallies) -> dict[str, Any]:
    """Of the metrics whose weighted means there are."""
    return {
        str(metric.id): {
            variant.name: _plug_in(metric, tallies.total(variant, metric))
            for variant in observed.active
        }
        for metric in observed.metrics
        if metric.aggregation is not MetricAggregation.MEAN
    }


def continued(phase: Phase, before: Sequence[Phase]) -> Phase:
    return replace(phase, plug_ins=before[-1].plug_ins) if before else phase


def closed_by(metric: MetricDefinition, now: datetime) -> datetime | None:
    """Users who were assigned until then have had their window, and what they did in it is stored;
    None where there is none."""
    if metric.window_hours is None:
        return None
    return now - timedelta(hours=metric.window_hours) - GRACE


def totals(observed: Observed, tallies: Tallies) -> Mapping[UUID, Sums]:
    metric = observed.primary
    return {variant.id: tallies.total(variant, metric) for variant in observed.active}


def _plug_in(metric: MetricDefinition, sums: Sums) -> float:
    if metric.aggregation is MetricAggregation.BINARY:
        return binary_plug_in(int(sums.total), sums.users)
    return float(sums.total / sums.users) if sums.users > 0 else 0.0


def _means(metric: MetricDefinition, arms: Sequence[Sums]) -> list[Normal]:
    """None of them where one is missing."""
    found = [comparison.arm(sums, metric.aggregation) for sums in arms]
    means = (thompson.posterior_of_mean(arm.mean, arm.u * arm.n, arm.n) for arm in found if arm)
    known = [mean for mean in means if mean is not None]
    return known if len(known) == len(arms) else []
