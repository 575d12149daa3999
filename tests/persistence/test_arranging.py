"""Elements are changed one after the other, whoever asks, and the process hears of each change."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from domain.arranging import Arranging
from domain.audit import Deed
from domain.elements import ElementEdit, ElementUpdate, Filling, NewElement, SelectorType
from domain.errors import Invalid, NotFound
from domain.experiments import Experiment, ExperimentKey
from domain.ids import ProjectId
from persistence.elements import Elements
from persistence.engine import Database
from persistence.experiments import Experiments
from persistence.variants import Variants
from tests.factories import NOON, make_caller, make_deed
from tests.persistence.graphs import stored_experiment, stored_variants

NEW = NewElement(
    name="buy", selector_type=SelectorType.CSS, selector_value="#buy", element_type="button"
)
Rival = Callable[[], Awaitable[object]]


class OvertakenElements(Elements):
    """Before the first write, somebody else is faster."""

    rivals: list[Rival]

    async def save(
        self, project: ProjectId, seen: Experiment, edit: ElementEdit, deed: Deed
    ) -> Experiment | None:
        if self.rivals:
            await self.rivals.pop()()
        return await super().save(project, seen, edit, deed)


@pytest.fixture
def store(database: Database) -> OvertakenElements:
    store = OvertakenElements(database)
    store.rivals = []
    return store


@pytest.fixture
def heard() -> list[Experiment]:
    return []


@pytest.fixture
def arranging(database: Database, store: OvertakenElements, heard: list[Any]) -> Arranging:
    experiments, variants = Experiments(database), Variants(database)
    return Arranging(experiments, variants, store, lambda: NOON, heard.append)


async def test_each_change_is_announced_once_as_it_was_written(
    database: Database, arranging: Arranging, heard: list[Experiment], home: ProjectId
) -> None:
    experiment, us = await stored_experiment(database, home), make_caller(home)
    [variant, _] = await stored_variants(database, experiment.id)

    made = await arranging.create(us, ExperimentKey(id=experiment.id), NEW)
    assert made.element is not None
    for content in ({"a": 1}, {"a": 1}):
        await arranging.fill(us, made.element.id, variant.id, Filling(content=content))
    await arranging.delete(us, made.element.id)

    assert [one.version for one in heard] == [2, 3, 4]
    assert heard[0] == made.experiment


async def test_whoever_was_overtaken_decides_again_on_what_is_there_now(
    database: Database, arranging: Arranging, store: OvertakenElements, home: ProjectId
) -> None:
    experiment, us = await stored_experiment(database, home), make_caller(home)
    key = ExperimentKey(id=experiment.id)

    async def add_the_same() -> None:
        await arranging.create(us, key, NEW)

    store.rivals = [add_the_same]
    with pytest.raises(Invalid, match="another element of this experiment has that name"):
        await arranging.create(us, key, NEW)
    assert len((await store.by_experiment(home, [experiment.id]))[experiment.id]) == 1


async def test_an_element_that_somebody_removes_meanwhile_is_not_found(
    database: Database, arranging: Arranging, store: OvertakenElements, home: ProjectId
) -> None:
    experiment, us = await stored_experiment(database, home), make_caller(home)
    element = (await arranging.create(us, ExperimentKey(id=experiment.id), NEW)).element
    assert element is not None

    store.rivals = [lambda: arranging.delete(us, element.id)]
    with pytest.raises(NotFound, match="there is no such element"):
        await arranging.update(us, element.id, ElementUpdate(position=3))


async def test_an_experiment_that_is_deleted_meanwhile_takes_its_elements_along(
    database: Database, arranging: Arranging, store: OvertakenElements, home: ProjectId
) -> None:
    experiment, us = await stored_experiment(database, home), make_caller(home)
    arranged = await arranging.create(us, ExperimentKey(id=experiment.id), NEW)
    assert arranged.element is not None

    experiments = Experiments(database)
    store.rivals = [lambda: experiments.delete(home, arranged.experiment, make_deed())]
    with pytest.raises(NotFound, match="there is no such element") as caught:
        await arranging.update(us, arranged.element.id, ElementUpdate(position=3))

    assert caught.value.path == ("id",)
