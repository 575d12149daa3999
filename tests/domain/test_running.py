"""What trackers ask for is remembered; changes here are felt at once, others within a second."""

import asyncio
from dataclasses import replace

import pytest

from domain.errors import NotFound
from domain.experiments import Experiment, ExperimentKey, ExperimentStatus
from domain.running import LATEST
from tests.domain.stored import ELSEWHERE, HOME, stored
from tests.domain.street import ACTIVE, BY_NAME, Street, settled

A_MOMENT = 0.001


async def test_an_experiment_comes_with_all_that_a_decision_takes(
    street: Street, checkout: Experiment
) -> None:
    found = await street.find()

    assert found.experiment == checkout
    assert list(found.variants.values()) == street.memory.of(checkout.id)
    assert [each.variant_id for each in found.ranges] == list(found.variants)
    assert found.definitions == street.memory.definitions[checkout.id]


async def test_deactivated_variants_are_known_and_own_no_range(
    street: Street, checkout: Experiment
) -> None:
    kept, gone = street.memory.of(checkout.id)
    street.memory.variants[gone.id] = replace(gone, is_active=False)

    found = await street.find()

    assert set(found.variants) == {kept.id, gone.id}
    assert [each.variant_id for each in found.ranges] == [kept.id]


@pytest.mark.parametrize("count", [1, 100])
async def test_however_often_it_is_asked_for_it_is_read_once(
    street: Street, checkout: Experiment, count: int
) -> None:
    by_id = ExperimentKey(id=checkout.id)

    for _ in range(count):
        assert await street.find() is await street.find(by_id)

    assert street.asked() == ["by_names"]


async def test_all_who_ask_at_once_share_one_read(street: Street, checkout: Experiment) -> None:
    found = await asyncio.gather(*(street.find() for _ in range(100)))

    assert {each.experiment.id for each in found} == {checkout.id}
    assert street.asked() == ["by_names"]


async def test_one_who_gives_up_does_not_spoil_it_for_the_others(
    street: Street, checkout: Experiment
) -> None:
    street.store.open.clear()
    impatient, patient = (asyncio.create_task(street.find()) for _ in range(2))
    await settled()

    impatient.cancel()
    street.store.open.set()

    assert (await patient).experiment == checkout
    assert impatient.cancelled()
    assert street.asked() == ["by_names"]


@pytest.mark.parametrize("key", [ExperimentKey(name="Checkout"), ExperimentKey(), BY_NAME])
async def test_what_there_is_not_and_what_is_of_others_is_not_found(
    street: Street, key: ExperimentKey
) -> None:
    stored(street.memory, status=ACTIVE, project_id=ELSEWHERE)
    await street.process.find(ELSEWHERE, BY_NAME)

    with pytest.raises(NotFound):
        await street.find(key)


async def test_of_namesakes_each_project_gets_its_own(street: Street, checkout: Experiment) -> None:
    theirs = stored(street.memory, project_id=ELSEWHERE)

    for _ in range(2):
        assert (await street.process.find(ELSEWHERE, BY_NAME)).experiment == theirs
        assert (await street.find()).experiment == checkout
    with pytest.raises(NotFound):
        await street.find(ExperimentKey(id=theirs.id))


async def test_a_change_elsewhere_is_seen_within_a_second(
    street: Street, checkout: Experiment
) -> None:
    await street.find()
    paused = street.change(checkout, status=ExperimentStatus.PAUSED)

    street.clock.passed += LATEST - A_MOMENT
    await street.find()
    street.clock.passed += A_MOMENT

    assert (await street.find()).experiment == paused


async def test_even_if_looked_at_a_moment_before_the_change_it_is_seen_within_a_second(
    street: Street, checkout: Experiment
) -> None:
    await street.find()
    street.clock.passed += LATEST
    await street.find()
    paused = street.change(checkout, status=ExperimentStatus.PAUSED)

    street.clock.passed += LATEST

    assert (await street.find()).experiment == paused


async def test_a_busy_process_looks_again_twice_a_second_and_nobody_waits_for_it(
    street: Street, checkout: Experiment
) -> None:
    await street.find()
    street.asked()
    street.store.open.clear()
    street.clock.passed += LATEST / 2

    found = [await street.find() for _ in range(10)]
    street.store.open.set()
    await settled()

    assert {each.experiment.id for each in found} == {checkout.id}
    assert street.asked() == ["versions"]


async def test_what_was_deleted_elsewhere_is_not_found_within_a_second(
    street: Street, checkout: Experiment
) -> None:
    await street.find()
    del street.memory.experiments[checkout.id]

    street.clock.passed += LATEST

    with pytest.raises(NotFound):
        await street.find()


async def test_a_new_name_is_found_and_the_old_one_is_not(
    street: Street, checkout: Experiment
) -> None:
    await street.find()
    renamed = street.change(checkout, name="basket")
    street.process.forget(renamed)

    assert (await street.find(ExperimentKey(name="basket"))).experiment == renamed
    with pytest.raises(NotFound):
        await street.find()


async def test_a_change_here_is_felt_at_once(street: Street, checkout: Experiment) -> None:
    await street.find()
    await street.process.active(HOME)
    paused = street.change(checkout, status=ExperimentStatus.PAUSED)

    street.process.forget(paused)

    assert (await street.find()).experiment == paused
    assert await street.process.active(HOME) == []


async def test_a_change_here_is_felt_though_a_read_was_under_way(
    street: Street, checkout: Experiment
) -> None:
    street.store.open.clear()
    early = asyncio.create_task(street.find())
    await settled()
    paused = street.change(checkout, status=ExperimentStatus.PAUSED)
    street.process.forget(paused)

    late = asyncio.create_task(street.find())
    await settled()
    street.store.open.set()

    assert (await early).experiment == checkout
    assert (await late).experiment == paused
    assert (await street.find()).experiment == paused


async def test_a_change_here_is_felt_though_a_list_was_being_read(
    street: Street, checkout: Experiment
) -> None:
    street.store.open.clear()
    early = asyncio.create_task(street.process.active(HOME))
    await settled()
    street.process.forget(street.change(checkout, status=ExperimentStatus.PAUSED))
    street.store.open.set()

    assert [each.experiment for each in await early] == [checkout]
    assert await street.process.active(HOME) == []


async def test_those_active_come_by_name_and_are_remembered_for_a_second(
    street: Street, checkout: Experiment
) -> None:
    stored(street.memory, name="a", status=ACTIVE)
    stored(street.memory, name="draft")

    for _ in range(2):
        names = [each.experiment.name for each in await street.process.active(HOME)]
        assert names == ["a", "checkout"]
    assert street.asked() == ["active"]

    stored(street.memory, name="b", status=ACTIVE)
    street.clock.passed += LATEST
    names = [each.experiment.name for each in await street.process.active(HOME)]
    assert names == ["a", "b", "checkout"]
    assert await street.process.active(ELSEWHERE) == []
