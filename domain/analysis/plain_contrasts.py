"""Contrasts of an experiment whose traffic does not follow its results."""

from functools import partial

from domain.analysis import comparison
from domain.analysis.comparison import Pair, Phase
from domain.analysis.contrasts import Arms, Contrast, gated, rho_squared
from domain.analysis.tallies import Tallies
from domain.experiments import Experiment
from domain.metrics import EffectScale, MetricDefinition


def plain_contrasts(
    experiment: Experiment, tallies: Tallies, metric: MetricDefinition, arms: Arms
) -> list[Contrast]:
    pair = _pair(tallies, metric, arms)
    r = _users(pair) * rho_squared(experiment, tallies, arms)
    held = []
    for scale in EffectScale:
        notes, estimate = gated(pair, metric, scale, partial(comparison.effect, pair))
        held.append(
            Contrast(
                metric=metric,
                variant=arms[1],
                scale=scale,
                pair=pair,
                notes=notes,
                estimate=estimate,
                r=r,
            )
        )
    return held


def _users(pair: Pair) -> int:
    return sum(arm.n for arm in (pair.control, pair.treatment) if arm is not None)


def _pair(tallies: Tallies, metric: MetricDefinition, arms: Arms) -> Pair:
    control, treatment = arms
    phases = [
        Phase(
            control=tallies.sums(control, phase, metric),
            treatment=tallies.sums(treatment, phase, metric),
            control_weight=tallies.weight(control, phase),
            treatment_weight=tallies.weight(treatment, phase),
        )
        for phase in tallies.phases
    ]
    return comparison.paired(phases, metric.aggregation)
