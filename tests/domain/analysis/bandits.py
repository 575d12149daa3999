"""Bandits with users drawn one by one, and what single users say of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from domain.analysis.observed import ArmSums, Observed
from domain.analysis.results import Comparison, ExperimentResults, VariantResult
from domain.experiments import AllocationMode
from domain.metrics import EffectScale, MetricAggregation, MetricDefinition
from domain.variants import Variant
from tests.domain.analysis.observing import (
    SHARES,
    assigned,
    make_observed,
    make_sums,
    make_variants,
    measured,
)
from tests.factories import make_metric_definition, make_phase

Floats: TypeAlias = NDArray[np.float64]
Two: TypeAlias = tuple[float, float]
Counts: TypeAlias = tuple[Two, Two, tuple[int, int], tuple[int, int]]

SPENDING = make_metric_definition(aggregation=MetricAggregation.SUM, scale=EffectScale.ABSOLUTE)
EPOCHS = [
    (0.25, 0.25, 0.5, 0.0),
    (0.3, 0.5, 0.2, 0.0),
    (0.2, 0.3, 0.1, 0.4),
    (1.5, 4.5, 0.0, 4.0),
]

# Weights, plug-in means, users and conversions of both arms.
EXAMPLE: list[Counts] = [
    ((0.5, 0.5), (0.0, 0.0), (205, 195), (19, 27)),
    ((0.3, 0.7), (19.5 / 206, 27.5 / 196), (118, 282), (12, 40)),
    ((0.12, 0.88), (31.5 / 324, 67.5 / 478), (47, 353), (4, 49)),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One epoch: what was fixed before it, and each user's arm and value, NaN without events."""

    weights: tuple[float, ...]
    plug_ins: tuple[float, ...]
    arms: NDArray[np.int64]
    values: Floats

    def scores(self, absent: float = 0.0) -> Floats:
        """A row for each user, a column for each arm: NaN where an arm had no weight."""
        x = np.where(np.isnan(self.values), absent, self.values)[:, None]
        e = np.where(np.array(self.weights) > 0, self.weights, np.nan) / sum(self.weights)
        given = self.arms[:, None] == np.arange(len(self.weights))
        scores: Floats = self.plug_ins + given * (x - self.plug_ins) / e
        return scores


def drawn(rng: np.random.Generator, weights: Sequence[float], users: int) -> Draw:
    """A third of the users has no events."""
    arms = rng.choice(len(weights), users, p=np.array(weights) / sum(weights))
    values = np.round(rng.normal(20 + arms, 5), 3)
    values[rng.random(users) < 1 / 3] = np.nan
    plug_ins = np.round(rng.normal(14 + np.arange(len(weights)), 2), 3)
    return Draw(weights=tuple(weights), plug_ins=tuple(plug_ins.tolist()), arms=arms, values=values)


def counted(epochs: Sequence[Counts], **changes: Any) -> Observed:
    """Of a rate and two arms."""
    arms, metric = make_variants(SHARES), make_metric_definition(name="clicks")
    phases = [
        make_phase(
            number=number,
            weights=dict(zip(SHARES, weights, strict=True)),
            plug_ins={str(metric.id): dict(zip(SHARES, plug_ins, strict=True))},
        )
        for number, (weights, plug_ins, _, _) in enumerate(epochs, 1)
    ]
    rows = []
    for number, (_, _, users, converted) in enumerate(epochs, 1):
        for arm, n, c in zip(arms, users, converted, strict=True):
            sums = make_sums(c, total=c, squares=c)
            rows += [assigned(arm, n, phase=number), measured(arm, metric, sums, number)]
    given = {"definitions": [metric], "phases": phases, "allocation": AllocationMode.THOMPSON}
    return make_observed(arms, rows, **(given | changes))


def bandit(metric: MetricDefinition, draws: Sequence[Draw], **changes: Any) -> Observed:
    """Of as many variants as the draws have weights; the first is the control."""
    variants = make_variants(dict.fromkeys(_names(draws[0]), 1.0))
    phases = [
        make_phase(
            number=number,
            weights=dict(zip(_names(draw), draw.weights, strict=True)),
            plug_ins={str(metric.id): dict(zip(_names(draw), draw.plug_ins, strict=True))},
        )
        for number, draw in enumerate(draws, 1)
    ]
    rows = [
        row
        for number, draw in enumerate(draws, 1)
        for place, variant in enumerate(variants)
        for row in _rows(metric, variant, draw.values[draw.arms == place], number)
    ]
    given = {"definitions": [metric], "phases": phases, "allocation": AllocationMode.THOMPSON}
    return make_observed(variants, rows, **(given | changes))


def draws(seed: int) -> list[Draw]:
    """Of four arms: the third is retired before the last epoch, the fourth joins in the third."""
    rng = np.random.default_rng(seed)
    return [drawn(rng, weights, int(rng.integers(300, 900))) for weights in EPOCHS]


def shown(found: ExperimentResults, place: int) -> tuple[VariantResult, Comparison | None]:
    """Of the variant that has that place among those active."""
    held = found.metrics[0]
    return held.variants[place], held.comparisons[place - 1] if place else None


def retired(observed: Observed, place: int) -> Observed:
    variants = list(observed.variants)
    variants[place] = replace(variants[place], is_active=False)
    return replace(observed, variants=variants)


def _names(draw: Draw) -> list[str]:
    return ["control", *(f"arm-{place}" for place in range(1, len(draw.weights)))]


def _rows(metric: MetricDefinition, variant: Variant, values: Floats, phase: int) -> list[ArmSums]:
    exact = [Decimal(f"{x:.3f}") for x in values.tolist() if not math.isnan(x)]
    sums = make_sums(len(exact), total=sum(exact), squares=sum(x * x for x in exact))
    return [assigned(variant, len(values), phase=phase), measured(variant, metric, sums, phase)]
