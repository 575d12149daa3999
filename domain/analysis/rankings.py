"""Which of all active variants is best: rates are beta, means normal."""

import math
from collections.abc import Sequence

from domain.analysis import beta_binomial, comparison
from domain.analysis.beta_binomial import Posterior
from domain.analysis.comparison import MIN_STRATUM, MIN_USERS, Arm
from domain.analysis.grids import Ranking, rank_means, rank_rates
from domain.analysis.normal_effect import Normal
from domain.analysis.observed import Observed
from domain.analysis.tallies import Tallies
from domain.metrics import MetricAggregation, MetricDefinition
from domain.variants import Variant


def ranking(observed: Observed, tallies: Tallies, metric: MetricDefinition) -> Ranking | None:
    """Of the active variants; None as long as one of them has nothing to go by."""
    active = observed.active
    if not active or min(map(tallies.users, active)) <= 0:
        return None
    steady = _is_steady(observed, tallies, active)
    if metric.aggregation is MetricAggregation.BINARY and steady:
        rates = [rate(tallies, variant, metric) for variant in active]
        return rank_rates(rates, metric.direction)
    means = _merged(tallies, active, metric) if steady else _stratified(tallies, active, metric)
    return None if means is None else rank_means(means, metric.direction)


def _is_steady(observed: Observed, tallies: Tallies, variants: Sequence[Variant]) -> bool:
    """Whether phases may be merged. The posteriors that move a bandit are always merged."""
    return observed.is_bandit or tallies.is_steady(variants)


def rate(tallies: Tallies, variant: Variant, metric: MetricDefinition) -> Posterior:
    sums = tallies.total(variant, metric)
    return beta_binomial.posterior(int(sums.total), sums.users)


def _merged(
    tallies: Tallies, variants: Sequence[Variant], metric: MetricDefinition
) -> list[Normal] | None:
    totals = [tallies.total(variant, metric) for variant in variants]
    arms = [comparison.arm(total, metric.aggregation) for total in totals]
    return None if min(total.users for total in totals) < MIN_USERS else _normals([arms])


def _stratified(
    tallies: Tallies, variants: Sequence[Variant], metric: MetricDefinition
) -> list[Normal] | None:
    """Over the phases in which every arm has users enough."""
    strata = []
    for phase in tallies.phases:
        sums = [tallies.sums(variant, phase, metric) for variant in variants]
        if min(each.users for each in sums) >= MIN_STRATUM:
            strata.append([comparison.arm(each, metric.aggregation) for each in sums])
    return _normals(strata)


def _normals(strata: Sequence[Sequence[Arm | None]]) -> list[Normal] | None:
    """Each stratum weighs as many users as it has; None where an arm has no spread to go by."""
    known = [arms for arms in (_known(stratum) for stratum in strata) if arms]
    users = [sum(arm.n for arm in arms) for arms in known]
    weighted = [
        [(count / sum(users), arm) for count, arm in zip(users, column, strict=True)]
        for column in zip(*known, strict=True)
    ]
    means = [math.fsum(share * arm.mean for share, arm in column) for column in weighted]
    variances = [math.fsum(share**2 * arm.u for share, arm in column) for column in weighted]
    if not variances or not 0.0 < min(variances) <= max(variances) < math.inf:
        return None
    pairs = zip(means, variances, strict=True)
    return [Normal(mean=mean, variance=variance) for mean, variance in pairs]


def _known(stratum: Sequence[Arm | None]) -> list[Arm]:
    """All of them or none."""
    known = [arm for arm in stratum if arm is not None]
    return known if len(known) == len(stratum) else []
