"""Whatever users do, in whatever order it is heard of: sums are what a recount gives."""

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from domain.assignments import Assignment
from domain.metrics import MetricAggregation, MetricDefinition
from domain.sums import RunningSums, UserTotal, converted, enrolled, exact, moved, reported, summed
from tests.factories import make_assignment, make_metric, make_metric_definition

BINARY, SUM, COUNT, MEAN = MetricAggregation
ADA: Assignment = make_assignment(user_id="ada")


def definition(aggregation: MetricAggregation, **changes: Any) -> MetricDefinition:
    return make_metric_definition(aggregation=aggregation, **changes)


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


@pytest.mark.parametrize("seed", range(20))
def test_sums_moved_by_any_history_are_what_its_recount_gives(seed: int) -> None:
    random = Random(seed)  # noqa: S311  the same every time
    users = [make_assignment(user_id=f"u{n}", phase=n % 2) for n in range(6)]
    bounds: list[Any] = [sorted(random.uniform(-20, 20) for _ in "ab"), (None, None)]
    metrics = [
        definition(kind, cap_low=low, cap_high=high)
        for kind in MetricAggregation
        for low, high in bounds
    ]
    history = [
        (random.choice(users), random.choice([0.1, -0.1, 1e15, 1e-12, random.gauss(3, 9)]))
        for _ in range(60)
    ]

    for metric in metrics:
        expected = summed(_recount(metric, history))
        for _ in range(3):
            random.shuffle(history)
            changes = _moves(metric, history, random)
            random.shuffle(changes)
            assert [figures(each) for each in summed(changes)] == [*map(figures, expected)]


def test_merged_in_any_order_and_taken_away_again_nothing_is_lost() -> None:
    random = Random(1)  # noqa: S311  the same every time
    rows = [converted(ADA, random.uniform(-1e15, 1e15)) for _ in range(50)]
    [total] = summed(rows)
    random.shuffle(rows)

    assert summed(rows) == [total]
    for row in rows:
        total = total.plus(row, -1)
    assert figures(total) == (0, 0, 0, 0, 0, 0, 0)


def test_numacc4_has_its_exact_variance() -> None:
    """NIST: a thousand and one values near ten million whose deviation is a tenth."""
    values = [10_000_000.2, *([10_000_000.1, 10_000_000.3] * 500)]
    orders = definition(SUM)
    users = [make_assignment(user_id=f"u{n}") for n in range(len(values))]
    changes = _moves(orders, list(zip(users, values, strict=True)), Random(4))  # noqa: S311

    sums = summed(replace(change, stripe=0) for change in changes)

    [held] = sums
    n, total, squares = held.users, Fraction(held.total), Fraction(held.squares)
    assert total / n == Fraction("10000000.2")
    assert (squares - total**2 / n) / (n - 1) == Fraction("0.01")


def _moves(
    metric: MetricDefinition, history: list[tuple[Assignment, float]], random: Random
) -> list[RunningSums]:
    """As batches of any size would move them."""
    held: dict[str, UserTotal] = {}
    changes = []
    waiting = list(history)
    while waiting:
        size = random.randrange(1, 9)
        batch, waiting = waiting[:size], waiting[size:]
        users = {user.user_id: user for user, _ in batch}
        events = (make_metric(user_id=user.user_id, event_value=value) for user, value in batch)
        for by in summed(reported(metric, event) for event in events):
            known = held.get(by.user_id)
            after = held[by.user_id] = by if known is None else known.plus(by)
            changes.append(moved(users[by.user_id], metric, after, by))
    return changes


def _recount(
    metric: MetricDefinition, history: list[tuple[Assignment, float]]
) -> list[RunningSums]:
    values: dict[str, list[Fraction]] = defaultdict(list)
    for user, value in history:
        values[user.user_id].append(Fraction(f"{exact(value)}"))
    found = []
    for user in {user.user_id: user for user, _ in history}.values():
        every = values[user.user_id]
        d = len(every)
        total = sum(every, Fraction(0))
        raw = {BINARY: Fraction(1), COUNT: Fraction(d)}.get(metric.aggregation, total)
        x = raw if metric.aggregation is BINARY else _between(metric, raw)
        row = replace(
            enrolled([user])[0], metric_id=metric.id, users=1, events=d, event_squares=d * d
        )
        row = replace(row, total=_decimal(x), squares=_decimal(x * x), capped=int(x != raw))
        found.append(replace(row, cross_products=_decimal(x * d)))
    return found


def _between(metric: MetricDefinition, raw: Fraction) -> Fraction:
    if metric.cap_low is None or metric.cap_high is None:
        return raw
    low, high = (Fraction(f"{exact(cap)}") for cap in (metric.cap_low, metric.cap_high))
    return min(max(raw, low), high)


def _decimal(value: Fraction) -> Decimal:
    """Of at most 24 decimals."""
    return Decimal(f"{int(value * 10**24)}e-24")
