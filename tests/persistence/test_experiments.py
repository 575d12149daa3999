from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from domain.errors import NameTaken
from domain.experiments import (
    NEWEST_FIRST,
    Edit,
    Experiment,
    ExperimentChanges,
    ExperimentFilter,
    ExperimentStatus,
)
from domain.ids import ProjectId, new_id
from domain.paging import Window
from domain.variants import VariantChanges
from persistence.assignments import Assignments
from persistence.engine import Database
from persistence.experiments import Experiments
from persistence.metrics import Metrics
from persistence.variants import Variants
from tests.factories import (
    NOON,
    make_assignment,
    make_deed,
    make_experiment,
    make_metric,
    make_metric_definition,
    make_phase,
    make_variant,
)
from tests.persistence.contents import everything
from tests.persistence.graphs import stored_experiment, stored_project, stored_variants
from tests.persistence.statements import counted

LATER = NOON + timedelta(hours=1)
RENAMED = Edit(changes=ExperimentChanges(name="renamed", description=None))
PAGE = Window(ordering=NEWEST_FIRST)
DEED = make_deed(at=LATER)
EVERYTHING = ExperimentFilter(status=frozenset(ExperimentStatus))


@pytest.fixture
async def home(database: Database) -> ProjectId:
    return await stored_project(database)


@pytest.fixture
async def elsewhere(database: Database) -> ProjectId:
    return await stored_project(database)


@pytest.fixture
def store(database: Database) -> Experiments:
    return Experiments(database)


@pytest.fixture
async def seen(database: Database, home: ProjectId) -> Experiment:
    return await stored_experiment(database, home, name="checkout")


@pytest.mark.parametrize("count", [0, 1, 2, 100])
async def test_variants_are_created_in_one_statement_however_many(
    database: Database, store: Experiments, home: ProjectId, count: int
) -> None:
    experiment = make_experiment()
    variants = [make_variant(experiment_id=experiment.id, position=n) for n in range(count)]
    definition = make_metric_definition(experiment_id=experiment.id)

    async with counted(database) as statements:
        await store.create(home, experiment, variants, [definition], DEED)

    tables = ["experiments", *(["variants"] if count else []), "metric_definitions", "audit"]
    assert "FROM ab_projects" in statements[0]  # what the plan allows
    assert [statement.split()[:3] for statement in statements[1:]] == [
        ["INSERT", "INTO", f"ab_{table}"] for table in tables
    ]
    found = await Variants(database).by_experiment(home, [experiment.id])
    assert list(found.get(experiment.id, ())) == variants


async def test_what_is_created_belongs_to_the_project_that_asks(
    store: Experiments, home: ProjectId, elsewhere: ProjectId
) -> None:
    experiment = make_experiment(project_id=elsewhere)

    await store.create(home, experiment, (), (), DEED)

    assert await store.by_ids(home, [experiment.id]) == {
        experiment.id: replace(experiment, project_id=home)
    }
    assert await store.by_ids(elsewhere, [experiment.id]) == {}


async def test_of_a_creation_that_fails_nothing_is_kept(
    database: Database, database_url: str, store: Experiments, home: ProjectId
) -> None:
    before, experiment = await everything(database_url), make_experiment()
    twins = [make_variant(experiment_id=experiment.id, name="a") for _ in range(2)]

    with pytest.raises(NameTaken) as refusal:
        await store.create(home, experiment, twins, (), DEED)

    assert refusal.value.path == ("name",)
    assert await everything(database_url) == before


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


async def test_a_deletion_takes_all_that_hangs_on_it_in_one_statement(
    database: Database, database_url: str, store: Experiments, home: ProjectId
) -> None:
    before = await everything(database_url)
    doomed = make_experiment()
    variant = make_variant(experiment_id=doomed.id)
    await store.create(
        home, doomed, [variant], [make_metric_definition(experiment_id=doomed.id)], DEED
    )
    user = make_assignment(experiment_id=doomed.id, variant_id=variant.id)
    event = make_metric(
        experiment_id=doomed.id,
        variant_id=variant.id,
        assignment_id=user.id,
        user_id=user.user_id,
    )
    await Assignments(database).add(home, [user])
    await Metrics(database).add(home, [event])
    edit = Edit(phase=make_phase(experiment_id=doomed.id))
    saved = await store.save(home, doomed, edit, DEED)
    assert saved is not None

    async with counted(database) as statements:
        assert await store.delete(home, saved, DEED) is True

    assert [statement.split()[0] for statement in statements] == ["DELETE", "INSERT"]
    after = dict(await everything(database_url))
    assert len(after.pop("ab_audit")) == 3
    assert after == {table: rows for table, rows in before.items() if table != "ab_audit"}


async def test_every_read_is_one_statement_whatever_the_number(
    database: Database, store: Experiments, home: ProjectId
) -> None:
    made = [await stored_experiment(database, home) for _ in range(30)]
    ids: list[UUID] = [one.id for one in made]

    for few in (ids[:1], ids):
        async with counted(database) as statements:
            assert len(await store.by_ids(home, few)) == len(few)
            assert len(await store.by_names(home, [one.name for one in made[: len(few)]])) == len(
                few
            )
            assert await store.phases_by_experiment(home, few) == {}
            assert len((await store.page(home, PAGE, EVERYTHING)).items) == 20
            assert await store.count(home, EVERYTHING) == 30
            assert await store.count_by_status(home) == {ExperimentStatus.DRAFT: 30}
            assert await store.active(home) == []
        assert [statement.split()[0] for statement in statements] == ["SELECT"] * 7


async def test_no_read_shows_what_is_of_another_project(
    database: Database, store: Experiments, home: ProjectId, elsewhere: ProjectId
) -> None:
    active = ExperimentStatus.ACTIVE
    theirs = await stored_experiment(database, elsewhere, name="theirs", status=active)
    phase = make_phase(experiment_id=theirs.id)
    assert await store.save(elsewhere, theirs, Edit(phase=phase), DEED) is not None

    assert await store.by_ids(home, [theirs.id]) == {}
    assert await store.by_names(home, ["theirs"]) == {}
    assert (await store.page(home, PAGE, EVERYTHING)).items == []
    assert await store.count(home, EVERYTHING) == 0
    assert await store.count_by_status(home) == {}
    assert await store.active(home) == []
    assert await store.phases_by_experiment(home, [theirs.id]) == {}


async def test_a_name_is_unique_by_an_index_of_the_project(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    [(found,)] = await connection.fetch(
        "SELECT indexdef FROM pg_indexes WHERE indexname = 'idx_experiment_name'"
    )
    await connection.close()

    assert found.endswith("(project_id, experiment_name)")
    assert "UNIQUE" in found


async def test_what_was_never_there_is_neither_saved_nor_deleted(
    store: Experiments, home: ProjectId
) -> None:
    nobody = make_experiment(id=new_id())

    assert await store.save(home, nobody, RENAMED, DEED) is None
    assert await store.delete(home, nobody, DEED) is False
