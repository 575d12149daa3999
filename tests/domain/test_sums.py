"""Sums are exact: whatever the order of the reports, they are what a recount gives."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.assignments import Assignment
from domain.ids import new_id
from domain.metrics import MetricAggregation, MetricDefinition
from domain.sums import (
    OWN,
    STRIPES,
    RunningSums,
    UserTotal,
    converted,
    counts,
    enrolled,
    exact,
    moved,
    summed,
)
from tests.factories import (
    NOON,
    make_assignment,
    make_metric,
    make_metric_definition,
)
from tests.sums import make_running_sums, make_user_total

HOUR = timedelta(hours=1)
BINARY, SUM, COUNT, MEAN = MetricAggregation
ADA: Assignment = make_assignment(user_id="ada", variant_id=new_id(), phase=3)
NOTHING = make_user_total(total=Decimal(0), events=0)


def figures(sums: RunningSums) -> tuple[object, ...]:
    return (
        sums.users,
        sums.total,
        sums.squares,
        sums.events,
        sums.event_squares,
        sums.cross_products,
        sums.capped,
    )


def kept(total: str, events: int) -> UserTotal:
    return make_user_total(total=Decimal(total), events=events)


def definition(aggregation: MetricAggregation, **changes: Any) -> MetricDefinition:
    return make_metric_definition(aggregation=aggregation, **changes)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.3"),
        (1 / 3, "0.333333333333"),
        (2 / 3, "0.666666666667"),
        (-1e15, "-1e15"),
        (999999999999999.9, "1e15"),
        (123456789.01234567, "123456789.012346"),
        (1e-12, "1e-12"),
        (5e-13, "1e-12"),
        (-5e-13, "-1e-12"),
        (4.9e-13, "0"),
        (5e-324, "0"),
    ],
)
def test_a_float_is_taken_by_the_digits_that_it_is_good_for(value: float, expected: str) -> None:
    assert exact(value) == Decimal(expected)


def test_a_user_counts_before_they_do_anything_and_a_conversion_counts_no_user() -> None:
    assert figures(enrolled([ADA])[0]) == (1, 0, 0, 0, 0, 0, 0)
    assert figures(converted(ADA, -2.5)) == (0, -2.5, 6.25, 1, 1, -2.5, 0)
    assert figures(converted(ADA, 0.0)) == (0, 0, 0, 1, 1, 0, 0)


@pytest.mark.parametrize(
    ("aggregation", "caps", "held", "expected"),
    [
        (BINARY, (None, None), ("7.5", 3), (1, 1, 1, 3, 9, 3, 0)),
        (BINARY, (2, 3), ("7.5", 3), (1, 1, 1, 3, 9, 3, 0)),
        (SUM, (None, None), ("7.5", 3), (1, "7.5", "56.25", 3, 9, "22.5", 0)),
        (SUM, (None, 5), ("7.5", 3), (1, 5, 25, 3, 9, 15, 1)),
        (SUM, (8, None), ("7.5", 3), (1, 8, 64, 3, 9, 24, 1)),
        (SUM, (7.5, 7.5), ("7.5", 3), (1, "7.5", "56.25", 3, 9, "22.5", 0)),
        (SUM, (-1, 0), ("-7.5", 2), (1, -1, 1, 2, 4, -2, 1)),
        (SUM, (None, None), ("0", 2), (1, 0, 0, 2, 4, 0, 0)),
        (COUNT, (None, None), ("7.5", 3), (1, 3, 9, 3, 9, 9, 0)),
        (COUNT, (None, 2), ("7.5", 3), (1, 2, 4, 3, 9, 6, 1)),
        (COUNT, (3, None), ("7.5", 3), (1, 3, 9, 3, 9, 9, 0)),
        (MEAN, (None, None), ("7.5", 3), (1, "7.5", "56.25", 3, 9, "22.5", 0)),
        (MEAN, (None, 5), ("7.5", 3), (1, 5, 25, 3, 9, 15, 1)),
    ],
)
def test_what_a_user_adds_follows_from_their_total_and_the_caps(
    aggregation: MetricAggregation,
    caps: tuple[float | None, float | None],
    held: tuple[str, int],
    expected: tuple[Any, ...],
) -> None:
    low, high = caps
    total = kept(*held)

    added = moved(ADA, definition(aggregation, cap_low=low, cap_high=high), total, total)

    assert figures(added) == tuple(map(Decimal, expected))


def test_what_grows_beyond_its_cap_moves_the_sums_up_to_it_and_no_further() -> None:
    orders = definition(SUM, cap_high=10.0)

    below = moved(ADA, orders, kept("8", 1), kept("8", 1))
    across = moved(ADA, orders, kept("12", 2), kept("4", 1))
    beyond = moved(ADA, orders, kept("15", 3), kept("3", 1))
    back = moved(ADA, orders, kept("9", 4), kept("-6", 1))

    assert figures(below) == (1, 8, 64, 1, 1, 8, 0)
    assert figures(across) == (0, 2, 36, 1, 3, 12, 1)
    assert figures(beyond) == (0, 0, 0, 1, 5, 10, 0)
    assert figures(back) == (0, -1, -19, 1, 7, 6, -1)


def test_those_who_are_enrolled_together_are_counted_by_the_rows_that_they_touch() -> None:
    users = [make_assignment(user_id=f"u{n % 90}", phase=n % 3) for n in range(270)]

    found = enrolled(users)

    assert found == summed(each for user in users for each in enrolled([user]))
    assert sum(each.users for each in found) == 270
    assert [each.key for each in found] == sorted({each.key for each in found})
    assert enrolled([]) == []


def test_sums_are_kept_by_experiment_variant_metric_phase_and_stripe() -> None:
    orders = definition(COUNT)

    sums = moved(ADA, orders, kept("1", 1), kept("1", 1))

    assert sums.key[:4] == (ADA.experiment_id, ADA.variant_id, orders.id, 3)
    assert enrolled([ADA])[0].key == (ADA.experiment_id, ADA.variant_id, OWN, 3, sums.stripe)


def test_users_are_spread_over_all_stripes_and_stay_in_theirs() -> None:
    users = [make_assignment(user_id=f"u{n}") for n in range(800)]

    stripes = [enrolled([user])[0].stripe for user in users]

    assert stripes == [converted(user, 1.0).stripe for user in users]
    assert set(stripes) == set(range(STRIPES))
    assert max(map(stripes.count, range(STRIPES))) < 2 * 800 / STRIPES


@pytest.mark.parametrize(
    ("window", "after", "expected"),
    [
        (None, 10_000 * HOUR, True),
        (24.0, 24 * HOUR, True),
        (24.0, 24 * HOUR + timedelta(microseconds=1), False),
        (24.0, -HOUR, True),
        (0.5, HOUR / 2, True),
        (0.5, HOUR, False),
    ],
)
def test_what_came_after_the_window_does_not_count(
    window: float | None, after: timedelta, expected: bool
) -> None:
    orders = definition(SUM, window_hours=window)
    event = make_metric(event_type="order", event_timestamp=NOON + after)

    assert counts(orders, ADA, event) is expected


def test_events_of_another_kind_do_not_count() -> None:
    assert not counts(definition(SUM, event_type="order"), ADA, make_metric(event_type="Order"))


def test_the_touched_rows_come_once_each_and_by_their_keys() -> None:
    rows = [make_running_sums(phase=phase, stripe=stripe) for phase in (2, 1) for stripe in (9, 0)]

    found = summed([*rows, *reversed(rows), rows[0]])

    assert [(each.phase, each.stripe, each.users) for each in found] == [
        (1, 0, 20),
        (1, 9, 20),
        (2, 0, 20),
        (2, 9, 30),
    ]
    assert [each.changes for each in found] == [1] * 4
