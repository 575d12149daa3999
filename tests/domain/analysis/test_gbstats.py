"""An independent implementation says the same: gbstats, which needs an environment of its own,
because it cannot be installed beside numpy 2."""

import json
import math
import subprocess
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domain.analysis import normal_effect
from domain.analysis.comparison import Estimate, Inference, arm, fixed, welch
from domain.analysis.normal_effect import Normal
from domain.analysis.sample_ratio import PhaseCounts, sample_ratio
from domain.analysis.sequential import anytime, rho_squared
from domain.analysis.sums import Sums
from domain.metrics import EffectScale, MetricAggregation, MetricDirection

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv" / "gbstats" / "bin" / "python"
REFERENCE = Path(__file__).with_name("gbstats_reference.py")
CASES = 300
AGGREGATIONS = {
    "binary": MetricAggregation.BINARY,
    "sum": MetricAggregation.SUM,
    "ratio": MetricAggregation.MEAN,
}
Case = dict[str, Any]

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(),
    reason="gbstats has no environment of its own: make .venv/gbstats",
)


def drawn(generator: np.random.Generator, kind: str, lift: float) -> dict[str, float]:
    users = int(generator.integers(200, 5000))
    if kind == "binary":
        return {"users": users, "total": float(generator.binomial(users, 0.2 * lift))}
    events = generator.poisson(2.0, users) + 1
    values = np.round(generator.gamma(2.0, 3.0 * lift, users) * events, 2)
    return {
        "users": users,
        "total": float(values.sum()),
        "squares": float((values * values).sum()),
        "events": float(events.sum()),
        "event_squares": float((events * events).sum()),
        "cross": float((values * events).sum()),
    }


def make_case(generator: np.random.Generator, kind: str) -> Case:
    return {
        "kind": kind,
        "control": drawn(generator, kind, 1.0),
        "treatment": drawn(generator, kind, generator.uniform(0.9, 1.15)),
        "alpha": float(generator.choice([0.01, 0.05, 0.1])),
        "horizon": float(generator.choice([500.0, 5000.0, 20000.0])),
        "prior": [float(generator.normal(0, 0.05)), float(generator.uniform(0.001, 0.1))],
    }


@pytest.fixture(scope="module")
def asked() -> dict[str, Any]:
    generator = np.random.default_rng(2026)
    kinds = list(AGGREGATIONS)
    ratios = [
        ([int(users) for users in generator.integers(900, 1100, 3)], [0.25, 0.25, 0.5])
        for _ in range(20)
    ]
    cases = [make_case(generator, kinds[place % 3]) for place in range(CASES)]
    return {"cases": cases, "ratios": ratios}


@pytest.fixture(scope="module")
def answered(asked: dict[str, Any]) -> dict[str, Any]:
    ran = subprocess.run(  # noqa: S603
        [PYTHON, REFERENCE], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    answers: dict[str, Any] = json.loads(ran.stdout)
    return answers


def contrast(case: Case, scale: str) -> tuple[Estimate, int]:
    """Theirs is the relative Wald interval with the degrees of freedom of the difference."""
    aggregation = AGGREGATIONS[case["kind"]]
    control, treatment = (
        arm(Sums(**{**exact(case[name]), "users": case[name]["users"]}), aggregation)
        for name in ("control", "treatment")
    )
    assert control is not None
    assert treatment is not None
    estimate = welch(control, treatment)
    assert estimate is not None
    users = control.n + treatment.n
    if scale == "absolute":
        return estimate, users
    error = math.sqrt(
        treatment.u / control.mean**2 + control.u * treatment.mean**2 / control.mean**4
    )
    lift = treatment.mean / control.mean - 1.0
    return Estimate(
        scale=EffectScale.RELATIVE, estimate=lift, error=error, degrees=estimate.degrees
    ), users


def exact(sums: Mapping[str, float]) -> dict[str, Any]:
    return {name: Decimal(value) for name, value in sums.items()}


def look(ours: Inference, estimate: Estimate) -> dict[str, Any]:
    interval = [ours.interval.lower, ours.interval.upper]
    return {"estimate": estimate.estimate, "p": ours.p, "interval": interval}


def expected_look(theirs: Mapping[str, Any]) -> dict[str, Any]:
    close = {name: pytest.approx(theirs[name], rel=1e-9, abs=1e-12) for name in ("estimate", "p")}
    return close | {"interval": pytest.approx(theirs["interval"], rel=1e-9)}


def belief(posterior: Normal, case: Case) -> dict[str, Any]:
    risks = normal_effect.risks(posterior, MetricDirection.INCREASE)
    return {
        "chance": normal_effect.chance_to_win(posterior, MetricDirection.INCREASE),
        "interval": list(normal_effect.credible_interval(posterior, 1 - case["alpha"])),
        "risk": [risks.keeping_control, risks.choosing_treatment],
    }


def expected_belief(theirs: Mapping[str, Any]) -> dict[str, Any]:
    close = {name: pytest.approx(theirs[name], rel=1e-9) for name in ("chance", "interval")}
    return close | {"risk": pytest.approx(theirs["risk"], rel=1e-6, abs=1e-9)}


@pytest.mark.parametrize("scale", ["absolute", "relative"])
def test_one_look_is_that_of_gbstats(
    scale: str, asked: dict[str, Any], answered: dict[str, Any]
) -> None:
    for case, answer in zip(asked["cases"], answered["cases"], strict=True):
        estimate, _ = contrast(case, scale)
        found = look(fixed(estimate, case["alpha"]), estimate)
        assert found == expected_look(answer[scale]["fixed"])


@pytest.mark.parametrize("scale", ["absolute", "relative"])
def test_what_holds_at_every_look_is_that_of_gbstats(
    scale: str, asked: dict[str, Any], answered: dict[str, Any]
) -> None:
    for case, answer in zip(asked["cases"], answered["cases"], strict=True):
        estimate, users = contrast(case, scale)
        r = users * rho_squared(case["alpha"], case["horizon"])
        found = look(anytime(estimate, r, case["alpha"]), estimate)
        assert found == expected_look(answer[scale]["anytime"])


@pytest.mark.parametrize("scale", ["absolute", "relative"])
def test_beliefs_are_those_of_gbstats(
    scale: str, asked: dict[str, Any], answered: dict[str, Any]
) -> None:
    for case, answer in zip(asked["cases"], answered["cases"], strict=True):
        estimate, _ = contrast(case, scale)
        data = Normal(mean=estimate.estimate, variance=estimate.error**2)
        prior = Normal(mean=case["prior"][0], variance=case["prior"][1])
        flat, informed = normal_effect.posterior(data), normal_effect.posterior(data, prior)
        assert belief(flat, case) == expected_belief(answer[scale]["flat"])
        assert belief(informed, case) == expected_belief(answer[scale]["informed"])


def test_the_sample_ratio_is_that_of_gbstats(
    asked: dict[str, Any], answered: dict[str, Any]
) -> None:
    for (users, weights), theirs in zip(asked["ratios"], answered["ratios"], strict=True):
        ours = sample_ratio([PhaseCounts(weights=tuple(weights), observed=tuple(users))])

        assert ours.p_value == pytest.approx(theirs, rel=1e-12)
