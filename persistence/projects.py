from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import Deed
from domain.experiments import ExperimentStatus
from domain.ids import ProjectId
from domain.projects import Plan, PlanLimitReached, Project
from persistence.audit import write_down
from persistence.engine import Database
from persistence.models import PROJECTS
from persistence.people_tables import projects
from persistence.tables import experiments


class Projects:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Project]:
        rows = await self._database.rows(_ALL.where(projects.c.id == project))
        return {found.id: found for found in PROJECTS.read(rows) if found.id in ids}

    async def experiment_counts(
        self, project: ProjectId, ids: Collection[UUID]
    ) -> Mapping[UUID, int]:
        rows = await self._database.rows(_counted(project))
        return {project: rows[0][0]} if project in ids else {}

    async def all(self) -> Sequence[Project]:
        return PROJECTS.read(await self._database.rows(_ALL.order_by(projects.c.created_at)))

    async def create(self, project: Project, deed: Deed) -> None:
        entry = deed.entry(project.id, project.id, project.name, {"plan": project.plan})
        async with self._database.begin() as connection:
            await connection.execute(insert(projects).values(PROJECTS.values(project)))
            await write_down(connection, entry)

    async def set_plan(self, project: ProjectId, plan: Plan, deed: Deed) -> Project | None:
        changed = PROJECTS.changed({"plan": plan})
        async with self._database.begin() as connection:
            statement = update(projects).where(projects.c.id == project).values(changed)
            name = await connection.scalar(statement.returning(projects.c.name))
            if name is None:
                return None
            await write_down(connection, deed.entry(project, project, name, {"plan": plan}))
        return (await self.by_ids(project, [project])).get(project)


_ALL: Select[*tuple[Any, ...]] = select(*PROJECTS.columns)


async def lock_project(connection: AsyncConnection, project: ProjectId) -> Plan | None:
    """What is counted in a project is counted by one transaction at a time."""
    return await connection.scalar(
        select(projects.c.plan).where(projects.c.id == project).with_for_update(key_share=True)
    )


async def hold_to_plan(connection: AsyncConnection, project: ProjectId) -> None:
    plan = await lock_project(connection, project)
    limit = None if plan is None else Plan(plan).experiment_limit
    if limit is not None and (await connection.scalar(_counted(project)) or 0) >= limit:
        raise PlanLimitReached(limit)


def _counted(project: ProjectId) -> Select[int]:
    return (
        select(func.count())
        .select_from(experiments)
        .where(
            experiments.c.project_id == project,
            experiments.c.status != ExperimentStatus.ARCHIVED,
        )
    )
