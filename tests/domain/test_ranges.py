import math
import random
from collections.abc import Sequence
from itertools import pairwise
from uuid import UUID

import pytest

from domain.bucketing import BucketRange, owner, ranges

BELOW_ONE = math.nextafter(1.0, 0.0)
COVERAGES = [0.0, 1e-9, 0.1, 1 / 3, 0.5, 0.9, 0.999999, BELOW_ONE, 1.0]


@pytest.fixture
def chance() -> random.Random:
    return random.Random(1)  # noqa: S311  # a test's, not a secret


def named(weights: Sequence[float]) -> list[tuple[UUID, float]]:
    return [(UUID(int=place), weight) for place, weight in enumerate(weights)]


def bounds(found: Sequence[BucketRange]) -> list[tuple[float, float]]:
    return [(each.start, each.end) for each in found]


def winner(found: Sequence[BucketRange], bucket: float) -> int | None:
    got = owner(found, bucket)
    return None if got is None else got.variant_id.int


def some_weights(chance: random.Random) -> list[float]:
    """From 1 to 100 that sum to 1, some of them tiny and some 0."""
    count = chance.randint(1, 100)
    raw = [chance.choice([0.0, 1.0, chance.random(), chance.random() ** 20]) for _ in range(count)]
    raw[chance.randrange(count)] += 0.5
    return [weight / math.fsum(raw) for weight in raw]


def some_buckets(chance: random.Random, found: Sequence[BucketRange]) -> list[float]:
    """Both sides of every edge, and some between."""
    edges = [edge for each in found for edge in (each.start, each.end)]
    beside = [near for edge in edges for near in (edge, math.nextafter(edge, 0.0))]
    anywhere = [chance.random() for _ in range(100)]
    return [each for each in [0.0, BELOW_ONE, *beside, *anywhere] if each < 1.0]


@pytest.mark.parametrize(
    ("weights", "coverage", "expected"),
    [
        ([0.5, 0.5], 1.0, [(0.0, 0.5), (0.5, 1.0)]),
        ([0.5, 0.5], 0.5, [(0.0, 0.25), (0.5, 0.75)]),
        ([0.5, 0.25, 0.25], 0.25, [(0.0, 0.125), (0.5, 0.5625), (0.75, 0.8125)]),
        ([1.0], 1.0, [(0.0, 1.0)]),
        ([1.0], 0.25, [(0.0, 0.25)]),
        ([0.0, 1.0, 0.0], 1.0, [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)]),
        ([0.5, 0.0, 0.5], 0.5, [(0.0, 0.25), (0.5, 0.5), (0.5, 0.75)]),
        ([0.5, 0.5], 0.0, [(0.0, 0.0), (0.5, 0.5)]),
        ([0.25, 0.25], 1.0, [(0.0, 0.25), (0.25, 0.5)]),
        ([], 1.0, []),
    ],
)
def test_a_variant_owns_its_share_of_the_traffic(
    weights: list[float], coverage: float, expected: list[tuple[float, float]]
) -> None:
    assert bounds(ranges(named(weights), coverage)) == expected


def test_a_range_knows_its_variant_and_its_weight() -> None:
    assert ranges(named([0.75, 0.25]), 0.5) == (
        BucketRange(variant_id=UUID(int=0), start=0.0, end=0.375, weight=0.75),
        BucketRange(variant_id=UUID(int=1), start=0.75, end=0.875, weight=0.25),
    )


def test_edges_are_rounded_as_a_browser_adds_them() -> None:
    starts = [each.start for each in ranges(named([0.1] * 10), 1.0)]

    assert starts[3:9] == [0.30000000000000004, 0.4, 0.5, 0.6, 0.7, 0.7999999999999999]


@pytest.mark.parametrize(
    "weights",
    [[1 / 3] * 3, [0.1] * 10, [0.1] * 10 + [0.0], [0.01] * 100, [0.7, 0.1, 0.2], [0.1, 0.7, 0.2]],
)
def test_the_last_range_ends_at_one_whatever_rounding_did(weights: list[float]) -> None:
    found = ranges(named(weights), 1.0)

    assert found[-1].end == 1.0
    assert winner(found, BELOW_ONE) == max(place for place, weight in enumerate(weights) if weight)


@pytest.mark.parametrize(
    "weights", [[0.5, 0.5 + 1e-10, 0.0], [0.5, 0.5 + 1e-10, 1e-10], [0.5, 0.5 - 1e-10, 0.0]]
)
def test_a_rounding_above_or_below_one_is_made_good(weights: list[float]) -> None:
    found = ranges(named(weights), 1.0)

    assert bounds(found)[1:] == [(0.5, 1.0), (1.0, 1.0)]


def test_neighbours_meet_where_coverage_is_one(chance: random.Random) -> None:
    for _ in range(300):
        found = ranges(named(some_weights(chance)), 1.0)

        assert found[0].start == 0.0
        assert all(left.end == right.start for left, right in pairwise(found))
        assert found[-1].end == 1.0


def test_each_bucket_has_one_owner_where_coverage_is_one(chance: random.Random) -> None:
    for _ in range(100):
        found = ranges(named(some_weights(chance)), 1.0)

        for bucket in some_buckets(chance, found):
            [only] = [each for each in found if each.start <= bucket < each.end]
            assert owner(found, bucket) is only


def test_ranges_never_overlap(chance: random.Random) -> None:
    for _ in range(300):
        found = ranges(named(some_weights(chance)), chance.choice([*COVERAGES, chance.random()]))

        assert all(each.start <= each.end for each in found)
        assert all(left.end <= right.start for left, right in pairwise(found))
        assert found[-1].end <= 1.0


def test_more_coverage_adds_users_and_moves_nobody(chance: random.Random) -> None:
    for _ in range(50):
        weights = named(some_weights(chance))
        steps = [
            ranges(weights, each) for each in sorted([*COVERAGES, chance.random(), chance.random()])
        ]
        for bucket in some_buckets(chance, [each for step in steps for each in step][:200]):
            winners = [winner(step, bucket) for step in steps]

            joined = [each for each in winners if each is not None]
            assert winners == [None] * (len(steps) - len(joined)) + [joined[-1]] * len(joined)


def test_coverage_is_the_share_of_users_who_take_part() -> None:
    for coverage in COVERAGES:
        found = ranges(named([0.5, 0.3, 0.2]), coverage)

        lengths = [each.end - each.start for each in found]
        expected = [0.5 * coverage, 0.3 * coverage, 0.2 * coverage]
        assert lengths == pytest.approx(expected, abs=1e-15)


def test_no_coverage_takes_nobody(chance: random.Random) -> None:
    found = ranges(named([0.5, 0.0, 0.5]), 0.0)

    assert all(owner(found, bucket) is None for bucket in some_buckets(chance, found))


def test_a_variant_without_weight_gets_nobody(chance: random.Random) -> None:
    for coverage in COVERAGES:
        found = ranges(named([0.0, 0.5, 0.0, 0.0, 0.5, 0.0]), coverage)

        winners = {winner(found, bucket) for bucket in some_buckets(chance, found)}
        assert winners <= {1, 4, None}


def test_a_single_variant_gets_everybody(chance: random.Random) -> None:
    found = ranges(named([1.0]), 1.0)

    assert {winner(found, bucket) for bucket in some_buckets(chance, found)} == {0}


def test_thirds_share_the_ten_thousand_buckets() -> None:
    found = ranges(named([1 / 3] * 3), 1.0)

    winners = [winner(found, number / 10_000) for number in range(10_000)]

    assert [winners.count(each) for each in (0, 1, 2, None)] == [3334, 3333, 3333, 0]


def test_a_hundred_variants_share_the_ten_thousand_buckets() -> None:
    found = ranges(named([0.01] * 100), 1.0)

    winners = [winner(found, number / 10_000) for number in range(10_000)]

    assert all(99 <= winners.count(each) <= 101 for each in range(100))
    assert winners == sorted(winners, key=lambda each: -1 if each is None else each)


@pytest.mark.parametrize(
    ("bucket", "expected"),
    [(0.0, 0), (0.2499, 0), (0.25, None), (0.4999, None), (0.5, 1), (0.7499, 1), (0.75, None)],
)
def test_a_range_holds_its_start_and_not_its_end(bucket: float, expected: int | None) -> None:
    assert winner(ranges(named([0.5, 0.5]), 0.5), bucket) == expected


def test_nobody_owns_anything_where_there_is_no_variant() -> None:
    assert owner((), 0.0) is None
