"""What the domain relies on in its stores, asked of those in memory and of those in PostgreSQL."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import NameTaken
from domain.experiments import (
    Edit,
    Experiment,
    ExperimentChanges,
    ExperimentFilter,
    ExperimentOrderField,
    ExperimentStatus,
    ExperimentStore,
)
from domain.ids import ProjectId, new_id
from domain.paging import Ordering, Page, Window, window
from domain.variants import Variant, VariantChanges, VariantStore
from persistence.engine import Database
from persistence.experiments import Experiments
from persistence.variants import Variants
from tests.factories import NOON, make_deed, make_experiment, make_phase, make_variant
from tests.fakes import FakeExperiments, FakeVariants, Memory
from tests.persistence.graphs import stored_project

HOUR = timedelta(hours=1)
LATER = NOON + HOUR
DEED = make_deed(at=LATER)
EVERYTHING = ExperimentFilter(status=frozenset(ExperimentStatus))
BY_NAME = Ordering(ExperimentOrderField.NAME, descending=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    experiments: ExperimentStore
    variants: VariantStore
    home: ProjectId
    elsewhere: ProjectId

    async def made(self, project: ProjectId | None = None, **changes: Any) -> Experiment:
        owner = project or self.home
        experiment = make_experiment(project_id=owner, **changes)
        await self.experiments.create(owner, experiment, (), (), DEED)
        return experiment

    async def with_variants(self, *names: str) -> tuple[Experiment, list[Variant]]:
        experiment = make_experiment(project_id=self.home)
        variants = [
            make_variant(experiment_id=experiment.id, name=name, position=place)
            for place, name in enumerate(names)
        ]
        await self.experiments.create(self.home, experiment, variants, (), DEED)
        return experiment, variants

    async def of(self, experiment: Experiment) -> list[Variant]:
        found = await self.variants.by_experiment(self.home, [experiment.id])
        return list(found.get(experiment.id, ()))

    async def listed(self, **filter: Any) -> list[str]:
        asked = replace(ExperimentFilter(), **filter)
        found = await self.experiments.page(self.home, Window(ordering=BY_NAME), asked)
        assert await self.experiments.count(self.home, asked) == len(found.items)
        return [one.name for one in found.items]


@pytest.fixture(params=["memory", "postgres"])
async def stores(request: pytest.FixtureRequest, database: Database) -> Stores:
    if request.param == "memory":
        memory = Memory()
        return Stores(
            experiments=FakeExperiments(memory),
            variants=FakeVariants(memory),
            home=ProjectId(new_id()),
            elsewhere=ProjectId(new_id()),
        )
    return Stores(
        experiments=Experiments(database),
        variants=Variants(database),
        home=await stored_project(database),
        elsewhere=await stored_project(database),
    )


async def test_what_is_created_is_found_by_id_and_by_name(stores: Stores) -> None:
    experiment, variants = await stores.with_variants("a", "b")

    ids, names = [experiment.id, new_id()], [experiment.name, experiment.name.upper()]
    assert await stores.experiments.by_ids(stores.home, ids) == {experiment.id: experiment}
    assert await stores.experiments.by_names(stores.home, names) == {experiment.name: experiment}
    assert await stores.of(experiment) == variants
    assert await stores.variants.by_ids(stores.home, [variants[1].id]) == {
        variants[1].id: variants[1]
    }


async def test_another_project_finds_nothing(stores: Stores) -> None:
    experiment, variants = await stores.with_variants("a")
    store, other = stores.experiments, stores.elsewhere

    assert await store.by_ids(other, [experiment.id]) == {}
    assert await store.by_names(other, [experiment.name]) == {}
    assert await store.count(other, EVERYTHING) == 0
    assert await store.count_by_status(other) == {}
    assert await stores.variants.by_ids(other, [variants[0].id]) == {}
    assert await stores.variants.by_experiment(other, [experiment.id]) == {}


async def test_another_project_changes_nothing(stores: Stores) -> None:
    experiment = await stores.made()
    edit = Edit(changes=ExperimentChanges(name="theirs"))

    assert await stores.experiments.save(stores.elsewhere, experiment, edit, DEED) is None
    assert await stores.experiments.delete(stores.elsewhere, experiment, DEED) is False
    assert await stores.experiments.by_ids(stores.home, [experiment.id]) == {
        experiment.id: experiment
    }


async def test_a_new_experiment_is_of_the_project_that_asks(stores: Stores) -> None:
    experiment = make_experiment(project_id=stores.elsewhere)

    await stores.experiments.create(stores.home, experiment, (), (), DEED)

    found = await stores.experiments.by_ids(stores.home, [experiment.id])
    assert found == {experiment.id: replace(experiment, project_id=stores.home)}


async def test_a_name_is_taken_once_in_a_project(stores: Stores) -> None:
    await stores.made(name="checkout")

    with pytest.raises(NameTaken) as refusal:
        await stores.made(name="checkout")
    await stores.made(stores.elsewhere, name="checkout")
    await stores.made(name="Checkout")

    assert refusal.value.path == ("name",)
    assert await stores.experiments.count(stores.home, EVERYTHING) == 2


async def test_a_new_name_must_be_free(stores: Stores) -> None:
    await stores.made(name="taken")
    experiment = await stores.made(name="checkout")
    edit = Edit(changes=ExperimentChanges(name="taken"))

    with pytest.raises(NameTaken):
        await stores.experiments.save(stores.home, experiment, edit, DEED)

    assert await stores.listed() == ["checkout", "taken"]


async def test_two_variants_of_one_name_are_not_created(stores: Stores) -> None:
    with pytest.raises(NameTaken):
        await stores.with_variants("a", "a")

    assert await stores.experiments.count(stores.home, EVERYTHING) == 0


async def test_two_variants_do_not_come_to_one_name(stores: Stores) -> None:
    experiment, [first, second] = await stores.with_variants("a", "b")
    renamed = Edit(changed={first.id: VariantChanges(name="b")})
    added = Edit(added=[make_variant(experiment_id=experiment.id, name="a")])

    for edit in (renamed, added):
        with pytest.raises(NameTaken):
            await stores.experiments.save(stores.home, experiment, edit, DEED)

    assert await stores.of(experiment) == [first, second]


async def test_an_edit_is_saved_whole_as_the_next_version(stores: Stores) -> None:
    experiment, [first, second] = await stores.with_variants("a", "b")
    added = make_variant(experiment_id=experiment.id, name="b", position=0)
    phase = make_phase(experiment_id=experiment.id, weights={"a": 1.0})
    edit = Edit(
        changes=ExperimentChanges(description=None, phase=1),
        added=[added],
        changed={first.id: VariantChanges(label=None)},
        removed=frozenset({second.id}),
        phase=phase,
    )

    saved = await stores.experiments.save(stores.home, experiment, edit, DEED)

    assert saved == replace(experiment, description=None, phase=1, version=2, updated_at=LATER)
    assert await stores.experiments.by_ids(stores.home, [experiment.id]) == {experiment.id: saved}
    assert await stores.of(experiment) == [replace(first, label=None, updated_at=LATER), added]
    phases = await stores.experiments.phases_by_experiment(stores.home, [experiment.id])
    assert {owner: list(found) for owner, found in phases.items()} == {experiment.id: [phase]}


async def test_an_edit_reaches_no_variant_of_another_experiment(stores: Stores) -> None:
    experiment = await stores.made()
    other, [changed, removed] = await stores.with_variants("a", "b")
    edit = Edit(changed={changed.id: VariantChanges(label="x")}, removed=frozenset({removed.id}))

    assert await stores.experiments.save(stores.home, experiment, edit, DEED) is not None

    assert await stores.of(other) == [changed, removed]


async def test_whoever_was_overtaken_writes_nothing(stores: Stores) -> None:
    experiment, variants = await stores.with_variants("a", "b")
    edit = Edit(changes=ExperimentChanges(description="mine"))
    first = await stores.experiments.save(stores.home, experiment, edit, DEED)
    assert first is not None
    late = Edit(
        changes=ExperimentChanges(description="late"),
        changed={variants[0].id: VariantChanges(label="late")},
        removed=frozenset({variants[1].id}),
    )

    assert await stores.experiments.save(stores.home, experiment, late, DEED) is None
    assert await stores.experiments.delete(stores.home, experiment, DEED) is False

    assert await stores.experiments.by_ids(stores.home, [experiment.id]) == {experiment.id: first}
    assert await stores.of(experiment) == variants


async def test_a_deletion_takes_the_variants_and_frees_the_name(stores: Stores) -> None:
    experiment, variants = await stores.with_variants("a")

    assert await stores.experiments.delete(stores.home, experiment, DEED) is True

    assert await stores.experiments.by_ids(stores.home, [experiment.id]) == {}
    assert await stores.variants.by_ids(stores.home, [variants[0].id]) == {}
    assert await stores.experiments.delete(stores.home, experiment, DEED) is False
    await stores.made(name=experiment.name)


async def test_variants_come_by_position_and_then_by_age(stores: Stores) -> None:
    experiment = await stores.made()
    older, newer, front = (make_variant(experiment_id=experiment.id, position=1) for _ in range(3))
    front = replace(front, position=0, is_active=False)

    edit = Edit(added=[newer, front, older])
    assert await stores.experiments.save(stores.home, experiment, edit, DEED) is not None

    assert await stores.of(experiment) == [front, older, newer]


async def test_a_search_looks_at_name_description_and_hypothesis(stores: Stores) -> None:
    plain = {"description": None, "hypothesis": None}
    await stores.made(name="a Blue name", **plain)
    await stores.made(name="b", description="something BLUE", hypothesis=None)
    await stores.made(name="c", description=None, hypothesis="blueish")
    await stores.made(name="d", description="b l u e", hypothesis="100% _sure\\")

    assert await stores.listed(search="blue") == ["a Blue name", "b", "c"]
    assert await stores.listed(search="0% _S") == ["d"]
    assert await stores.listed(search="\\") == ["d"]
    assert await stores.listed(search="b%e") == []
    assert await stores.listed(search="") == ["a Blue name", "b", "c", "d"]


async def test_created_after_is_inclusive_and_before_is_exclusive(stores: Stores) -> None:
    for hour in range(4):
        await stores.made(name=f"at {hour}", created_at=NOON + hour * HOUR)

    assert await stores.listed(created_after=LATER) == ["at 1", "at 2", "at 3"]
    assert await stores.listed(created_before=LATER) == ["at 0"]
    assert await stores.listed(created_after=LATER, created_before=LATER + HOUR) == ["at 1"]


async def test_archived_ones_are_listed_only_where_they_are_asked_for(stores: Stores) -> None:
    for status in ExperimentStatus:
        await stores.made(name=status.value, status=status)

    assert await stores.listed() == ["active", "completed", "draft", "paused"]
    assert await stores.listed(status=frozenset()) == []
    asked = frozenset({ExperimentStatus.ARCHIVED, ExperimentStatus.DRAFT})
    assert await stores.listed(status=asked) == ["archived", "draft"]


async def test_filters_hold_all_at_once(stores: Stores) -> None:
    author = new_id()
    await stores.made(name="both", target_bot="bot", created_by=author)
    await stores.made(name="bot", target_bot="bot")
    await stores.made(name="author", target_bot="Bot", created_by=author)
    await stores.made(name="neither", target_bot=None)

    assert await stores.listed(target_bot="bot") == ["bot", "both"]
    assert await stores.listed(created_by=author) == ["author", "both"]
    assert await stores.listed(target_bot="bot", created_by=author) == ["both"]


async def test_experiments_are_counted_by_status(stores: Stores) -> None:
    for status in (ExperimentStatus.DRAFT, ExperimentStatus.DRAFT, ExperimentStatus.ARCHIVED):
        await stores.made(status=status)

    assert await stores.experiments.count_by_status(stores.home) == {
        ExperimentStatus.DRAFT: 2,
        ExperimentStatus.ARCHIVED: 1,
    }


async def test_those_active_come_by_name(stores: Stores) -> None:
    for name in ("c", "a", "b"):
        await stores.made(name=name, status=ExperimentStatus.ACTIVE)
    await stores.made(name="paused", status=ExperimentStatus.PAUSED)

    active = await stores.experiments.active(stores.home)

    assert [one.name for one in active] == ["a", "b", "c"]


@pytest.mark.parametrize("field", ExperimentOrderField)
async def test_walks_in_both_directions_see_all_once(
    stores: Stores, field: ExperimentOrderField
) -> None:
    for number in range(5):
        started = NOON if number % 2 else None
        await stores.made(name=f"n{number * 3 % 5}", started_at=started)

    for ordering in (Ordering(field), Ordering(field, descending=False)):
        forwards = await _walked(stores, ordering, backwards=False)
        backwards = await _walked(stores, ordering, backwards=True)

        assert len({one.id for one in forwards}) == 5
        assert backwards == forwards
        places = [(ordering.cursor(one).key, one.id) for one in forwards]
        assert places == sorted(places, key=str, reverse=ordering.descending)


async def _walked(stores: Stores, ordering: Ordering, *, backwards: bool) -> list[Experiment]:
    found: list[Experiment] = []
    asked = window(ordering, last=2) if backwards else window(ordering, first=2)
    while True:
        page: Page[Experiment] = await stores.experiments.page(stores.home, asked, EVERYTHING)
        found = [*page.items, *found] if backwards else [*found, *page.items]
        if not (page.has_previous if backwards else page.has_next):
            return found
        if backwards:
            asked = window(ordering, last=2, before=str(page.cursor(page.items[0])))
        else:
            asked = window(ordering, first=2, after=str(page.cursor(page.items[-1])))
