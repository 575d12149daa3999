"""All that an experiment shows, from its running sums."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.analysis import families, traffic
from domain.analysis.clocks import Clocks
from domain.analysis.contrasts import Contrast
from domain.analysis.effects import Findings, comparisons
from domain.analysis.fixed_look import FixedInference, FixedLook
from domain.analysis.observed import Observed
from domain.analysis.plain_contrasts import plain_contrasts
from domain.analysis.results import ExperimentResults, MetricResults
from domain.analysis.tallies import Tallies, tally
from domain.analysis.variant_results import variant_results
from domain.analysis.verdict import verdict
from domain.analysis.weighted_contrasts import weighted_contrasts
from domain.analysis.weighted_means import WeightedMeans, weighted_means


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """`fixed`: the planned look as it is to be stored, where it is new or has been taken by now.
    `clocks`: all that have begun by now. Whoever stores one first is right; it comes back in what
    is observed next."""

    results: ExperimentResults
    fixed: FixedLook | None
    clocks: Clocks


def evaluate(observed: Observed, *, may_look: bool = True) -> Evaluation:
    """`may_look`: whether this is the moment to take the planned look, if it is due, and for clocks
    to begin. Who takes it has to store it: a look that is taken anew for each reader is many
    looks."""
    tallies = tally(observed)
    weighted = weighted_means(observed, tallies)
    held = _contrasts(observed, tallies, weighted, may_look=may_look)
    look = _look(observed, tallies, held) if may_look else observed.fixed
    found = Findings(
        observed=observed,
        tallies=tallies,
        weighted=weighted,
        contrasts={contrast.place: contrast for contrast in held},
        anytime=families.at_every_look(held, observed.experiment),
        fixed={} if look is None else look.seen_at(observed.as_of),
    )
    return Evaluation(
        results=_results(found),
        fixed=None if look is observed.fixed else look,
        clocks={**observed.clocks, **_clocks(held)},
    )


def _contrasts(
    observed: Observed,
    tallies: Tallies,
    weighted: Mapping[UUID, WeightedMeans],
    *,
    may_look: bool,
) -> list[Contrast]:
    """Of every treatment against control, for every metric, on both scales."""
    control, held = observed.control, list[Contrast]()
    if control is None:
        return held
    for arms in [(control, each) for each in observed.treatments]:
        for metric in observed.metrics:
            if observed.is_bandit:
                means = weighted.get(metric.id)
                held += weighted_contrasts(
                    observed, tallies, means, metric, arms, may_begin=may_look
                )
            else:
                held += plain_contrasts(observed.experiment, tallies, metric, arms)
    return held


def _clocks(held: Sequence[Contrast]) -> Clocks:
    return {contrast.place: contrast.clock for contrast in held if contrast.clock is not None}


def _results(found: Findings) -> ExperimentResults:
    observed, tallies = found.observed, found.tallies
    ratio = traffic.checked_ratio(observed, tallies)
    assigned = sum(map(tallies.users, observed.variants))
    converted = sum(map(tallies.conversions, observed.variants))
    return ExperimentResults(
        experiment=observed.experiment,
        as_of=observed.as_of,
        revision=observed.revision,
        total_assignments=assigned,
        total_conversions=converted,
        conversion_rate=converted / assigned if assigned > 0 else 0.0,
        progress=traffic.progress(observed, tallies),
        sample_ratio=ratio,
        metrics=[
            MetricResults(
                metric=metric,
                variants=variant_results(observed, tallies, metric, found.weighted.get(metric.id)),
                comparisons=comparisons(found, metric),
            )
            for metric in observed.metrics
        ],
        decision=verdict(found, ratio),
    )


def _look(observed: Observed, tallies: Tallies, held: Sequence[Contrast]) -> FixedLook | None:
    look, now = observed.fixed, observed.as_of
    if observed.is_bandit:
        return look
    if look is None and traffic.has_planned_sample(observed, tallies):
        look = FixedLook(reached_at=now)
    if look is None or not look.is_due(observed.definitions, now):
        return look
    return look.taken(_fixed_inferences(observed, held), now)


def _fixed_inferences(observed: Observed, held: Sequence[Contrast]) -> list[FixedInference]:
    alpha = observed.experiment.alpha
    judged = families.at_the_planned_look(held, observed.experiment)
    return [
        FixedInference(
            metric_id=contrast.metric.id,
            variant_id=contrast.variant.id,
            scale=contrast.scale,
            inference=families.shown(judged[contrast.place], contrast.scale, alpha)
            if contrast.place in judged
            else None,
        )
        for contrast in held
    ]
