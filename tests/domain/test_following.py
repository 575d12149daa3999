"""One stream of an experiment by itself, and all of them held against a simple model."""

import asyncio
from typing import Any

import pytest

from domain.analysis.results import ExperimentResults
from domain.errors import Unavailable
from domain.experiments import Experiment, ExperimentStatus
from domain.following import Following, Kind, Pulse, Shown
from tests.factories import make_experiment
from tests.fake_live import timeless

EXPERIMENT = make_experiment(status=ExperimentStatus.ACTIVE)
VERSIONS: Kind[int] = Kind(
    state=lambda pulse: pulse.version,
    value=lambda shown: shown.experiment.version,
    are_alike=lambda before, after: before == after,
    is_last=lambda shown: shown.experiment.status is ExperimentStatus.COMPLETED,
)


def no_results() -> ExperimentResults:
    raise AssertionError("nobody asks for them")


class Feed:
    """Gives what a test tells it to; `calls` counts who waits."""

    def __init__(self, interval: float = 1.0) -> None:
        self.calls = 0
        self.followed: list[Following[Any]] = []
        self.following = Following(EXPERIMENT.id, interval, VERSIONS, self)

    def enter(self, following: Following[Any]) -> None:
        self.followed.append(following)

    def leave(self, following: Following[Any]) -> None:
        self.followed.remove(following)

    def call(self) -> None:
        self.calls += 1

    def look(self, now: float, version: int, **changes: Any) -> bool:
        """Whether it was wanted."""
        experiment = make_experiment(**({"status": EXPERIMENT.status} | changes), version=version)
        pulse = pulse_of(experiment)
        if not self.following.wants(pulse, now):
            return False
        self.following.give(pulse, Shown(experiment, no_results), now, now)
        return True


def pulse_of(experiment: Experiment) -> Pulse:
    return Pulse(
        experiment=experiment.id,
        project=experiment.project_id,
        version=experiment.version,
        status=experiment.status,
        snapshot=None,
        sums=(),
    )


@pytest.fixture
def feed() -> Feed:
    return Feed()


@timeless
async def test_it_is_entered_once_its_stream_begins_and_left_with_it(feed: Feed) -> None:
    assert feed.followed == []
    feed.look(5, version=1)

    await anext(feed.following)
    assert feed.followed == [feed.following]

    await feed.following.aclose()
    assert feed.followed == []


@timeless
async def test_what_was_not_taken_in_time_is_replaced(feed: Feed) -> None:
    for now in (5, 6, 7):
        feed.look(now, version=now)

    assert await anext(feed.following) == 7
    taken = feed.following.taken
    assert taken is not None
    assert (taken.number, taken.looked_at, taken.given_at) == (3, 7, 7)


@timeless
async def test_who_is_at_work_on_a_value_is_not_told_of_another(feed: Feed) -> None:
    feed.look(5, version=1)
    await anext(feed.following)
    feed.look(6, version=2)

    at_work_on = feed.following.taken
    assert at_work_on is not None
    assert (at_work_on.value, at_work_on.number, at_work_on.looked_at) == (1, 1, 5)


@timeless
async def test_that_a_replaced_value_was_urgent_is_not_lost(feed: Feed) -> None:
    feed.look(5, version=1)
    await anext(feed.following)
    feed.look(5.5, version=2, status=ExperimentStatus.PAUSED)
    feed.look(6.5, version=3, status=ExperimentStatus.PAUSED)

    assert await anext(feed.following) == 3
    assert feed.following.taken is not None
    assert feed.following.taken.is_urgent


@timeless
async def test_a_change_is_wanted_once_it_is_due(feed: Feed) -> None:
    assert feed.look(5, version=1)
    wanted = [feed.look(5 + after, version=2) for after in (0.5, 0.99, 1)]

    assert wanted == [False, False, True]
    assert not feed.look(7, version=2)


@timeless
async def test_on_being_told_so_it_is_due_at_once(feed: Feed) -> None:
    feed.look(5, version=1)
    assert not feed.look(5.5, version=2)
    feed.following.be_due()

    assert feed.look(5.5, version=2)


@timeless
async def test_a_lifecycle_change_is_urgent_and_the_next_value_an_interval_after_it(
    feed: Feed,
) -> None:
    feed.look(5, version=1)
    paused = {"status": ExperimentStatus.PAUSED}
    wanted = [feed.look(5.3, version=2, **paused)]
    wanted += [feed.look(now, version=3, **paused) for now in (6, 6.29, 6.3)]

    assert wanted == [True, False, False, True]


@timeless
async def test_a_change_that_was_read_later_than_the_pulse_is_urgent_too(feed: Feed) -> None:
    feed.look(5, version=1)
    await anext(feed.following)
    feed.following.be_due()
    changed = make_experiment(status=ExperimentStatus.PAUSED, version=3)
    seen = pulse_of(make_experiment(status=ExperimentStatus.ACTIVE, version=2))
    feed.following.give(seen, Shown(changed, no_results), 6, 6)

    assert await anext(feed.following) == 3
    assert feed.following.taken is not None
    assert feed.following.taken.is_urgent


@timeless
async def test_who_hurries_is_called_for_until_a_look_that_began_later(feed: Feed) -> None:
    feed.look(5, version=1)
    feed.following.hurry(5.5)
    assert feed.calls == 1
    called = []
    for now in (5.4, 5.5, 5.6):
        feed.look(now, version=1)
        called.append(feed.following.is_called)

    assert called == [True, False, False]


@timeless
async def test_a_value_that_is_alike_is_given_to_nobody_but_who_hurries(feed: Feed) -> None:
    feed.look(5, version=1)
    await anext(feed.following)
    feed.look(7, version=1, status=ExperimentStatus.PAUSED)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await anext(feed.following)

    feed.following.hurry(8)
    feed.look(8, version=1, status=ExperimentStatus.PAUSED)

    assert await anext(feed.following) == 1
    assert feed.following.taken is not None
    assert feed.following.taken.number == 1


@timeless
async def test_it_ends_after_the_last_value(feed: Feed) -> None:
    feed.look(5, version=1, status=ExperimentStatus.COMPLETED)

    assert await anext(feed.following) == 1
    for _ in range(2):
        with pytest.raises(StopAsyncIteration):
            await anext(feed.following)


@pytest.mark.parametrize(("has_begun", "fails"), [(False, True), (True, False)])
@timeless
async def test_a_fault_ends_what_has_not_begun(feed: Feed, has_begun: bool, fails: bool) -> None:
    if has_begun:
        feed.look(5, version=1)

    feed.following.fail_to_begin(Unavailable())

    [outcome] = await asyncio.gather(anext(feed.following), return_exceptions=True)
    assert isinstance(outcome, Unavailable) is fails


@pytest.mark.parametrize(
    ("interval", "last", "expected"),
    [(0.2, 5, 5.2), (0.2, 5.3, 5.5), (3, 5, 8), (3, 8, 9), (60, 66, 67)],
)
def test_it_says_when_it_wants_the_next_look(interval: float, last: float, expected: float) -> None:
    feed = Feed(interval)
    feed.look(5, version=1)

    assert feed.following.next_look(last) == pytest.approx(expected)
