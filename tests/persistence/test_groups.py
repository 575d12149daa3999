"""Group commit, on a log whose writes are held up by hand."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from domain.errors import NotFound, Unavailable
from persistence.groups import Group


@dataclass
class Log:
    """Answers each item tenfold; `poison` cannot be written, nor anything beside it."""

    poison: frozenset[int] = frozenset()
    fault: Exception = field(default_factory=lambda: NotFound("gone"))
    open: asyncio.Event = field(default_factory=asyncio.Event)
    writes: list[list[int]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def write(self, items: Sequence[int]) -> Sequence[int | Exception]:
        self.writes.append(list(items))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.open.wait()
        finally:
            self.at_once -= 1
        if self.poison & set(items):
            raise self.fault
        return [item * 10 for item in items]


@pytest.fixture
async def log() -> Log:
    """That is open."""
    log = Log()
    log.open.set()
    return log


def called(group: Group[int, int], *items: int) -> asyncio.Task[Sequence[int | Exception]]:
    return asyncio.create_task(group.submit(items))


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_an_idle_group_writes_a_single_call_at_once(log: Log) -> None:
    group = Group(log.write)

    assert await group.submit([1]) == [10]
    assert await group.submit([2, 3]) == [20, 30]

    assert log.writes == [[1], [2, 3]]


async def test_what_comes_during_a_write_shares_the_next(log: Log) -> None:
    log.open.clear()
    group = Group(log.write)
    first = called(group, 1)
    await settled()
    others = [called(group, n, -n) for n in range(2, 100)]
    await settled()

    log.open.set()

    assert await first == [10]
    assert await asyncio.gather(*others) == [[n * 10, n * -10] for n in range(2, 100)]
    assert log.writes == [[1], [item for n in range(2, 100) for item in (n, -n)]]


async def test_at_most_so_many_are_written_together_in_the_order_they_came(log: Log) -> None:
    log.open.clear()
    group = Group(log.write, most=5)
    calls = [called(group, *range(n)) for n in (1, 2, 3, 1, 7, 1)]
    await settled()

    log.open.set()
    await asyncio.gather(*calls)

    sizes = [len(items) for items in log.writes]
    assert sizes == [3, 4, 7, 1]  # what one caller wants is not torn apart


async def test_no_more_flushers_write_than_are_allowed(log: Log) -> None:
    log.open.clear()
    group = Group(log.write, most=1, flushers=3)
    calls = [called(group, n) for n in range(10)]
    await settled()
    assert len(log.writes) == 3

    log.open.set()

    assert await asyncio.gather(*calls) == [[n * 10] for n in range(10)]
    assert log.most_at_once == 3


async def test_where_too_many_wait_the_next_hears_at_once(log: Log) -> None:
    log.open.clear()
    group = Group(log.write, room=10)
    first = called(group, 0)
    await settled()  # it is being written: the others wait
    second = called(group, *range(10))
    await settled()
    start = asyncio.get_running_loop().time()

    for items in ([1], [1, 2]):
        with pytest.raises(Unavailable):
            await group.submit(items)
    waited = asyncio.get_running_loop().time() - start

    log.open.set()
    assert [len(answers) for answers in await asyncio.gather(first, second)] == [1, 10]
    assert waited < 0.1
    assert len(await group.submit(range(10))) == 10


async def test_who_waits_too_long_is_told_and_makes_room_in_time(log: Log) -> None:
    log.open.clear()
    group = Group(log.write, patience=0.05)
    first, second = called(group, 1), called(group, 2)

    results = await asyncio.gather(first, second, return_exceptions=True)
    log.open.set()
    third = await group.submit([3])

    assert [type(result) for result in results] == [Unavailable] * 2
    assert third == [30]
    assert log.writes == [[1, 2], [3]]


async def test_callers_that_went_away_are_not_written(log: Log) -> None:
    log.open.clear()
    group = Group(log.write, room=3)
    first = called(group, 1)
    await settled()
    gone, kept = called(group, 2), called(group, 3)
    await settled()

    gone.cancel()
    await settled()
    log.open.set()

    assert [await first, await kept] == [[10], [30]]
    assert log.writes == [[1], [3]]
    assert len(await group.submit([4, 5, 6])) == 3


async def test_where_all_who_waited_have_gone_nothing_is_written(log: Log) -> None:
    log.open.clear()
    group = Group(log.write)
    first = called(group, 1)
    await settled()
    gone = [called(group, n) for n in range(2, 9)]
    await settled()
    for call in gone:
        call.cancel()
    log.open.set()

    assert await first == [10]
    await group.drain()
    assert log.writes == [[1]]


@pytest.mark.parametrize(
    ("poison", "writes"),
    [
        ({0}, 7),  # 8, 4, 2, 1 and the halves beside them
        ({5}, 7),
        ({0, 1}, 7),
        ({0, 7}, 11),
        (set(range(8)), 15),
    ],
)
async def test_what_cannot_be_written_is_found_by_halving(
    log: Log, poison: set[int], writes: int
) -> None:
    log.poison = frozenset(poison)
    group = Group(log.write)

    answers = await group.submit(range(8))

    assert [n for n, answer in enumerate(answers) if answer is log.fault] == sorted(poison)
    assert [n for n, answer in enumerate(answers) if answer == n * 10] == sorted(
        set(range(8)) - poison
    )
    assert len(log.writes) == writes


async def test_of_five_hundred_the_one_that_spoils_them_is_found_by_nineteen_writes(
    log: Log,
) -> None:
    log.poison = frozenset({499})

    answers = await Group(log.write).submit(range(500))

    assert [n for n, answer in enumerate(answers) if isinstance(answer, Exception)] == [499]
    assert len(log.writes) == 19


async def test_the_caller_of_what_cannot_be_written_hears_alone(log: Log) -> None:
    log.open.clear()
    log.poison = frozenset({2})
    group = Group(log.write)
    first = called(group, 9)
    await settled()
    calls = [called(group, n) for n in (1, 2, 3)]
    await settled()

    log.open.set()

    assert await first == [90]
    assert await asyncio.gather(*calls) == [[10], [log.fault], [30]]


async def test_an_outage_is_told_to_all_and_nothing_is_halved(log: Log) -> None:
    log.poison, log.fault = frozenset({1}), Unavailable()
    group = Group(log.write)

    answers = await group.submit([1, 2, 3])

    assert [type(answer) for answer in answers] == [Unavailable] * 3
    assert log.writes == [[1, 2, 3]]
    assert await group.submit([4]) == [40]


async def test_drained_is_what_waits_for_nothing_any_more(log: Log) -> None:
    log.open.clear()
    group = Group(log.write, most=1)
    calls = [called(group, n) for n in range(5)]
    await settled()
    drained = asyncio.create_task(group.drain())
    await settled()
    assert not drained.done()

    log.open.set()
    await drained

    assert [call.done() for call in calls] == [True] * 5
    assert len(log.writes) == 5
    await group.drain()


async def test_no_call_is_forgotten_that_comes_as_a_flusher_ends(log: Log) -> None:
    """Each comes a step later than the one before: one of them in the very moment."""
    group = Group(log.write, patience=1.0)

    for steps in range(20):
        first = called(group, 1)
        for _ in range(steps):
            await asyncio.sleep(0)
        assert await group.submit([2]) == [20]
        assert await first == [10]


async def test_a_caller_may_ask_again_as_soon_as_it_is_answered(log: Log) -> None:
    group = Group(log.write, patience=1.0)

    async def caller(item: int) -> None:
        for _ in range(50):
            assert await group.submit([item]) == [item * 10]

    await asyncio.gather(*(caller(n) for n in range(20)))

    assert len(log.writes) <= 60
    assert log.most_at_once == 1
