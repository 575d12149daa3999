"""When an epoch is due, and the weights and expectations with which it opens."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from domain import epochs
from domain.analysis.observed import Observed
from domain.analysis.sums import Sums
from domain.analysis.tallies import tally
from domain.epochs import Outlook
from domain.ids import NIL
from domain.metrics import MetricAggregation, MetricDefinition, MetricDirection
from tests.domain.analysis.arms import converted, described
from tests.domain.analysis.observing import (
    assigned,
    make_observed,
    make_phases,
    make_sums,
    make_variants,
    measured,
)
from tests.factories import NOON, make_metric_definition

EVEN = {"a": 0.5, "b": 0.5}
RATE = make_metric_definition(aggregation=MetricAggregation.BINARY)
MEAN = make_metric_definition(aggregation=MetricAggregation.SUM)


def bandit(*users: Mapping[str, int], age: float = 60) -> Observed:
    """So many users of each arm in each epoch, the last of which is so many seconds old."""
    variants = make_variants(EVEN)
    phases = [
        replace(phase, opened_at=NOON - timedelta(seconds=age))
        for phase in make_phases(*[EVEN] * len(users))
    ]
    rows = [
        assigned(variant, count[variant.name], phase=number)
        for number, count in enumerate(users, 1)
        for variant in variants
    ]
    return make_observed(variants, rows, phases=phases)


@pytest.mark.parametrize(
    ("users", "age", "is_due"),
    [
        ([{"a": 60, "b": 40}], 60, True),
        ([{"a": 60, "b": 39}], 60, False),
        ([{"a": 60, "b": 40}], 59.9, False),
        ([{"a": 1000, "b": 1000}, {"a": 0, "b": 99}], 600, False),
        ([{"a": 1000, "b": 1000}, {"a": 0, "b": 100}], 600, True),
        ([{"a": 49_500, "b": 49_500}, {"a": 900, "b": 99}], 600, False),
        ([{"a": 49_500, "b": 49_500}, {"a": 900, "b": 100}], 600, True),
    ],
)
def test_it_is_due_after_a_minute_with_a_hundred_users_and_a_hundredth_of_all(
    users: list[dict[str, int]], age: float, is_due: bool
) -> None:
    observed = bandit(*users, age=age)

    assert epochs.is_due(observed, tally(observed)) is is_due


def test_until_every_arm_has_a_hundred_users_the_weights_are_equal() -> None:
    early = epochs.outlooks(RATE, [converted(50, 500), converted(1, 99)])
    later = epochs.outlooks(RATE, [converted(50, 500), converted(1, 100)])

    assert [arm.weight for arm in early] == [0.5, 0.5]
    assert later[1].weight == pytest.approx(0.05, abs=0.005)


def test_the_weights_are_those_of_the_worked_example() -> None:
    arms = epochs.outlooks(RATE, [converted(37, 640), converted(52, 655), converted(41, 622)])

    assert [arm.weight for arm in arms] == pytest.approx(
        [0.0866930, 0.7209856, 0.1923214], abs=1e-7
    )
    assert [(arm.alpha, arm.beta) for arm in arms] == [(38, 604), (53, 604), (42, 582)]
    assert sum(arm.probability_best for arm in arms) == pytest.approx(1, abs=1e-12)


def test_less_may_be_better() -> None:
    fewer = replace(RATE, direction=MetricDirection.DECREASE)

    arms = epochs.outlooks(fewer, [converted(20, 1000), converted(80, 1000)])

    assert [arm.weight for arm in arms] == pytest.approx([0.95, 0.05])


def test_of_means_the_posterior_is_normal() -> None:
    arms = epochs.outlooks(MEAN, [described(400, "10", "4"), described(100, "11", "5")])

    assert [arm.alpha for arm in arms] == pytest.approx([10, 11])
    assert [arm.beta for arm in arms] == pytest.approx([0.04, 0.25])
    assert arms[1].weight == pytest.approx(0.05 + 0.9 * 0.96834, abs=1e-4)


@pytest.mark.parametrize("other", [Sums(users=0), described(99, "11", "5"), make_sums(100)])
def test_where_one_mean_is_not_known_the_weights_are_equal(other: Sums) -> None:
    arms = epochs.outlooks(MEAN, [described(400, "10", "4"), other])

    assert arms == [Outlook(alpha=1.0, beta=1.0, probability_best=0.5, weight=0.5)] * 2


@pytest.mark.parametrize(("weight", "is_moved"), [(0.5099, False), (0.5101, True), (0.4899, True)])
def test_a_move_is_more_than_a_hundredth(weight: float, is_moved: bool) -> None:
    arms = [
        Outlook(alpha=1, beta=1, probability_best=0.5, weight=each) for each in (weight, 1 - weight)
    ]

    assert epochs.moves([0.5, 0.5], arms) is is_moved


def with_metrics(*definitions: MetricDefinition) -> Observed:
    variants = make_variants(EVEN)
    rows = [assigned(variant, 99, converted=19) for variant in variants]
    rows += [
        measured(variants[0], metric, make_sums(9, total=45, squares=300, events=10))
        for metric in definitions
    ]
    return make_observed(variants, rows, definitions=definitions)


def test_each_metric_is_expected_to_go_on_as_it_went() -> None:
    observed = with_metrics(RATE, MEAN)

    expected = epochs.plug_ins(observed, tally(observed))

    assert expected == {
        str(RATE.id): {"a": 0.095, "b": 0.005},
        str(MEAN.id): {"a": 45 / 99, "b": 0.0},
    }


def test_without_metrics_conversions_are_expected_and_of_ratios_nothing_is() -> None:
    plain, ratio = with_metrics(), make_metric_definition(aggregation=MetricAggregation.MEAN)
    with_ratio = with_metrics(RATE, ratio)

    assert epochs.plug_ins(plain, tally(plain)) == {str(NIL): {"a": 0.195, "b": 0.195}}
    assert set(epochs.plug_ins(with_ratio, tally(with_ratio))) == {str(RATE.id)}


def test_a_window_closes_after_its_hours_and_a_little_for_what_is_late() -> None:
    windowed = replace(RATE, window_hours=36.0)

    assert epochs.closed_by(windowed, NOON) == NOON - timedelta(hours=36, minutes=5)
    assert epochs.closed_by(RATE, NOON) is None
