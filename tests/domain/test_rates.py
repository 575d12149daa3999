from random import Random

import pytest

from domain import rates
from domain.rates import Buckets, CostExhausted, Overdrawn, Rate

TEN = Rate(per_second=10, burst=100)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def buckets(clock: Clock) -> Buckets:
    return Buckets(clock)


def test_a_bucket_is_full_at_first(buckets: Buckets) -> None:
    balance = buckets.charge("ada", TEN, 30)

    assert (balance.limit, balance.remaining, balance.charged) == (100, 70, 30)
    assert balance.full_in == 3.0


def test_all_of_it_may_be_had_at_once_and_no_more(buckets: Buckets) -> None:
    assert buckets.charge("ada", TEN, 100).remaining == 0

    with pytest.raises(CostExhausted):
        buckets.charge("ada", TEN, 1)


def test_a_refusal_says_what_is_left_and_when_there_is_enough(buckets: Buckets) -> None:
    buckets.charge("ada", TEN, 95)

    with pytest.raises(CostExhausted) as refused:
        buckets.charge("ada", TEN, 31)

    assert str(refused.value) == "this operation costs 31, and 5 are left: try again in 3 s"
    assert refused.value.retry_after == 3


def test_who_waits_as_long_as_was_said_is_served(buckets: Buckets, clock: Clock) -> None:
    buckets.charge("ada", TEN, 95)
    with pytest.raises(CostExhausted) as refused:
        buckets.charge("ada", TEN, 31)

    clock.now += refused.value.retry_after

    assert buckets.charge("ada", TEN, 31).remaining == 4


def test_a_refusal_is_not_charged(buckets: Buckets) -> None:
    for _ in range(5):
        with pytest.raises(CostExhausted):
            buckets.charge("ada", TEN, 101)

    assert buckets.charge("ada", TEN, 100).remaining == 0


def test_it_fills_to_the_brim_and_no_further(buckets: Buckets, clock: Clock) -> None:
    buckets.charge("ada", TEN, 100)

    clock.now += 3600

    assert buckets.charge("ada", TEN, 1).remaining == 99


def test_the_bucket_of_one_is_not_that_of_another(buckets: Buckets) -> None:
    buckets.charge("ada", TEN, 100)

    assert buckets.charge("grace", TEN, 1).remaining == 99


@pytest.mark.parametrize("seed", range(30))
def test_in_no_stretch_of_time_is_there_more_than_a_burst_and_the_rate(
    buckets: Buckets, clock: Clock, seed: int
) -> None:
    chance = Random(seed)  # noqa: S311
    had: list[tuple[float, int]] = []

    for _ in range(300):
        clock.now += chance.choice([0, 0, 0.01, 0.5, 3])
        cost = chance.randint(1, 60)
        try:
            buckets.charge("ada", TEN, cost)
        except CostExhausted:
            continue
        had.append((clock.now, cost))

    for place, (begin, _) in enumerate(had):
        total = 0
        for moment, cost in had[place:]:
            total += cost
            assert total <= TEN.burst + TEN.per_second * (moment - begin) + 0.001


def test_those_who_asked_last_are_remembered(buckets: Buckets) -> None:
    buckets.charge("early", TEN, 100)
    for number in range(rates._REMEMBERED):  # noqa: SLF001
        buckets.charge(number, TEN, 100)

    assert len(buckets) == rates._REMEMBERED  # noqa: SLF001
    assert buckets.charge("early", TEN, 100).remaining == 0
    with pytest.raises(CostExhausted):
        buckets.charge(rates._REMEMBERED - 1, TEN, 1)  # noqa: SLF001


def test_a_fine_is_taken_beyond_what_there_is(buckets: Buckets) -> None:
    buckets.charge("ada", TEN, 95)

    balance = buckets.fine("ada", TEN, 30)

    assert (balance.remaining, balance.charged) == (0, 30)
    with pytest.raises(CostExhausted, match=r"try again in 3 s$"):
        buckets.charge("ada", TEN, 1)


def test_who_owes_is_turned_away_until_it_is_given_back(buckets: Buckets, clock: Clock) -> None:
    buckets.fine("ada", TEN, 125)
    with pytest.raises(Overdrawn) as refused:
        buckets.check("ada", TEN)

    clock.now += refused.value.retry_after

    assert str(refused.value) == "what was refused has cost more than you had: try again in 3 s"
    buckets.check("ada", TEN)
    assert buckets.charge("ada", TEN, 5).remaining == 0


def test_who_has_spent_all_owes_nothing(buckets: Buckets) -> None:
    buckets.charge("ada", TEN, 100)

    buckets.check("ada", TEN)
    buckets.check("eva", TEN)


def test_what_is_left_may_be_asked_for_without_taking(buckets: Buckets, clock: Clock) -> None:
    buckets.charge("ada", TEN, 95)
    clock.now += 2

    assert [buckets.left("ada", TEN).remaining for _ in range(2)] == [25, 25]
    assert buckets.left("eva", TEN).remaining == 100
    assert len(buckets) == 1
