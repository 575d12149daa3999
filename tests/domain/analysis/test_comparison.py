import math
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
from scipy import stats

from domain.analysis.comparison import (
    Estimate,
    arm,
    effect,
    fixed,
    lift,
    lift_interval,
    log_ratio,
    welch,
)
from domain.analysis.sums import Sums
from domain.metrics import EffectScale, MetricAggregation
from tests.domain.analysis.arms import (
    converted,
    described,
    estimated,
    excludes_zero,
    many,
    pair_of,
)
from tests.domain.analysis.populations import sums_of

contingency = import_module("statsmodels.stats.contingency_tables")  # it has no types
proportion = import_module("statsmodels.stats.proportion")
weightstats = import_module("statsmodels.stats.weightstats")

BINARY, SUM = MetricAggregation.BINARY, MetricAggregation.SUM
TABLES = [(412, 8_230, 497, 8_195), (26, 60, 31, 900), (1_000, 1_030, 30, 70), (40, 5_000, 40, 90)]


def _estimate(
    control: Sums, treatment: Sums, kind: MetricAggregation, scale: EffectScale
) -> Estimate:
    found = effect(pair_of(control, treatment, kind), scale)
    assert found is not None
    return found


def _rates(table: tuple[int, int, int, int], scale: EffectScale) -> Estimate:
    return _estimate(converted(*table[:2]), converted(*table[2:]), BINARY, scale)


@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.05 / 28])
@pytest.mark.parametrize(("few", "many_users"), [(2, 2), (9, 400), (300, 200)])
def test_welch_is_that_of_scipy_and_statsmodels(few: int, many_users: int, alpha: float) -> None:
    generator = np.random.default_rng(1)
    control, treatment = generator.normal(10, 3, few), generator.normal(11, 5, many_users)

    found = _estimate(many(control.tolist()), many(treatment.tolist()), SUM, EffectScale.ABSOLUTE)
    inference = fixed(found, alpha)

    ends = inference.interval.lower, inference.interval.upper
    test = stats.ttest_ind(treatment, control, equal_var=False)
    means = weightstats.CompareMeans.from_data(treatment, control)
    assert inference.p == pytest.approx(test.pvalue, rel=1e-12)
    assert found.degrees == pytest.approx(test.df, rel=1e-12)
    assert found.z == pytest.approx(test.statistic, rel=1e-12)
    assert ends == pytest.approx(tuple(test.confidence_interval(1 - alpha)), rel=1e-12)
    assert ends == pytest.approx(means.tconfint_diff(alpha, usevar="unequal"), rel=1e-12)


@pytest.mark.parametrize("table", TABLES)
def test_welch_of_rates_is_that_of_their_moments(table: tuple[int, int, int, int]) -> None:
    inference = fixed(_rates(table, EffectScale.ABSOLUTE), 0.05)

    c, n_c, t, n_t = table
    test = stats.ttest_ind_from_stats(
        *(t / n_t, math.sqrt(t / n_t * (1 - t / n_t)), n_t),
        *(c / n_c, math.sqrt(c / n_c * (1 - c / n_c)), n_c),
        equal_var=False,
    )
    assert inference.p == pytest.approx(test.pvalue, rel=1e-12, abs=0)


@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.05 / 28])
@pytest.mark.parametrize("table", TABLES)
def test_the_log_ratio_is_that_of_statsmodels_and_scipy(
    table: tuple[int, int, int, int], alpha: float
) -> None:
    c, n_c, t, n_t = table
    found = _rates(table, EffectScale.RELATIVE)

    normal = lift_interval(fixed(replace(found, degrees=math.inf), alpha).interval)

    ends = normal.lower + 1, normal.upper + 1
    square = contingency.Table2x2([[t, n_t - t], [c, n_c - c]], shift_zeros=False)
    theirs = proportion.confint_proportions_2indep(
        t, n_t, c, n_c, compare="ratio", method="log", alpha=alpha
    )
    risk = stats.contingency.relative_risk(t, n_t, c, n_c)
    assert found.estimate == pytest.approx(square.log_riskratio, rel=1e-12)
    assert found.error == pytest.approx(square.log_riskratio_se, rel=1e-12)
    assert ends == pytest.approx(square.riskratio_confint(alpha), rel=1e-12)
    assert ends == pytest.approx(theirs, rel=1e-12)
    assert ends == pytest.approx(tuple(risk.confidence_interval(1 - alpha)), rel=1e-12)


def test_the_worked_rates() -> None:
    absolute = _rates(TABLES[0], EffectScale.ABSOLUTE)
    relative = _rates(TABLES[0], EffectScale.RELATIVE)

    plain, logged = fixed(absolute, 0.05), fixed(relative, 0.05)
    lifted = lift_interval(logged.interval)
    assert absolute.estimate == pytest.approx(0.01058598247, abs=1e-11)
    assert absolute.error == pytest.approx(0.003567891969, abs=1e-12)
    assert absolute.degrees == pytest.approx(16_278.2127, abs=1e-4)
    assert plain.p == pytest.approx(0.003011451349, abs=1e-12)
    assert plain.interval.lower == pytest.approx(0.003592522715, abs=1e-12)
    assert plain.interval.upper == pytest.approx(0.01757944223, abs=1e-11)
    assert relative.estimate == pytest.approx(0.1918284792, abs=1e-10)
    assert relative.error == pytest.approx(0.0647744131, abs=1e-10)
    assert lift(relative.estimate) == pytest.approx(0.2114627081, abs=1e-10)
    assert logged.p == pytest.approx(0.003066011881, abs=1e-12)
    assert lifted.lower == pytest.approx(0.06701338558, abs=1e-11)
    assert lifted.upper == pytest.approx(0.3754671807, abs=1e-10)


def test_the_worked_sums() -> None:
    control, treatment = described(5_120, "21.37", "34.8"), described(5_087, "24.02", "36.1")

    absolute = _estimate(control, treatment, SUM, EffectScale.ABSOLUTE)
    relative = _estimate(control, treatment, SUM, EffectScale.RELATIVE)

    plain, logged = fixed(absolute, 0.05), fixed(relative, 0.05)
    lifted = lift_interval(logged.interval)
    assert absolute.estimate == pytest.approx(2.65, rel=1e-12)
    assert absolute.error == pytest.approx(0.7019370638, abs=1e-10)
    assert plain.p == pytest.approx(0.0001607442059, abs=1e-13)
    assert plain.interval.lower == pytest.approx(1.274065140, abs=1e-9)
    assert plain.interval.upper == pytest.approx(4.025934860, abs=1e-9)
    assert lift(relative.estimate) == pytest.approx(0.1240056153, abs=1e-10)
    assert logged.p == pytest.approx(0.0001648071275, abs=1e-13)
    assert lifted.lower == pytest.approx(0.05770571147, abs=1e-11)
    assert lifted.upper == pytest.approx(0.1944613796, abs=1e-10)


def test_the_worked_ratios() -> None:
    control = sums_of(1_400, np.array([3_010, 16_900, 4_060, 19_880, 14_350]))
    treatment = sums_of(1_385, np.array([3_241, 18_350, 4_072, 19_975, 15_190]))

    absolute = _estimate(control, treatment, MetricAggregation.MEAN, EffectScale.ABSOLUTE)
    relative = _estimate(control, treatment, MetricAggregation.MEAN, EffectScale.RELATIVE)

    lifted = lift_interval(fixed(relative, 0.05).interval)
    assert absolute.estimate == pytest.approx(0.05454406883, abs=1e-11)
    assert fixed(absolute, 0.05).p == pytest.approx(0.05532308616, abs=1e-11)
    assert lift(relative.estimate) == pytest.approx(0.07357106958, abs=1e-11)
    assert fixed(relative, 0.05).p == pytest.approx(0.05552942389, abs=1e-11)
    assert (lifted.lower, lifted.upper) == pytest.approx((-0.00167757157, 0.1544915837), abs=1e-10)


@pytest.mark.parametrize("degrees", [24.0, 333.3, 1e9])
@pytest.mark.parametrize("theta", [-7.0, -1.96, -1e-9, 0.0, 0.3, 2.5, 20.0])
def test_interval_and_p_agree_at_every_level(theta: float, degrees: float) -> None:
    estimate = estimated(theta, degrees=degrees)
    p = fixed(estimate, 0.05).p

    around = [p * (1 + apart) for apart in (-1e-6, -1e-9, 1e-9, 1e-6)]
    for alpha in (a for a in (*around, 1e-60, 1e-9, 0.01, 0.5, 0.999) if 0 < a < 1):
        assert excludes_zero(fixed(estimate, alpha).interval) is (p < alpha)


def test_a_p_too_small_for_a_float_has_a_logarithm() -> None:
    shown, smallest = fixed(estimated(-36.0), 0.05), fixed(estimated(-100.0), 0.05)
    further = fixed(estimated(1e9, degrees=1e6), 0.05)

    assert shown.log_p == pytest.approx(math.log(shown.p), rel=1e-15)
    assert smallest.p == 0.0
    assert smallest.log_p == pytest.approx(-1_202.58000008, abs=1e-3)  # by a full expansion
    assert -math.inf < further.log_p < smallest.log_p


def test_the_logarithm_is_that_of_the_normal_where_the_degrees_are_without_end() -> None:
    normal = fixed(estimated(-50.0, degrees=math.inf), 0.05)

    assert normal.p == 0.0
    assert normal.log_p == pytest.approx(fixed(estimated(50.0, degrees=1e11), 0.05).log_p, abs=1e-3)
    assert normal.log_p == pytest.approx(math.log(2) + stats.norm.logcdf(-50), rel=1e-15)


def test_the_logarithm_of_p_has_no_step_where_p_becomes_too_small() -> None:
    normal = [fixed(estimated(t / 100, degrees=1e6), 0.05) for t in range(3_600, 3_800)]

    logs = [inference.log_p for inference in normal]
    steps = np.diff(logs)
    assert normal[0].p > 1e-300 > normal[-1].p
    assert np.all(np.abs(np.diff(steps)) < 2e-3)


def test_the_effect_turns_its_sign_with_the_arms() -> None:
    for scale in EffectScale:
        there = _rates((412, 8_230, 497, 8_195), scale)
        back = _rates((497, 8_195, 412, 8_230), scale)
        assert back.estimate == pytest.approx(-there.estimate, rel=1e-14)
        assert (back.error, back.degrees) == pytest.approx((there.error, there.degrees))


def test_results_are_plain_floats() -> None:
    for scale in EffectScale:
        found = _rates(TABLES[0], scale)
        inference = fixed(found, 0.05)
        shown = (found.estimate, found.error, found.degrees, inference.p, inference.log_p)
        ends = (inference.interval.lower, inference.interval.upper, inference.interval.level)
        assert {type(each) for each in shown + ends} == {float}


def test_the_widest_interval_has_a_finite_lift() -> None:
    widest = lift_interval(fixed(estimated(0.0, error=1e5), 0.05).interval)

    assert widest.lower == -1.0
    assert 1e300 < widest.upper < math.inf


@pytest.mark.parametrize(
    ("control", "treatment", "relative", "absolute"),
    [
        ((0, 30), (9, 30), False, True),
        ((30, 30), (30, 30), False, False),
        ((1, 1), (1, 1), False, False),
        ((1, 1), (20, 30), False, False),
        ((30, 30), (9, 30), True, True),
        ((0, 30), (0, 30), False, False),
    ],
)
def test_there_is_no_effect_where_nothing_tells_its_error(
    control: tuple[int, int], treatment: tuple[int, int], relative: bool, absolute: bool
) -> None:
    pair = pair_of(converted(*control), converted(*treatment), BINARY)

    assert (effect(pair, EffectScale.RELATIVE) is not None) is relative
    assert (effect(pair, EffectScale.ABSOLUTE) is not None) is absolute


@pytest.mark.parametrize("losses", [["-5", "1", "2"], ["-1", "0", "1"]])
def test_there_is_no_ratio_to_a_mean_that_is_not_positive(losses: list[str]) -> None:
    lost, gained = arm(many(losses), SUM), arm(many(["2", "3", "7"]), SUM)

    assert lost is not None
    assert gained is not None
    assert log_ratio(lost, gained) is None
    assert log_ratio(gained, lost) is None
    assert welch(lost, gained) is not None


def test_there_is_no_effect_on_nobody() -> None:
    pair = pair_of(Sums(users=0), converted(9, 30), BINARY)

    assert [effect(pair, scale) for scale in EffectScale] == [None, None]
