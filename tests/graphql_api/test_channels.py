"""Who asks the same shares one execution, and gets each value at a pace of their own. Time passes
by itself; the schema is the real one, and what is followed is in memory."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from domain.access import Scope
from domain.experiments import ExperimentStatus
from graphql_api.payloads import Payload
from tests.domain.stored import ELSEWHERE
from tests.factories import make_caller
from tests.fake_live import World, timeless
from tests.graphql_api.crowds import US, Crowd, Reader, services


@pytest.fixture
def crowd() -> Crowd:
    world = World()
    return Crowd(world, replace(services(), live=world.live))


@timeless
async def test_who_asks_the_same_shares_one_execution(crowd: Crowd) -> None:
    readers = [crowd.join() for _ in range(5)]
    await asyncio.sleep(0.5)
    crowd.sees(5)
    await asyncio.sleep(5)

    assert [reader.users for reader in readers] == [[0, 10]] * 5
    assert crowd.operations.begun == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"every": 2.0},
        {"caller": replace(US, scopes=frozenset({Scope.READ}))},
        {"caller": make_caller(ELSEWHERE)},
        {"caller": None},
    ],
    ids=["variables", "scopes", "project", "nobody"],
)
@timeless
async def test_who_asks_or_may_see_something_else_does_not_share(
    crowd: Crowd, changes: dict[str, Any]
) -> None:
    crowd.join()
    crowd.join(**changes)
    await asyncio.sleep(0)

    assert (len(crowd.channels), crowd.operations.begun) == (2, 2)


@timeless
async def test_different_callers_with_the_same_access_share(crowd: Crowd) -> None:
    other = replace(US, actor=replace(US.actor, name="another key"))
    readers = [crowd.join(), crowd.join(caller=other)]
    await asyncio.sleep(0.5)

    assert [reader.users for reader in readers] == [[0], [0]]
    assert crowd.operations.begun == 1


@timeless
async def test_a_newcomer_gets_the_present_value_at_once_and_the_others_do_not(
    crowd: Crowd,
) -> None:
    early = crowd.join(every=60)
    await asyncio.sleep(30)
    crowd.sees(5)
    late = crowd.join(every=60)
    await asyncio.sleep(20)

    assert late.seen == [(0, 10)]
    assert early.seen == [(0, 0)]


@timeless
async def test_a_newcomer_gets_no_second_value_within_the_interval_but_the_latest_after_it(
    crowd: Crowd,
) -> None:
    early = crowd.join()
    await asyncio.sleep(0.7)
    late = crowd.join()
    crowd.sees(5)
    await asyncio.sleep(0.2)
    crowd.sees(10)
    await asyncio.sleep(10)

    assert early.seen == [(0, 0), (1, 20)]
    assert late.seen == [(0, 10), (1.3, 20)]


@timeless
async def test_a_newcomer_gets_no_value_that_was_looked_at_before_it_came(crowd: Crowd) -> None:
    crowd.join(every=60)
    await asyncio.sleep(5)
    crowd.world.pulses.takes = 0.3
    crowd.join(every=60)
    await asyncio.sleep(0.1)
    crowd.sees(5)  # by what the newcomer has just written, say
    late = crowd.join(every=60)
    await asyncio.sleep(5)

    assert late.users == [10]
    assert late.times[0] <= 1


@timeless
async def test_a_value_that_comes_while_another_is_worked_on_is_not_lost(crowd: Crowd) -> None:
    crowd.operations.takes = lambda: 0.7
    reader = crowd.join(every=0.2)
    await asyncio.sleep(0.3)
    crowd.sees(5)
    await asyncio.sleep(5)

    assert reader.users == [0, 10]


@timeless
async def test_a_first_value_that_took_long_does_not_delay_the_second(crowd: Crowd) -> None:
    slow = iter([0.2])
    crowd.operations.takes = lambda: next(slow, 0.0)
    reader = crowd.join()
    await asyncio.sleep(0.5)
    crowd.sees(5)
    await asyncio.sleep(5)

    assert reader.seen == [(0.2, 0), (1, 10)]


@timeless
async def test_a_lifecycle_change_reaches_those_too_who_are_not_due(crowd: Crowd) -> None:
    early = crowd.join(every=60)
    await asyncio.sleep(30)
    late = crowd.join(every=60)
    await asyncio.sleep(2)
    crowd.sees(5)
    crowd.world.change(crowd.experiment, status=ExperimentStatus.PAUSED)
    await asyncio.sleep(1)

    assert (early.users, late.users) == ([0, 10], [0, 10])


@timeless
async def test_completion_is_the_last_value_and_then_the_end(crowd: Crowd) -> None:
    readers = [crowd.join(every=60) for _ in range(3)]
    await asyncio.sleep(5)
    crowd.sees(5)
    crowd.world.change(crowd.experiment, status=ExperimentStatus.COMPLETED)
    await asyncio.sleep(2)  # there is a look in every second

    assert [reader.users for reader in readers] == [[0, 10]] * 3
    assert all(reader.is_complete for reader in readers)
    assert len(crowd.channels) == 0


class Leaving(Reader):
    """Takes another one away with its first value."""

    def __init__(self, other: Reader) -> None:
        super().__init__()
        self._other = other

    def next(self, payload: Payload, tail: bytes = b"") -> None:
        super().next(payload)
        self._other.leave()


@timeless
async def test_who_leaves_in_the_middle_gets_nothing_more(crowd: Crowd) -> None:
    leaver = Reader()
    crowd.join(Leaving(leaver))
    others = [crowd.join() for _ in range(600)]
    crowd.join(leaver)
    await asyncio.sleep(5)

    assert leaver.seen == []
    assert [other.users for other in others] == [[0]] * 600


class Keeping(Reader):
    """What it is given, as it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[tuple[Payload, bytes]] = []

    def next(self, payload: Payload, tail: bytes = b"") -> None:
        super().next(payload, tail)
        self.given.append((payload, tail))


@timeless
async def test_who_asks_for_the_cost_shares_all_but_that(crowd: Crowd) -> None:
    asking, other = Keeping(), Keeping()
    crowd.join(other)
    crowd.join(asking, shows_cost=True)
    await asyncio.sleep(0.5)

    ((payload, tail),), ((same, nothing),) = asking.given, other.given
    assert payload is same
    assert json.loads(b"{%b}" % tail[1:])["extensions"]["cost"]["actual"] == 3
    assert (nothing, crowd.operations.begun) == (b"", 1)
