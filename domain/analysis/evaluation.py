"""All that an experiment shows, from its running sums."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.analysis import families, traffic
from domain.analysis.contrasts import Contrast, contrasts
from domain.analysis.effects import Findings, comparisons
from domain.analysis.fixed_look import FixedInference, FixedLook
from domain.analysis.observed import Observed
from domain.analysis.results import ExperimentResults, MetricResults
from domain.analysis.tallies import Tallies, tally
from domain.analysis.variant_results import variant_results
from domain.analysis.verdict import verdict
from domain.experiments import AllocationMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """`fixed`: the planned look as it is to be stored, where it is new or has been taken by now.
    Whoever stores one first is right; it comes back in what is observed next."""

    results: ExperimentResults
    fixed: FixedLook | None


def evaluate(observed: Observed, *, may_look: bool = True) -> Evaluation:
    """`may_look`: whether this is the moment to take the planned look, if it is due. Who takes it
    has to store it: a look that is taken anew for each reader is many looks."""
    tallies = tally(observed)
    held = contrasts(observed, tallies)
    look = _look(observed, tallies, held) if may_look else observed.fixed
    found = Findings(
        observed=observed,
        tallies=tallies,
        contrasts={contrast.place: contrast for contrast in held},
        anytime=families.at_every_look(held, observed.experiment),
        fixed={} if look is None else look.seen_at(observed.as_of),
    )
    return Evaluation(
        results=_results(found),
        fixed=None if look is observed.fixed else look,
    )


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
                variants=variant_results(observed, tallies, metric),
                comparisons=comparisons(found, metric),
            )
            for metric in observed.metrics
        ],
        decision=verdict(found, ratio),
    )


def _look(observed: Observed, tallies: Tallies, held: Sequence[Contrast]) -> FixedLook | None:
    look, now = observed.fixed, observed.as_of
    if observed.experiment.allocation is AllocationMode.THOMPSON:
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
