import math
from collections.abc import Callable
from importlib import import_module

import numpy as np
import pytest
from scipy import stats

from domain.analysis.comparison import Estimate, Inference, fixed
from domain.analysis.multiplicity import Adjusted, adjusted
from domain.analysis.sequential import anytime
from domain.experiments import Correction
from tests.domain.analysis.arms import estimated, excludes_zero

multitest = import_module("statsmodels.stats.multitest")  # it has no types

WORKED = [0.004, 0.03, 0.011, 0.2]
RANDOM = np.random.default_rng(1)
FAMILIES = [RANDOM.beta(0.3, 2.0, size).tolist() for size in range(1, 41)]


def _anytime(estimate: Estimate, a: float) -> Inference:
    return anytime(estimate, 4.0, a)


def _of(ps: list[float], correction: Correction) -> list[Adjusted]:
    return adjusted([math.log(p) for p in ps], 0.05, correction)


@pytest.mark.parametrize(
    ("correction", "ps", "alphas"),
    [
        (Correction.HOLM, [0.016, 0.06, 0.033, 0.2], [0.0125, 0.025, 0.05 / 3, 0.05]),
        (Correction.BENJAMINI_HOCHBERG, [0.016, 0.04, 0.022, 0.2], [0.0375] * 4),
        (Correction.BONFERRONI, [0.016, 0.12, 0.044, 0.8], [0.0125] * 4),
        (Correction.NONE, WORKED, [0.05] * 4),
    ],
)
def test_the_worked_family(correction: Correction, ps: list[float], alphas: list[float]) -> None:
    family = _of(WORKED, correction)

    assert [each.p for each in family] == pytest.approx(ps, rel=1e-12)
    assert [math.exp(each.log_p) for each in family] == pytest.approx(ps, rel=1e-12)
    assert [each.alpha for each in family] == pytest.approx(alphas, rel=1e-12)


@pytest.mark.parametrize("ps", FAMILIES, ids=len)
@pytest.mark.parametrize(
    ("correction", "method"),
    [
        (Correction.HOLM, "holm"),
        (Correction.BENJAMINI_HOCHBERG, "fdr_bh"),
        (Correction.BONFERRONI, "bonferroni"),
    ],
)
def test_adjusted_ps_are_those_of_statsmodels(
    correction: Correction, method: str, ps: list[float]
) -> None:
    family = [each.p for each in _of(ps, correction)]

    assert family == pytest.approx(multitest.multipletests(ps, method=method)[1], rel=1e-12)


@pytest.mark.parametrize("ps", FAMILIES, ids=len)
def test_benjamini_hochberg_is_that_of_scipy(ps: list[float]) -> None:
    family = [each.p for each in _of(ps, Correction.BENJAMINI_HOCHBERG)]

    assert family == pytest.approx(stats.false_discovery_control(ps), rel=1e-12)


@pytest.mark.parametrize(
    ("correction", "infer"),
    [
        (Correction.HOLM, fixed),
        (Correction.HOLM, _anytime),
        (Correction.BENJAMINI_HOCHBERG, fixed),
        (Correction.BENJAMINI_HOCHBERG, _anytime),
        (Correction.BONFERRONI, _anytime),
        (Correction.NONE, _anytime),
    ],
)
def test_an_interval_excludes_no_effect_exactly_where_the_adjusted_p_is_significant(
    correction: Correction, infer: Callable[[Estimate, float], Inference]
) -> None:
    generator = np.random.default_rng(1)
    significant = []

    for size in generator.integers(1, 7, 20_000).tolist():
        estimates = [estimated(z) for z in generator.normal(0, 3, size).tolist()]
        log_ps = [infer(estimate, 0.05).log_p for estimate in estimates]
        family = adjusted(log_ps, 0.05, correction)
        excluding = [
            excludes_zero(infer(estimate, each.alpha).interval)
            for estimate, each in zip(estimates, family, strict=True)
        ]
        significant += [each.p < 0.05 for each in family]
        assert excluding == significant[-size:]

    assert 0.1 < sum(significant) / len(significant) < 0.9


def test_ps_too_small_for_a_float_keep_their_order() -> None:
    holm = adjusted([-900.0, -5_000.0, math.log(0.2), -800.0], 0.05, Correction.HOLM)

    assert [each.p for each in holm] == [0.0, 0.0, pytest.approx(0.2), 0.0]
    assert [each.log_p for each in holm[:2]] == [-900 + math.log(3), -5_000 + math.log(4)]
    assert [each.alpha for each in holm] == pytest.approx([0.05 / 3, 0.05 / 4, 0.05, 0.05 / 2])


def test_ps_of_nothing_have_the_level_of_their_rank() -> None:
    holm = adjusted([-math.inf, math.log(0.03), -math.inf], 0.05, Correction.HOLM)
    others = adjusted([-math.inf, 0.0], 0.05, Correction.BENJAMINI_HOCHBERG)

    assert [each.p for each in holm] == [0.0, pytest.approx(0.03), 0.0]
    assert [each.alpha for each in holm] == pytest.approx([0.05 / 3, 0.05, 0.05 / 2])
    assert [each.p for each in others] == [0.0, 1.0]


@pytest.mark.parametrize("correction", Correction)
def test_a_hypothesis_not_known_yet_is_never_significant(correction: Correction) -> None:
    family = adjusted([math.log(0.004), 0.0, 0.0], 0.05, correction)

    assert [each.p for each in family[1:]] == [1.0, 1.0]
    assert family[0].p < 0.05


@pytest.mark.parametrize("correction", Correction)
def test_a_family_keeps_the_order_given(correction: Correction) -> None:
    assert _of(WORKED[::-1], correction) == _of(WORKED, correction)[::-1]
    assert adjusted([], 0.05, correction) == []


@pytest.mark.parametrize("correction", Correction)
def test_one_hypothesis_needs_no_correction(correction: Correction) -> None:
    assert _of([0.03], correction) == _of([0.03], Correction.NONE)


def test_equal_ps_are_adjusted_alike() -> None:
    for correction in Correction:
        family = _of([0.01, 0.3, 0.01], correction)
        assert family[0].p == pytest.approx(family[2].p, rel=1e-15)
