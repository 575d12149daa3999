"""The sums are exact, so that no rounding guard is tested: a recount finds the very same sums."""

import random
from collections.abc import Callable
from decimal import Decimal, localcontext
from itertools import chain

import numpy as np
import pytest

from domain.analysis.sums import EXACT, Sample, Sums, merged, sample
from domain.metrics import MetricAggregation
from tests.domain.analysis.arms import converted, many, negative, one_user, sampled

NUMBERS = ["10000000.2", *["10000000.1", "10000000.3"] * 500]  # NumAcc4 of NIST
SHUFFLED = random.Random(4).sample(NUMBERS, len(NUMBERS))  # noqa: S311  # not for secrets


def _one_by_one(values: list[str]) -> Sums:
    held = Sums(users=0)
    for value in values:
        held = held.plus(one_user(value))
    return held


def _in_batches(values: list[str], size: int) -> Sums:
    return merged(many(values[at : at + size]) for at in range(0, len(values), size))


def _in_stripes(values: list[str]) -> Sums:
    return merged(many(values[stripe::16]) for stripe in range(16))


def _raised_and_lowered(values: list[str]) -> Sums:
    held, each = many(values), [one_user(value) for value in values]
    raised = [one_user(Decimal(value) + 5) for value in values]
    for old, new in [*zip(each, raised, strict=True), *zip(raised, each, strict=True)]:
        held = held.plus(merged((negative(old), new)))
    return held


@pytest.mark.parametrize("values", [NUMBERS, SHUFFLED], ids=["in order", "shuffled"])
@pytest.mark.parametrize(
    "accumulated",
    [
        _one_by_one,
        lambda values: _in_batches(values, 7),
        lambda values: _in_batches(values, 1_001),
        _in_stripes,
        _raised_and_lowered,
    ],
    ids=["singles", "batches of 7", "one batch", "16 stripes", "+5 and -5"],
)
def test_numacc4_keeps_its_small_variance(
    accumulated: Callable[[list[str]], Sums], values: list[str]
) -> None:
    held = accumulated(values)

    assert sample(held, MetricAggregation.SUM) == Sample(n=1_001, mean=10_000_000.2, variance=0.01)


KNOWN = [one_user(Decimal(cents).scaleb(-2), cents % 7) for cents in range(-400, 9_600, 13)]
GONE = [negative(user) for user in KNOWN]


def _changed(users: list[int], kind: int, place: int, new: int) -> tuple[Sums, ...]:
    """Adds, replaces or removes a user of the list, and says what that does to the sums."""
    if kind < 4 or not users:
        users.append(new)
        return (KNOWN[new],)
    at = place % len(users)
    old = users[at]
    if kind < 7:
        users[at] = new
        return GONE[old], KNOWN[new]
    users[at] = users[-1]
    users.pop()
    return (GONE[old],)


def test_a_million_changes_leave_what_a_recount_finds() -> None:
    draws = np.random.default_rng(1).integers(0, (10, 2**40, len(KNOWN)), (10**6, 3)).tolist()
    users: list[int] = []
    held = Sums(users=0)

    for at in range(0, len(draws), 1_000):
        changes = [_changed(users, *draw) for draw in draws[at : at + 1_000]]
        held = merged((held, *chain.from_iterable(changes)))

    floats = np.array([float(KNOWN[user].total) for user in users])
    after = sampled(held, MetricAggregation.SUM)
    assert held == merged(KNOWN[user] for user in users)
    assert after.n == len(users) > 50_000
    assert after.mean == pytest.approx(floats.mean(), rel=1e-9)
    assert after.variance == pytest.approx(floats.var(ddof=1), rel=1e-9)


def test_an_outlier_that_came_and_went_leaves_no_trace() -> None:
    held = many(["3.1", "7.2", "7.3"])
    outlier = one_user("1e12")

    assert held.plus(outlier).plus(negative(outlier)) == held


def test_users_without_events_are_zeros() -> None:
    sparse = many(["3", "12.5", "7"]).plus(Sums(users=4))

    dense = many(["0", "3", "0", "12.5", "0", "7", "0"])
    for aggregation in (MetricAggregation.SUM, MetricAggregation.COUNT):
        assert sample(sparse, aggregation) == sample(dense, aggregation)


def test_the_worked_accumulator() -> None:
    added = many(["3", "7", "7", "19"])
    replaced = added.plus(negative(one_user(7))).plus(one_user("12.5"))
    removed = replaced.plus(negative(one_user(3)))
    both = removed.plus(many(["2", "5.25"]))
    with_zeros = both.plus(Sums(users=4))

    steps = (added, replaced, removed, both, with_zeros)
    samples = [sampled(sums, MetricAggregation.SUM) for sums in steps]
    assert [each.n for each in samples] == [4, 4, 3, 5, 9]
    assert [each.mean for each in samples] == pytest.approx(
        [9.0, 10.375, 12.83333333, 9.15, 5.083333333], rel=1e-9
    )
    assert [each.variance * (each.n - 1) for each in samples] == pytest.approx(
        [144.0, 144.6875, 72.16666667, 179.2, 365.25], rel=1e-9
    )


@pytest.mark.parametrize(
    ("sums", "mean", "variance"),
    [
        ((1_400, 3_010, 16_900, 4_060, 19_880, 14_350), 0.7413793103, 0.5566505577),
        ((1_385, 3_241, 18_350, 4_072, 19_975, 15_190), 0.7959233792, 0.5704006251),
    ],
)
def test_the_worked_ratios(sums: tuple[int, ...], mean: float, variance: float) -> None:
    users, total, squares, events, event_squares, cross = sums
    held = Sums(
        users=users,
        total=Decimal(total),
        squares=Decimal(squares),
        events=Decimal(events),
        event_squares=Decimal(event_squares),
        cross=Decimal(cross),
    )

    ratio = sampled(held, MetricAggregation.MEAN)
    assert (ratio.mean, ratio.variance) == pytest.approx((mean, variance), abs=1e-10)


def test_a_ratio_has_the_variance_of_the_delta_method() -> None:
    generator = np.random.default_rng(1)
    d = generator.integers(0, 6, 300)
    x = generator.integers(-50, 400, 300) * d
    held = merged(one_user(float(each), int(count)) for each, count in zip(x, d, strict=True))

    ratio, moments = x.mean() / d.mean(), np.cov(x, d)
    spread = moments[0, 0] - 2 * ratio * moments[0, 1] + ratio**2 * moments[1, 1]
    found = sampled(held, MetricAggregation.MEAN)
    assert found.n == 300
    assert found.mean == pytest.approx(ratio, rel=1e-12)
    assert found.variance == pytest.approx(spread / d.mean() ** 2, rel=1e-12)


def test_a_rate_has_the_variance_of_one_draw() -> None:
    assert sample(converted(3, 8), MetricAggregation.BINARY) == Sample(
        n=8, mean=0.375, variance=0.375 * 0.625
    )


@pytest.mark.parametrize("precision", [5, 28])
def test_the_largest_sums_are_exact_whatever_the_precision_of_the_thread(precision: int) -> None:
    n, apart = 10**9, Decimal("0.000000000002")
    high = Decimal("999999999999999.123456789012")
    with localcontext(EXACT):
        low = high - apart
        half = n // 2
        held = Sums(users=n, total=(high + low) * half, squares=(high * high + low * low) * half)

    with localcontext() as thread:
        thread.prec = precision
        spread = sampled(merged((held, Sums(users=0))), MetricAggregation.SUM)

    assert spread.mean == float(high)
    assert spread.variance == pytest.approx(1e-24 * n / (n - 1), rel=1e-15, abs=0)


def test_the_order_of_users_does_not_matter() -> None:
    parts = [one_user(f"{10**power}.{power + 1:012d}", power) for power in range(16)]

    turned = list(reversed(parts))

    assert merged(parts) == merged(turned) == merged((merged(turned[:5]), merged(turned[5:])))


@pytest.mark.parametrize("aggregation", MetricAggregation)
def test_nobody_has_no_mean(aggregation: MetricAggregation) -> None:
    assert sample(Sums(users=0), aggregation) is None
    assert sample(merged([]), aggregation) is None


def test_there_is_no_mean_per_event_without_events() -> None:
    assert sample(Sums(users=5), MetricAggregation.MEAN) is None


@pytest.mark.parametrize("aggregation", MetricAggregation)
def test_one_user_shows_no_spread(aggregation: MetricAggregation) -> None:
    assert sample(one_user(1), aggregation) == Sample(n=1, mean=1.0, variance=0.0)


def test_a_constant_has_no_variance() -> None:
    assert sample(many(["0.1"] * 7), MetricAggregation.SUM) == Sample(n=7, mean=0.1, variance=0.0)
