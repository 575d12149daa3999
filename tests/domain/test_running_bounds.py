"""An outage is felt no longer than it lasts; what is remembered, and who may wait, is bounded."""

import asyncio

import pytest

from domain.errors import Unavailable
from domain.experiments import Experiment, ExperimentKey
from domain.running import LATEST
from tests.domain.stored import stored
from tests.domain.street import ACTIVE, Street, settled

MAY_WAIT = 10_000
REMEMBERED = 2_000


async def test_a_check_that_fails_is_told_to_those_who_need_it_and_made_again(
    street: Street, checkout: Experiment
) -> None:
    await street.find()
    street.store.fault = Unavailable()
    street.clock.passed += LATEST

    results = await asyncio.gather(*(street.find() for _ in range(5)), return_exceptions=True)
    street.store.fault = None

    assert [type(result) for result in results] == [Unavailable] * 5
    assert (await street.find()).experiment == checkout
    assert street.asked() == ["by_names", "versions", "versions"]


async def test_a_check_that_fails_unneeded_is_no_matter(
    street: Street, checkout: Experiment
) -> None:
    await street.find()
    street.store.fault = Unavailable()
    street.clock.passed += LATEST / 2

    assert (await street.find()).experiment == checkout
    await settled()

    street.store.fault = None
    assert (await street.find()).experiment == checkout


async def test_a_read_that_fails_is_made_again(street: Street, checkout: Experiment) -> None:
    street.store.fault = Unavailable()
    with pytest.raises(Unavailable):
        await street.find()

    street.store.fault = None

    assert (await street.find()).experiment == checkout


async def test_of_all_who_wait_for_a_check_so_many_may_and_the_others_hear_at_once(
    street: Street, checkout: Experiment
) -> None:
    await street.find()
    street.clock.passed += LATEST
    street.store.open.clear()
    waiting = [asyncio.create_task(street.find()) for _ in range(MAY_WAIT)]
    await settled()

    with pytest.raises(Unavailable):
        await street.find()
    street.store.open.set()

    assert {each.experiment.id for each in await asyncio.gather(*waiting)} == {checkout.id}
    assert (await street.find()).experiment == checkout
    assert street.asked() == ["by_names", "versions"]


async def test_those_who_gave_up_waiting_make_room(street: Street, checkout: Experiment) -> None:
    await street.find()
    street.clock.passed += LATEST
    street.store.open.clear()
    waiting = [asyncio.create_task(street.find()) for _ in range(MAY_WAIT)]
    await settled()
    for task in waiting:
        task.cancel()
    await settled()

    patient = asyncio.create_task(street.find())
    await settled()
    street.store.open.set()

    assert (await patient).experiment == checkout


async def test_what_was_read_first_is_forgotten_where_too_much_is_remembered(
    street: Street,
) -> None:
    made = []
    for place in range(REMEMBERED + 1):
        experiment = stored(street.memory, name=f"e{place}", status=ACTIVE)
        made.append(await street.find(ExperimentKey(id=experiment.id)))
        street.memory.experiments.clear()
        street.memory.variants.clear()
    street.asked()
    street.memory.put(made[0].experiment)

    assert await street.find(ExperimentKey(name="e1")) is made[1]
    assert await street.find(ExperimentKey(name="e2000")) is made[2000]
    assert street.asked() == []
    assert await street.find(ExperimentKey(name="e0")) is not made[0]
    assert street.asked() == ["by_names"]
