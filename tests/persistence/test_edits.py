"""An edit of an experiment is saved whole or not at all."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.errors import NameTaken
from domain.experiments import Edit, Experiment, ExperimentChanges, ExperimentStatus
from domain.ids import ProjectId, new_id
from domain.variants import VariantChanges
from persistence.engine import Database
from persistence.experiments import Experiments
from persistence.metrics import Metrics
from persistence.variants import Variants
from tests.factories import (
    NOON,
    make_deed,
    make_experiment,
    make_metric_definition,
    make_phase,
    make_variant,
)
from tests.persistence.contents import everything
from tests.persistence.graphs import stored_experiment, stored_project, stored_variants
from tests.persistence.statements import counted

LATER = NOON + timedelta(hours=1)
RENAMED = Edit(changes=ExperimentChanges(name="renamed", description=None))
DEED = make_deed(at=LATER)


@pytest.fixture
def store(database: Database) -> Experiments:
    return Experiments(database)


@pytest.fixture
async def seen(database: Database, home: ProjectId) -> Experiment:
    return await stored_experiment(database, home, name="checkout")


async def test_a_small_edit_is_one_statement_and_a_line_in_the_audit(
    database: Database, store: Experiments, home: ProjectId, seen: Experiment
) -> None:
    async with counted(database) as statements:
        saved = await store.save(home, seen, RENAMED, DEED)

    assert [statement.split()[:2] for statement in statements] == [
        ["UPDATE", "ab_experiments"],
        ["INSERT", "INTO"],
    ]
    assert "ab_audit" in statements[1]
    assert saved == replace(seen, name="renamed", description=None, version=2, updated_at=LATER)
    assert await store.by_ids(home, [seen.id]) == {seen.id: saved}


async def test_an_edit_of_everything_is_a_statement_for_each_kind_of_change(
    database: Database, store: Experiments, home: ProjectId, seen: Experiment
) -> None:
    first, second, third = await stored_variants(database, seen.id, 3)
    added = [make_variant(experiment_id=seen.id, position=9) for _ in range(5)]
    definitions = [
        make_metric_definition(experiment_id=seen.id, name=name, position=place)
        for place, name in enumerate("xy")
    ]
    edit = Edit(
        changes=ExperimentChanges(status=ExperimentStatus.ACTIVE, phase=1),
        added=added,
        changed={first.id: VariantChanges(label=None, traffic_weight=0.25)},
        removed=frozenset({second.id, third.id}),
        definitions=definitions,
        phase=make_phase(experiment_id=seen.id, weights={"a": 1.0}),
    )

    async with counted(database) as statements:
        saved = await store.save(home, seen, edit, DEED)

    assert [statement.split("ab_")[1].split()[0].strip("(") for statement in statements] == [
        "experiments",
        "variants",
        "variants",
        "variants",
        "metric_definitions",
        "metric_definitions",
        "phases",
        "audit",
    ]
    assert saved is not None
    kept = replace(first, label=None, traffic_weight=0.25, updated_at=LATER)
    found = await Variants(database).by_experiment(home, [seen.id])
    assert set(found) == {seen.id}
    assert list(found[seen.id]) == [kept, *sorted(added, key=lambda one: one.id)]
    [*measured] = (await Metrics(database).definitions_by_experiment(home, [seen.id]))[seen.id]
    assert measured == definitions
    [phase] = (await store.phases_by_experiment(home, [seen.id]))[seen.id]
    assert phase == edit.phase


@pytest.mark.parametrize("version", [0, 2, 2**62])
async def test_whoever_was_overtaken_writes_nothing(
    database: Database, database_url: str, store: Experiments, home: ProjectId, version: int
) -> None:
    stored = await stored_experiment(database, home)
    [variant, other] = await stored_variants(database, stored.id)
    before = await everything(database_url)
    edit = replace(
        RENAMED,
        added=[make_variant(experiment_id=stored.id)],
        changed={variant.id: VariantChanges(label="new")},
        removed=frozenset({other.id}),
        definitions=(),
        phase=make_phase(experiment_id=stored.id),
    )

    async with counted(database) as statements:
        assert await store.save(home, replace(stored, version=version), edit, DEED) is None
        assert await store.delete(home, replace(stored, version=version), DEED) is False

    assert [statement.split()[0] for statement in statements] == ["UPDATE", "DELETE"]
    assert await everything(database_url) == before


async def test_another_project_neither_changes_nor_deletes(
    database: Database,
    database_url: str,
    store: Experiments,
    home: ProjectId,
    elsewhere: ProjectId,
) -> None:
    stored = await stored_experiment(database, home)
    before = await everything(database_url)

    assert await store.save(elsewhere, stored, RENAMED, DEED) is None
    assert await store.delete(elsewhere, stored, DEED) is False
    assert await everything(database_url) == before


async def test_an_edit_reaches_no_variant_of_another_experiment(
    database: Database, database_url: str, store: Experiments, home: ProjectId, seen: Experiment
) -> None:
    other = await stored_experiment(database, await stored_project(database))
    [changed, removed] = await stored_variants(database, other.id)
    before = (await everything(database_url))["ab_variants"]
    edit = Edit(
        changed={changed.id: VariantChanges(label="theirs")}, removed=frozenset({removed.id})
    )

    assert await store.save(home, seen, edit, DEED) is not None

    assert (await everything(database_url))["ab_variants"] == before


async def test_of_an_edit_that_fails_nothing_is_kept(
    database: Database, database_url: str, store: Experiments, home: ProjectId, seen: Experiment
) -> None:
    [first, second] = await stored_variants(database, seen.id)
    before = await everything(database_url)
    edit = replace(RENAMED, changed={first.id: VariantChanges(name=second.name)})

    with pytest.raises(NameTaken):
        await store.save(home, seen, edit, DEED)

    assert await everything(database_url) == before


async def test_a_name_is_taken_within_a_project_alone(
    database: Database, store: Experiments, home: ProjectId, elsewhere: ProjectId, seen: Experiment
) -> None:
    mine = await stored_experiment(database, home, name="mine")
    theirs = await stored_experiment(database, elsewhere, name="theirs")
    taken = Edit(changes=ExperimentChanges(name=seen.name))

    with pytest.raises(NameTaken):
        await store.save(home, mine, taken, DEED)
    saved = await store.save(elsewhere, theirs, taken, DEED)

    assert saved is not None
    assert saved.name == seen.name


async def test_what_was_never_there_is_neither_saved_nor_deleted(
    store: Experiments, home: ProjectId
) -> None:
    nobody = make_experiment(id=new_id())

    assert await store.save(home, nobody, RENAMED, DEED) is None
    assert await store.delete(home, nobody, DEED) is False
