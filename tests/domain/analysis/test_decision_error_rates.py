"""How often tests of two equal variants, looked at each day for four weeks, end in a decision."""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.analysis.comparison import log_difference
from domain.analysis.decision import decide_arm
from domain.analysis.evidence import (
    ArmEvidence,
    Bounds,
    Circumstances,
    DecisionKind,
    MetricEvidence,
)
from domain.analysis.multiplicity import adjusted
from domain.analysis.sample_ratio import SampleRatioState
from domain.analysis.sequential import half_width, log_p, rho_squared
from domain.experiments import Correction
from domain.metrics import MetricRole
from tests.factories import make_metric_definition, make_variant

RUNS, DAYS, DAILY, ALPHA = 4_000, 28, 500, 0.05
RHO = rho_squared(ALPHA, 2 * DAYS * DAILY / 1.7)
RATES = (0.1, 0.2, 0.3)
ORDERS = make_metric_definition(name="orders")
VISITS = make_metric_definition(
    name="visits", role=MetricRole.GUARDRAIL, non_inferiority_margin=0.05
)
CONTROL, CLEAR = make_variant(name="control"), make_variant(name="clear")
Floats: TypeAlias = NDArray[np.float64]


def paths(rate: float, seed: int) -> tuple[Floats, Floats]:
    """The log ratio of the rates so far and its standard error, by run and day."""
    daily = np.random.default_rng(seed).binomial(DAILY, rate, (2, RUNS, DAYS))
    users = DAILY * np.arange(1, DAYS + 1)
    control, clear = np.cumsum(daily, axis=2) / users
    return log_difference(
        control, clear, control * (1 - control) / users, clear * (1 - clear) / users
    )


def bounds(theta: float, error: float, r: float, alpha: float) -> Bounds:
    half = half_width(error, r, alpha)
    return Bounds(lower=theta - half, upper=theta + half)


def decisions() -> Iterator[tuple[int, DecisionKind]]:
    """Of a primary, a secondary and a guardrail, none of which the variant changes; days on which
    nothing is far from 0 keep it running and are passed over."""
    (primary, primary_error), (secondary, secondary_error), (guardrail, guardrail_error) = (
        paths(rate, seed) for seed, rate in enumerate(RATES)
    )
    far = (np.abs(primary) > 2 * primary_error) | (np.abs(guardrail) > 2 * guardrail_error)
    for run, day in np.argwhere(far).tolist():
        at, r = (run, day), RHO * 2 * DAILY * (day + 1)
        logs = [
            min(0.0, float(log_p(primary[at], primary_error[at], r))),
            min(0.0, float(log_p(secondary[at], secondary_error[at], r))),
        ]
        level = adjusted(logs, ALPHA, Correction.HOLM)[0].alpha
        arm = ArmEvidence(
            variant=CLEAR,
            control=CONTROL,
            primary=MetricEvidence(
                metric=ORDERS, bounds=bounds(primary[at], primary_error[at], r, level)
            ),
            guardrails=[
                MetricEvidence(
                    metric=VISITS, bounds=bounds(guardrail[at], guardrail_error[at], r, ALPHA)
                )
            ],
        )
        seen = Circumstances(sample_ratio=SampleRatioState.OK, days=day + 1)
        yield run, decide_arm(arm, seen).kind


@pytest.fixture(scope="module")
def ended() -> dict[DecisionKind, float]:
    """The share of runs that came to each kind on some day."""
    runs: dict[DecisionKind, set[int]] = {kind: set() for kind in DecisionKind}
    for run, kind in decisions():
        runs[kind].add(run)
    return {kind: len(found) / RUNS for kind, found in runs.items()}


def test_equal_variants_are_hardly_ever_shipped(ended: dict[DecisionKind, float]) -> None:
    assert ended[DecisionKind.SHIP] <= 0.025


def test_equal_variants_are_hardly_ever_taken_back(ended: dict[DecisionKind, float]) -> None:
    assert ended[DecisionKind.ROLL_BACK] <= 0.025
