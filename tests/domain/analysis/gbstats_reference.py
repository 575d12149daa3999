"""Runs in the environment of gbstats: cases as JSON on standard input, its answers on output."""

import json
import sys
from importlib import import_module
from typing import Any

statistics = import_module("gbstats.models.statistics")
frequentist = import_module("gbstats.frequentist.tests")
bayesian = import_module("gbstats.bayesian.tests")
utils = import_module("gbstats.utils")


def statistic(kind: str, sums: dict[str, float]) -> Any:
    n = int(sums["users"])
    if kind == "binary":
        return statistics.ProportionStatistic(n=n, sum=sums["total"])
    value = statistics.SampleMeanStatistic(n=n, sum=sums["total"], sum_squares=sums["squares"])
    if kind == "sum":
        return value
    events = statistics.SampleMeanStatistic(
        n=n, sum=sums["events"], sum_squares=sums["event_squares"]
    )
    return statistics.RatioStatistic(
        n=n, m_statistic=value, d_statistic=events, m_d_sum_of_products=sums["cross"]
    )


def look(test: Any) -> dict[str, Any]:
    made = test.compute_result()
    return {"estimate": made.expected, "p": made.p_value, "interval": [float(x) for x in made.ci]}


def belief(test: Any) -> dict[str, Any]:
    made = test.compute_result()
    return {"chance": made.chance_to_win, "interval": list(made.ci), "risk": list(made.risk)}


def answer(case: dict[str, Any], scale: str) -> dict[str, Any]:
    arms = [statistic(case["kind"], case[name]) for name in ("control", "treatment")]
    common = {"difference_type": scale, "alpha": case["alpha"]}
    sequential = frequentist.SequentialConfig(sequential_tuning_parameter=case["horizon"], **common)
    prior = bayesian.GaussianPrior(mean=case["prior"][0], variance=case["prior"][1], proper=True)
    informed = bayesian.EffectBayesianConfig(prior_effect=prior, prior_type=scale, **common)
    flat = bayesian.EffectBayesianConfig(**common)
    return {
        "fixed": look(frequentist.TwoSidedTTest(*arms, frequentist.FrequentistConfig(**common))),
        "anytime": look(frequentist.SequentialTwoSidedTTest(*arms, sequential)),
        "flat": belief(bayesian.EffectBayesianABTest(*arms, flat)),
        "informed": belief(bayesian.EffectBayesianABTest(*arms, informed)),
    }


asked = json.load(sys.stdin)
json.dump(
    {
        "cases": [
            {scale: answer(case, scale) for scale in ("absolute", "relative")}
            for case in asked["cases"]
        ],
        "ratios": [float(utils.check_srm(*ratio)) for ratio in asked["ratios"]],
    },
    sys.stdout,
)
