"""How shared subscriptions end, and what is refused. Time passes by itself."""

import asyncio
import random
from dataclasses import replace
from itertools import pairwise

import pytest

from domain.errors import Unavailable
from domain.experiments import ExperimentStatus
from graphql_api.bounds import Bounds
from graphql_api.documents import Asked
from graphql_api.payloads import Payload
from tests.fake_live import World, seconds, timeless
from tests.graphql_api.crowds import EVERY, Crowd, Reader, services


@pytest.fixture
def crowd() -> Crowd:
    world = World()
    return Crowd(world, replace(services(), live=world.live))


@timeless
async def test_nothing_is_left_where_everybody_has_left(crowd: Crowd) -> None:
    before = asyncio.all_tasks()
    readers = [crowd.join() for _ in range(3)]
    await asyncio.sleep(0.7)
    crowd.join().leave()
    for reader in readers:
        reader.leave()
        reader.leave()
    await asyncio.sleep(0)
    looks = len(crowd.world.pulses.looks)
    await asyncio.sleep(10)

    assert len(crowd.channels) == 0
    assert asyncio.all_tasks() == before
    assert len(crowd.world.pulses.looks) == looks


@timeless
async def test_a_value_that_is_too_large_is_an_error(crowd: Crowd) -> None:
    query = 'subscription { experimentChanged(experiment: {name: "large"}) { description } }'
    crowd.world.started(name="large", description="x" * Bounds().max_value)
    asked = Asked(query=query, variables=None, operation_name=None)
    reader = crowd.join_to(asked, Reader())
    await asyncio.sleep(1)

    (error,) = reader.errors
    assert error["extensions"]["code"] == "COST_LIMIT_EXCEEDED"
    assert error["message"].endswith("and at most 1048576 are sent: select less")
    assert (reader.seen, reader.is_complete, len(crowd.channels)) == ([], False, 0)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (
            'subscription { experimentStats(experiment: {name: "none"}) { revision } }',
            "BAD_USER_INPUT",
        ),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
    ],
    ids=["missing", "no such field"],
)
@timeless
async def test_a_refusal_reaches_everybody(crowd: Crowd, query: str, code: str) -> None:
    asked = Asked(query=query, variables=None, operation_name=None)
    readers = [crowd.join_to(asked, Reader()) for _ in range(3)]
    await asyncio.sleep(1)

    assert [[each["extensions"]["code"] for each in one.errors] for one in readers] == [[code]] * 3
    assert not any(reader.is_complete for reader in readers)


@timeless
async def test_a_store_that_is_away_is_named_as_such(
    crowd: Crowd, caplog: pytest.LogCaptureFixture
) -> None:
    crowd.world.pulses.fault = Unavailable()
    reader = crowd.join()
    await asyncio.sleep(1)

    (error,) = reader.errors
    assert error["extensions"]["code"] == "UNAVAILABLE"
    assert error["extensions"]["requestId"]
    assert caplog.records == []


@pytest.fixture
def impatient() -> Crowd:
    world = World()
    return Crowd(world, replace(services(), live=world.live), first_value_time=2)


@timeless
async def test_how_long_a_first_value_is_waited_for_is_a_setting(impatient: Crowd) -> None:
    impatient.operations.takes = lambda: 30
    reader = impatient.join()
    await asyncio.sleep(1.9)
    early = list(reader.errors)
    await asyncio.sleep(0.2)

    (error,) = reader.errors
    assert (early, error["extensions"]["code"]) == ([], "UNAVAILABLE")
    assert len(impatient.channels) == 0


@timeless
async def test_an_unforeseen_fault_says_nothing_of_itself(
    crowd: Crowd, caplog: pytest.LogCaptureFixture
) -> None:
    crowd.world.results.broken = {crowd.experiment.id}
    reader = crowd.join()
    await asyncio.sleep(1)

    (error,) = reader.errors
    assert error["message"] == "something went wrong on our side"
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert len(caplog.records) == 2


@timeless
async def test_who_is_interrupted_gets_the_last_value_and_no_end(crowd: Crowd) -> None:
    early = crowd.join(every=60)
    await asyncio.sleep(30)
    late = crowd.join(every=60)
    await asyncio.sleep(2)
    crowd.sees(5)
    crowd.channels.interrupt()
    await crowd.world.live.finish()
    await crowd.channels.finish(1)

    assert (early.users, late.users) == ([0, 10], [0, 10])
    assert (early.is_complete, late.is_complete) == (False, False)
    assert len(crowd.channels) == 0


class Holding(Reader):
    """It does not let go of what it has got."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Payload] = []

    def next(self, payload: Payload, tail: bytes = b"") -> None:
        super().next(payload, tail)
        self.held.append(payload)


@timeless
async def test_what_is_held_counts_once_it_is_not_the_latest_any_more(crowd: Crowd) -> None:
    reader, other = Holding(), Holding()
    crowd.join(reader)
    crowd.join(other)
    await asyncio.sleep(1)
    first = crowd.outdated.size
    crowd.sees(5)
    await asyncio.sleep(2)
    second = crowd.outdated.size
    reader.leave()
    other.leave()
    await asyncio.sleep(1)
    at_the_end = crowd.outdated.size

    sizes = [len(payload.data) for payload in reader.held]
    assert [first, second, at_the_end] == [0, sizes[0], sum(sizes)]
    reader.held.clear()
    assert crowd.outdated.size == sum(sizes)
    other.held.clear()
    assert crowd.outdated.size == 0


class Joining(Reader):
    """Brings another one along at its end."""

    def __init__(self, crowd: Crowd) -> None:
        super().__init__()
        self._crowd = crowd
        self.other = Reader()

    def complete(self) -> None:
        super().complete()
        self._crowd.join(self.other)


@timeless
async def test_who_comes_while_a_channel_ends_is_not_forgotten(crowd: Crowd) -> None:
    reader = Joining(crowd)
    crowd.join(reader)
    await asyncio.sleep(1)
    crowd.world.change(crowd.experiment, status=ExperimentStatus.COMPLETED)
    await asyncio.sleep(5)

    assert reader.is_complete
    assert reader.other.users == [0]
    assert reader.other.is_complete


@timeless
async def test_there_is_an_end_to_different_subscriptions(crowd: Crowd) -> None:
    readers = []
    for number in range(2001):
        asked = Asked(query=f"subscription {{ x{number} }}", variables=None, operation_name=None)
        readers.append(crowd.join_to(asked, Reader()))

    assert len(crowd.channels) == 2000
    (error,) = readers[-1].errors
    assert error["extensions"]["code"] == "RATE_LIMITED"
    for reader in readers:
        reader.leave()


@pytest.mark.parametrize("seed", range(15))
@timeless
async def test_whatever_happens_everybody_gets_each_change_in_time_and_at_their_pace(
    crowd: Crowd, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311
    crowd.operations.takes = lambda: dice.uniform(0, 0.05)
    readers, moves, users = [], [], 0
    for _ in range(80):
        crowd.world.pulses.takes = dice.uniform(0, 0.05)
        await asyncio.sleep(dice.choice([0.001, 0.1, 0.3, 1.5]) * dice.uniform(0.5, 1.5))
        if dice.random() < 0.4:
            readers.append(crowd.join())
        else:
            users += 1
            crowd.sees(users)
            moves.append((seconds(), 2 * users))
    await asyncio.sleep(5)

    for reader in readers:
        assert reader.times[0] <= 0.4
        assert [at for at, later in pairwise(reader.times) if later - at < EVERY - 0.05] == []
        assert late_for(reader, moves, 2 * EVERY + 0.2) == []
        assert reader.users[-1] == 2 * users


def late_for(reader: Reader, moves: list[tuple[float, int]], within: float) -> list[float]:
    return [
        at
        for at, users in moves
        if at > reader.joined_at
        and not any(
            shown >= users and reader.joined_at + time <= at + within for time, shown in reader.seen
        )
    ]
