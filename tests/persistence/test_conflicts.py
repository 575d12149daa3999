import asyncio
from typing import Any

import pytest
from sqlalchemy import insert, literal, select, update
from sqlalchemy.exc import DBAPIError

from domain.errors import DomainError, InvalidInput, NameTaken, NotFound, Unavailable
from domain.experiments import Experiment
from domain.ids import new_id
from persistence.conflicts import REFUSALS, StoreFault, translated
from persistence.engine import Database
from persistence.models import (
    EXPERIMENTS,
    METRIC_DEFINITIONS,
    PHASES,
    PROJECTS,
    VARIANTS,
    Model,
)
from persistence.tables import experiments
from tests.factories import (
    make_experiment,
    make_metric_definition,
    make_phase,
    make_project,
    make_variant,
)
from tests.persistence.graphs import stored_experiment, stored_project
from tests.persistence.servers import ask

NAMES = """
    SELECT array_agg(name) FROM (
      SELECT conname FROM pg_constraint UNION SELECT relname FROM pg_class WHERE relkind = 'i'
    ) AS all_of_them (name)
"""


async def add(database: Database, model: Model[Any], *entities: Any) -> None:
    with translated():
        async with database.begin() as connection:
            for entity in entities:
                await connection.execute(insert(model.table).values(model.values(entity)))


@pytest.fixture
async def experiment(database: Database) -> Experiment:
    return await stored_experiment(database, await stored_project(database))


async def test_every_constraint_that_is_translated_exists(
    database: Database, database_url: str
) -> None:
    assert set(REFUSALS) - set(await ask(database_url, NAMES)) == set()


async def test_a_name_is_taken_in_its_project_alone(
    database: Database, experiment: Experiment
) -> None:
    twin = make_experiment(project_id=experiment.project_id, name=experiment.name)
    elsewhere = make_experiment(project_id=await stored_project(database), name=experiment.name)

    with pytest.raises(NameTaken) as caught:
        await add(database, EXPERIMENTS, twin)
    await add(database, EXPERIMENTS, elsewhere)

    assert caught.value.path == ("name",)
    assert caught.value.message == "another experiment of this project has that name"


async def test_a_refused_write_keeps_nothing_of_its_block(
    database: Database, experiment: Experiment
) -> None:
    good = make_variant(experiment_id=experiment.id, name="A")

    with pytest.raises(NameTaken):
        await add(database, VARIANTS, good, make_variant(experiment_id=experiment.id, name="A"))

    assert await database.rows(select(VARIANTS.table.c.id)) == []


@pytest.mark.parametrize(
    ("entity", "model", "refusal"),
    [
        (make_variant(experiment_id=new_id()), VARIANTS, NotFound),
        (make_metric_definition(experiment_id=new_id()), METRIC_DEFINITIONS, NotFound),
        (make_phase(experiment_id=new_id()), PHASES, NotFound),
        (make_variant(traffic_weight=1.5), VARIANTS, InvalidInput),
        (make_experiment(traffic_allocation=-0.1), EXPERIMENTS, InvalidInput),
    ],
)
async def test_what_the_database_refuses_is_said_in_the_domains_words(
    database: Database, entity: Any, model: Model[Any], refusal: type[DomainError]
) -> None:
    with pytest.raises(refusal):
        await add(database, model, entity)


async def test_a_constraint_that_nobody_foresaw_is_a_fault_that_names_it(
    database: Database,
) -> None:
    project = make_project()

    with pytest.raises(StoreFault, match=r"UniqueViolationError pk_ab_projects$") as caught:
        await add(database, PROJECTS, project, project)

    assert isinstance(caught.value.__cause__, DBAPIError)


async def test_a_statement_that_is_wrong_is_a_fault_without_its_text(
    database: Database,
) -> None:
    with pytest.raises(StoreFault) as caught, translated():
        async with database.begin() as connection:
            await connection.execute(select(literal(1) / literal(0)))

    assert str(caught.value) == "the database refused a write: DivisionByZeroError"


async def test_what_is_no_conflict_passes_as_it_is(database: Database) -> None:
    for error in (NotFound("there is none"), Unavailable(), KeyError("x")):
        with pytest.raises(type(error)) as caught, translated():
            raise error
        assert caught.value is error


async def test_writers_who_wait_for_each_other_are_told_to_try_again(
    database: Database, experiment: Experiment
) -> None:
    other = await stored_experiment(database, experiment.project_id)
    both_have_one = asyncio.Barrier(2)

    async def touch(first: Experiment, second: Experiment) -> None:
        async with database.begin() as connection:
            await connection.execute(
                update(experiments).where(experiments.c.id == first.id).values(version=2)
            )
            await both_have_one.wait()
            await connection.execute(
                update(experiments).where(experiments.c.id == second.id).values(version=2)
            )

    results = await asyncio.gather(
        touch(experiment, other), touch(other, experiment), return_exceptions=True
    )

    assert {type(result) for result in results} == {type(None), Unavailable}
