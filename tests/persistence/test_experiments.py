from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from domain.errors import NameTaken
from domain.experiments import NEWEST_FIRST, Edit, ExperimentFilter, ExperimentStatus
from domain.ids import ProjectId
from domain.paging import Window
from persistence.engine import Database
from persistence.experiments import Experiments
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
from tests.persistence.graphs import stored_experiment
from tests.persistence.statements import counted
from tests.putting import put_assignments, put_metrics

LATER = NOON + timedelta(hours=1)
PAGE = Window(ordering=NEWEST_FIRST)
DEED = make_deed(at=LATER)
EVERYTHING = ExperimentFilter(status=frozenset(ExperimentStatus))


@pytest.fixture
def store(database: Database) -> Experiments:
    return Experiments(database)


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
    await put_assignments(database, [user])
    await put_metrics(database, [event])
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
