"""With a window a bandit goes by those whose window has closed, each of whom is counted once."""

from datetime import timedelta

import pytest

from domain.errors import Unavailable
from domain.metrics import MetricAggregation
from tests.domain.analysis.arms import converted
from tests.domain.casino import Casino
from tests.factories import make_metric_definition

WINS = (40, 400), (80, 400)
LEVEL = (40, 400), (40, 400)
LEARNED = pytest.approx([0.05, 0.95], abs=0.001)
EVEN = [0.5, 0.5]
CLOSED = timedelta(hours=24, minutes=5)


@pytest.fixture
def casino() -> Casino:
    return Casino()


async def test_with_a_window_only_users_whose_window_has_closed_count(casino: Casino) -> None:
    metric = make_metric_definition(aggregation=MetricAggregation.BINARY, window_hours=24.0)
    experiment = casino.started(metric)
    a, b = casino.memory.of(experiment.id)
    casino.now += timedelta(days=2)
    casino.store.windows = {a.id: converted(40, 400), b.id: converted(80, 400)}
    casino.sees(experiment, (0, 900), (0, 900))

    assert await casino.adapts(experiment) == LEARNED

    since, until = casino.store.asked[0]
    assert (set(since), until) == ({a.id, b.id}, casino.now - CLOSED)
    states = casino.states(experiment)
    assert [(state.alpha, state.beta) for state in states] == [(41, 361), (81, 321)]


async def test_what_was_counted_once_is_not_counted_again(casino: Casino) -> None:
    metric = make_metric_definition(aggregation=MetricAggregation.BINARY, window_hours=24.0)
    experiment = casino.started(metric)
    a, b = casino.memory.of(experiment.id)
    casino.now += timedelta(days=2)
    casino.store.windows = {a.id: converted(40, 400), b.id: converted(80, 400)}
    casino.sees(experiment, (0, 900), (0, 900))
    await casino.adapts(experiment)
    counted_until = casino.now - CLOSED
    casino.sees(experiment, (0, 100), (0, 100))
    casino.store.windows = {b.id: converted(1, 10)}

    await casino.adapts(experiment)

    since, _ = casino.store.asked[1]
    assert since == {a.id: counted_until, b.id: counted_until}
    assert [(state.alpha, state.beta) for state in casino.states(experiment)] == [
        (41, 361),
        (82, 330),
    ]
    assert casino.memory.experiments[experiment.id].phase == 2


async def test_what_takes_too_long_to_count_is_counted_in_portions(casino: Casino) -> None:
    metric = make_metric_definition(aggregation=MetricAggregation.BINARY, window_hours=24.0)
    slow, other = casino.started(metric, name="slow"), casino.started(name="other")
    casino.now += timedelta(days=9)
    for experiment in (slow, other):
        casino.sees(experiment, *WINS)
    casino.store.longest = timedelta(days=5)
    with pytest.raises(Unavailable):
        await casino.adapts(slow, other)
    assert casino.memory.experiments[other.id].phase == 2

    for _ in range(8):
        await casino.adapts(slow)

    assert casino.store.asked[-1][1] == casino.now - CLOSED
    assert {state.counted.until for state in casino.states(slow) if state.counted} == {
        casino.now - CLOSED
    }
