import math
import random

import pytest

from domain.weights import filled, scaled, sum_to_one, with_newcomers


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], []),
        ([None], [1.0]),
        ([None, None], [0.5, 0.5]),
        ([None, None, None], [1 / 3, 1 / 3, 1 / 3]),
        ([0.5, None, None], [0.5, 0.25, 0.25]),
        ([None, 0.0, None], [0.5, 0.0, 0.5]),
        ([0.3, 0.3], [0.3, 0.3]),
        ([1.0, None], [1.0, 0.0]),
        ([0.9, 0.9, None], [0.9, 0.9, 0.0]),
    ],
)
def test_weights_left_open_share_what_is_left(
    given: list[float | None], expected: list[float]
) -> None:
    assert filled(given) == expected


def test_what_others_have_taken_is_not_shared() -> None:
    assert filled([None, 0.25, None], taken=0.25) == [0.25, 0.25, 0.25]


def test_nothing_is_left_where_all_is_taken() -> None:
    assert filled([None, None], taken=1.0) == [0.0, 0.0]
    assert filled([None], taken=1.5) == [0.0]


@pytest.mark.parametrize("count", range(1, 101))
def test_equal_shares_sum_to_one(count: int) -> None:
    assert math.fsum(filled([None] * count)) == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize(
    ("weights", "total", "expected"),
    [
        ([0.5, 0.5], 0.5, [0.25, 0.25]),
        ([0.25, 0.75], 0.5, [0.125, 0.375]),
        ([0.0, 0.5], 1.0, [0.0, 1.0]),
        ([0.0, 0.0], 0.5, [0.25, 0.25]),
        ([0.2], 1.0, [1.0]),
        ([0.5, 0.5], 0.0, [0.0, 0.0]),
        ([], 0.0, []),
        ([], 1.0, []),
    ],
)
def test_scaled_weights_keep_their_proportions(
    weights: list[float], total: float, expected: list[float]
) -> None:
    assert scaled(weights, total) == expected


def test_scaled_weights_sum_to_the_total_whatever_they_were() -> None:
    chance = random.Random(1)  # noqa: S311  # a test's, not a secret

    for _ in range(1000):
        total = chance.random()
        weights = [chance.random() ** 20 for _ in range(chance.randint(1, 100))]

        assert math.fsum(scaled(weights, total)) == pytest.approx(total, abs=1e-14)


def test_the_smallest_numbers_can_be_scaled() -> None:
    assert scaled([5e-324, 5e-324], 1.0) == [0.5, 0.5]


@pytest.mark.parametrize(
    ("weights", "fits"),
    [
        ([0.5, 0.5], True),
        ([0.1] * 10, True),
        ([0.3333333, 0.3333333, 0.3333333], True),
        ([0.3333, 0.3333, 0.3333], True),
        ([0.333, 0.333, 0.333], False),
        ([0.33, 0.33, 0.33], False),
        ([0.5, 0.50029], True),
        ([0.5, 0.50031], False),
        ([0.5, 0.49971], True),
        ([0.5, 0.49969], False),
        ([0.5, 0.6], False),
        ([0.5], False),
        ([], False),
        ([math.nan, 1.0], False),
        ([math.inf], False),
    ],
)
def test_weights_sum_to_one_within_a_rounding_to_four_places(
    weights: list[float], fits: bool
) -> None:
    assert sum_to_one(weights) is fits


@pytest.mark.parametrize(
    ("present", "new", "kept", "shares"),
    [
        ([], [None], [], [1.0]),
        ([1.0], [None], [0.5], [0.5]),
        ([0.25, 0.75], [None, None], [0.125, 0.375], [0.25, 0.25]),
        ([1.0, 0.0, 0.0], [None], [0.75, 0.0, 0.0], [0.25]),
        ([2.0], [None], [0.5], [0.5]),
        ([0.5], [None], [0.5], [0.5]),
        ([0.5], [None, None], [0.5], [0.25, 0.25]),
        ([0.0, 0.0], [None], [0.0, 0.0], [1.0]),
        ([0.5, 0.5], [0.25, None], [0.25, 0.25], [0.25, 0.25]),
        ([0.5], [0.25, None], [0.5], [0.25, 0.25]),
        ([0.5, 0.5], [0.3], [0.5, 0.5], [0.3]),
        ([0.5, 0.5], [], [0.5, 0.5], []),
    ],
)
def test_newcomers_to_a_full_draft_get_room(
    present: list[float], new: list[float | None], kept: list[float], shares: list[float]
) -> None:
    assert with_newcomers(present, new) == (kept, shares)


@pytest.mark.parametrize(("present", "share"), [(0.9996, 0.0004), (0.9998, 0.5), (1.0, 0.5)])
def test_a_draft_is_full_when_no_more_than_a_rounding_is_left(present: float, share: float) -> None:
    assert with_newcomers([present], [None])[1] == pytest.approx([share], abs=1e-12)
