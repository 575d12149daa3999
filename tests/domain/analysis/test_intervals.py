import math
from decimal import Decimal
from importlib import import_module

import numpy as np
import pytest
from scipy import stats

from domain.analysis.intervals import Interval, mean_interval, mean_note, wilson_interval
from domain.analysis.notes import ResultNote
from domain.analysis.sums import Sample, Sums
from domain.metrics import MetricAggregation
from tests.domain.analysis.arms import many, sampled

proportion = import_module("statsmodels.stats.proportion")  # it has no types
weightstats = import_module("statsmodels.stats.weightstats")


def _wilson(conversions: int, users: int, alpha: float = 0.05) -> Interval:
    interval = wilson_interval(conversions, users, alpha)
    assert interval is not None
    return interval


@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.01, 0.05 / 28])
@pytest.mark.parametrize(
    ("conversions", "users"),
    [(0, 1), (1, 1), (0, 40), (40, 40), (1, 3), (7, 90), (412, 8_230), (999_999, 1_000_000)],
)
def test_wilson_is_that_of_statsmodels_and_scipy(
    conversions: int, users: int, alpha: float
) -> None:
    interval = _wilson(conversions, users, alpha)

    ends = interval.lower, interval.upper
    theirs = proportion.proportion_confint(conversions, users, alpha=alpha, method="wilson")
    test = stats.binomtest(conversions, users)
    assert ends == pytest.approx(theirs, rel=1e-12, abs=1e-12)
    assert ends == pytest.approx(
        tuple(test.proportion_ci(1 - alpha, method="wilson")), rel=1e-12, abs=1e-12
    )
    assert interval.level == 1 - alpha


@pytest.mark.parametrize(
    ("conversions", "users", "ends"),
    [
        (412, 8_230, (0.0455557506, 0.0549855900)),
        (497, 8_195, (0.0556820657, 0.0660231123)),
    ],
)
def test_the_worked_rates(conversions: int, users: int, ends: tuple[float, float]) -> None:
    interval = _wilson(conversions, users)

    assert (interval.lower, interval.upper) == pytest.approx(ends, abs=1e-10)


@pytest.mark.parametrize(
    ("users", "rate"), [(400, 0.05), (400, 0.3), (1_000, 0.02), (1_000, 0.5), (5_000, 0.01)]
)
def test_wilson_covers_in_94_to_96_percent(users: int, rate: float) -> None:
    intervals = [_wilson(conversions, users) for conversions in range(users + 1)]
    covering = [place for place, each in enumerate(intervals) if each.lower <= rate <= each.upper]

    coverage = float(np.sum(stats.binom.pmf(covering, users, rate)))

    assert 0.94 <= coverage <= 0.96


def test_wilson_stays_within_the_unit_interval() -> None:
    for users in range(1, 400):
        nothing, everything = _wilson(0, users), _wilson(users, users)

        assert nothing.lower == 0.0 < nothing.upper < 1.0
        assert 0.0 < everything.lower < everything.upper == 1.0


def test_there_is_no_rate_without_users() -> None:
    assert wilson_interval(0, 0, 0.05) is None


@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.001])
@pytest.mark.parametrize("users", [2, 9, 300])
def test_the_mean_has_the_interval_of_scipy_and_statsmodels(users: int, alpha: float) -> None:
    values = np.random.default_rng(1).normal(10, 3, users)
    held = sampled(many(values.tolist()), MetricAggregation.SUM)

    interval = mean_interval(held, alpha)

    assert interval is not None
    ends = interval.lower, interval.upper
    error = values.std(ddof=1) / math.sqrt(users)
    assert ends == pytest.approx(
        stats.t.interval(1 - alpha, users - 1, values.mean(), error), rel=1e-12, abs=1e-12
    )
    described = weightstats.DescrStatsW(values)
    assert ends == pytest.approx(described.tconfint_mean(alpha), rel=1e-12, abs=1e-12)


def test_the_mean_is_covered_in_95_percent() -> None:
    values = np.random.default_rng(1).normal(10, 3, (10_000, 200))
    totals, squares = values.sum(axis=1).tolist(), (values**2).sum(axis=1).tolist()

    covered = 0
    for total, square in zip(totals, squares, strict=True):
        sums = Sums(users=200, total=Decimal(total), squares=Decimal(square))
        interval = mean_interval(sampled(sums, MetricAggregation.SUM), 0.05)
        assert interval is not None
        covered += interval.lower <= 10 <= interval.upper

    assert 9_440 <= covered <= 9_560


@pytest.mark.parametrize(
    ("users", "held", "note"),
    [
        (0, None, ResultNote.NO_USERS),
        (7, None, ResultNote.TOO_FEW_OBSERVATIONS),
        (1, Sample(n=1, mean=4.0, variance=0.0), ResultNote.TOO_FEW_OBSERVATIONS),
        (9, Sample(n=9, mean=4.0, variance=0.0), ResultNote.ZERO_VARIANCE),
        (9, Sample(n=9, mean=4.0, variance=1.0), None),
    ],
)
def test_a_mean_without_an_interval_has_a_note(
    users: int, held: Sample | None, note: ResultNote | None
) -> None:
    assert mean_note(users, held) is note
    assert held is None or (mean_interval(held, 0.05) is None) is (note is not None)
