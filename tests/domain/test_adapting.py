"""Epochs are opened while data arrives, by whoever comes first; by what is believed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.bandits import BanditFault, Beliefs
from domain.errors import Unavailable
from domain.experiments import AllocationMode, Experiment, ExperimentStatus
from domain.ids import NIL
from tests.domain.casino import Casino
from tests.factories import NOON
from tests.fake_box import FakeBox

WINS = (40, 400), (80, 400)
LEVEL = (40, 400), (40, 400)
LEARNED = pytest.approx([0.05, 0.95], abs=0.001)
EVEN = [0.5, 0.5]
CLOSED = timedelta(hours=24, minutes=5)


@pytest.fixture
def casino() -> Casino:
    return Casino()


async def test_an_epoch_opens_with_the_weights_that_the_data_ask_for(casino: Casino) -> None:
    experiment = casino.started()
    casino.sees(experiment, *WINS)

    assert await casino.adapts(experiment) == LEARNED

    phase = casino.memory.phases[experiment.id][-1]
    assert (phase.number, phase.opened_at) == (2, NOON + timedelta(minutes=1))
    assert phase.weights == pytest.approx({"a": 0.05, "b": 0.95}, abs=0.001)
    assert phase.plug_ins == {str(NIL): {"a": 40.5 / 401, "b": 80.5 / 401}}
    after = casino.memory.experiments[experiment.id]
    assert (after.phase, after.version) == (2, experiment.version + 1)


async def test_the_states_say_what_is_known_since_then(casino: Casino) -> None:
    experiment = casino.started()
    casino.sees(experiment, *WINS)

    weights = await casino.adapts(experiment)

    states = casino.states(experiment)
    assert [(state.alpha, state.beta) for state in states] == [(41, 361), (81, 321)]
    assert [state.weight for state in states] == weights
    assert {(state.revision, state.updated_at) for state in states} == {(2, casino.now)}


async def test_this_process_hears_of_it(casino: Casino) -> None:
    experiment = casino.started()
    heard: list[int] = []
    casino.adapting.tell(lambda changed: heard.append(changed.phase))
    casino.sees(experiment, *WINS)

    await casino.adapts(experiment)

    assert heard == [2]


@pytest.mark.parametrize(
    ("arms", "after"), [(LEVEL, 1), (((4, 49), (9, 50)), 1), (WINS, 0.9), (((0, 99), (99, 300)), 1)]
)
async def test_it_waits_for_a_minute_a_hundred_users_in_each_arm_and_something_to_move(
    casino: Casino, arms: tuple[tuple[int, int], tuple[int, int]], after: float
) -> None:
    experiment = casino.started()
    casino.sees(experiment, *arms)

    assert await casino.adapts(experiment, after=after) == EVEN

    assert casino.store.saved == []


async def test_what_came_too_early_is_remembered_until_the_minute_is_over(casino: Casino) -> None:
    experiment = casino.started()
    casino.sees(experiment, *WINS)
    await casino.adapts(experiment, after=0.5)

    casino.now += timedelta(seconds=30)
    await casino.adapting.adapt()

    assert casino.memory.experiments[experiment.id].phase == 2


async def test_a_process_that_begins_looks_at_every_bandit(casino: Casino) -> None:
    experiment = casino.started()
    casino.sees(experiment, *WINS)
    casino.now += timedelta(minutes=1)

    await casino.adapting.adapt()

    assert casino.memory.experiments[experiment.id].phase == 2


async def test_without_data_nothing_is_asked(casino: Casino) -> None:
    experiment = casino.started()
    await casino.adapts(experiment)
    casino.store.is_away = True

    await casino.adapting.adapt()

    assert casino.store.saved == []


async def test_while_it_is_paused_it_does_not_adapt(casino: Casino) -> None:
    experiment = casino.started()
    paused = replace(experiment, status=ExperimentStatus.PAUSED)
    casino.memory.experiments[experiment.id] = paused
    casino.sees(experiment, *WINS)

    assert await casino.adapts(experiment) == EVEN


async def test_whoever_comes_second_writes_nothing(casino: Casino) -> None:
    experiment = casino.started()
    casino.sees(experiment, *WINS)
    first = casino.design(experiment)
    theirs = replace(first.experiment, version=first.experiment.version + 1)
    casino.store.overtake = replace(first, experiment=theirs)

    assert await casino.adapts(experiment) == EVEN

    assert (casino.store.saved, len(casino.memory.phases[experiment.id])) == ([], 1)


async def test_an_outage_only_delays_it(casino: Casino) -> None:
    experiment = casino.started()
    casino.sees(experiment, *WINS)
    casino.store.is_away = True
    with pytest.raises(Unavailable):
        await casino.adapts(experiment)

    casino.store.is_away = False
    await casino.adapting.adapt()

    assert casino.memory.experiments[experiment.id].phase == 2


async def test_one_that_breaks_does_not_stop_the_others(
    casino: Casino, caplog: pytest.LogCaptureFixture
) -> None:
    bad, sound = casino.started(name="bad"), casino.started(name="sound")
    casino.sees(bad, (-1, 400), (40, 400))
    casino.sees(sound, *WINS)

    await casino.adapts(bad, sound)

    assert casino.memory.experiments[sound.id].phase == 2
    assert [record.getMessage() for record in caplog.records] == [
        f"the bandit {bad.id} could not adapt: tried again later"
    ]


def tampered(casino: Casino) -> Experiment:
    """It had learned, before somebody wrote to it."""
    experiment = casino.started()
    design = casino.design(experiment)
    a, b = design.variants
    written = replace(b, traffic_weight=0.8, algorithm_state=b"key ? ?")
    casino.memory.put(experiment, [replace(a, traffic_weight=0.2), written])
    return experiment


async def test_what_is_not_believed_shares_the_traffic_equally_and_is_told_of_once(
    casino: Casino, caplog: pytest.LogCaptureFixture
) -> None:
    experiment = tampered(casino)
    casino.sees(experiment, *WINS)

    for _ in range(3):
        assert await casino.adapts(experiment) == EVEN

    phases = casino.memory.phases[experiment.id]
    assert [phase.weights for phase in phases[1:]] == [{"a": 0.5, "b": 0.5}]
    [told] = [record.getMessage() for record in caplog.records]
    assert told == (
        "the bandit of checkout stands still and its variants share the traffic equally: "
        "the state of b is tampered"
    )


async def test_whoever_needs_the_weights_gets_them_mended(casino: Casino) -> None:
    experiment = tampered(casino)

    mended = await casino.adapting.mended(casino.design(experiment))

    assert mended == casino.design(experiment)
    assert [variant.traffic_weight for variant in mended.variants] == EVEN
    assert mended.experiment.phase == 2


async def test_overtaken_it_looks_again(casino: Casino) -> None:
    experiment = tampered(casino)
    design = casino.design(experiment)
    theirs = replace(design.experiment, version=9, status=ExperimentStatus.COMPLETED)
    casino.store.overtake = replace(design, experiment=theirs)

    mended = await casino.adapting.mended(design)

    assert (mended.experiment, casino.store.saved) == (theirs, [])


async def test_another_key_is_no_reason_to_overwrite_anything(casino: Casino) -> None:
    experiment = casino.started()
    before = casino.design(experiment)
    stranger = Beliefs(FakeBox("other"))

    mended = await casino.process(stranger).mended(before)

    assert stranger.fault(before) is BanditFault.UNKNOWN_KEY
    assert (mended, casino.store.saved) == (before, [])


async def test_with_fixed_weights_there_is_nothing_to_mend(casino: Casino) -> None:
    experiment = casino.started(allocation=AllocationMode.FIXED)
    design = casino.design(experiment)

    assert await casino.adapting.mended(design) is design


async def test_what_moved_between_two_reads_is_read_again(casino: Casino) -> None:
    experiment = casino.started()
    casino.sees(experiment, *WINS)
    await casino.adapts(experiment)
    current = casino.design(experiment)
    torn = replace(current, experiment=experiment)

    mended = await casino.adapting.mended(torn)

    assert mended == current
    assert len(casino.store.saved) == 1


async def test_equal_weights_that_the_phase_did_not_promise_are_a_new_phase(
    casino: Casino, caplog: pytest.LogCaptureFixture
) -> None:
    experiment = casino.started()
    casino.sees(experiment, *WINS)
    await casino.adapts(experiment)
    design = casino.design(experiment)
    even = [replace(variant, traffic_weight=0.5) for variant in design.variants]
    casino.memory.put(design.experiment, even)

    mended = await casino.adapting.mended(casino.design(experiment))

    assert (mended.experiment.phase, casino.memory.phases[experiment.id][-1].weights) == (
        3,
        {"a": 0.5, "b": 0.5},
    )
    before, after = casino.memory.phases[experiment.id][-2:]
    assert before.plug_ins == after.plug_ins != {}
    assert len(caplog.records) == 1


async def test_without_new_weights_it_is_looked_at_once_a_minute(casino: Casino) -> None:
    experiment = casino.started()
    casino.sees(experiment, *LEVEL)

    for _ in range(30):
        await casino.adapts(experiment, after=1 / 10)

    assert casino.sums.looks == 3
