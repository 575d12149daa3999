"""What the contrasts of an experiment say together, either at every look or at the one planned."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from domain.analysis import comparison, results, sequential
from domain.analysis.comparison import Estimate, Inference
from domain.analysis.contrasts import Contrast
from domain.analysis.fixed_look import Place
from domain.analysis.multiplicity import Adjusted, adjusted
from domain.experiments import Experiment
from domain.metrics import EffectScale

Infer: TypeAlias = Callable[[Estimate, float], Inference]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The interval is at the adjusted level, on the scale of the estimate."""

    inference: Inference
    adjusted: Adjusted


def at_every_look(contrasts: Sequence[Contrast], experiment: Experiment) -> Mapping[Place, Judged]:
    return _judged(contrasts, experiment, _anytime)


def at_the_planned_look(
    contrasts: Sequence[Contrast], experiment: Experiment
) -> Mapping[Place, Judged]:
    return _judged(contrasts, experiment, lambda _: comparison.fixed)


def _anytime(contrast: Contrast) -> Infer | None:
    r = contrast.r
    return None if r is None else lambda estimate, a: sequential.anytime(estimate, r, a)


def _judged(
    contrasts: Sequence[Contrast],
    experiment: Experiment,
    infer: Callable[[Contrast], Infer | None],
) -> Mapping[Place, Judged]:
    """The family is corrected together; guardrails and the other scale stand for themselves."""
    alpha = experiment.alpha
    known = [
        (each.place, look, each.estimate)
        for each in contrasts
        if each.estimate is not None and (look := infer(each)) is not None
    ]
    alone = {place: look(estimate, alpha) for place, look, estimate in known}
    family = [each.place for each in contrasts if each.is_in_family]
    log_ps = [alone[place].log_p if place in alone else 0.0 for place in family]
    levels = dict(zip(family, adjusted(log_ps, alpha, experiment.correction), strict=True))
    held = {}
    for place, look, estimate in known:
        inference = alone[place]
        level = levels.get(place)
        if level is None:
            level = Adjusted(p=inference.p, log_p=inference.log_p, alpha=alpha)
        elif level.alpha != alpha:
            inference = look(estimate, level.alpha)
        held[place] = Judged(inference=inference, adjusted=level)
    return held


def shown(judged: Judged, scale: EffectScale, alpha: float) -> results.Inference:
    interval = judged.inference.interval
    return results.Inference(
        interval=comparison.lift_interval(interval) if scale is EffectScale.RELATIVE else interval,
        p_value=judged.inference.p,
        adjusted_p_value=judged.adjusted.p,
        significant=judged.adjusted.p < alpha,
    )
