"""Rows that other rows hang on."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import insert

from domain.experiments import Experiment
from domain.ids import ProjectId
from domain.projects import Project
from domain.variants import Variant
from persistence.engine import Database
from persistence.models import EXPERIMENTS, PROJECTS, VARIANTS, Model
from tests.factories import make_experiment, make_project, make_variant


async def stored(database: Database, model: Model[Any], *entities: Any) -> None:
    async with database.begin() as connection:
        for entity in entities:
            await connection.execute(insert(model.table).values(model.values(entity)))


async def stored_project(database: Database) -> ProjectId:
    project: Project = make_project()
    await stored(database, PROJECTS, project)
    return project.id


async def stored_experiment(database: Database, project: ProjectId, **changes: Any) -> Experiment:
    experiment: Experiment = make_experiment(project_id=project, **changes)
    await stored(database, EXPERIMENTS, experiment)
    return experiment


async def stored_variants(
    database: Database, experiment: UUID, count: int = 2
) -> Sequence[Variant]:
    variants = [make_variant(experiment_id=experiment, position=n) for n in range(count)]
    await stored(database, VARIANTS, *variants)
    return variants
