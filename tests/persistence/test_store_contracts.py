"""What the domain relies on in its stores, asked of those in memory and of those in PostgreSQL."""

from dataclasses import replace

import pytest

from domain.errors import NameTaken
from domain.experiments import Edit, ExperimentChanges
from domain.ids import new_id
from domain.variants import VariantChanges
from tests.factories import make_experiment, make_phase, make_variant
from tests.persistence.stores import DEED, EVERYTHING, LATER, Stores


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
