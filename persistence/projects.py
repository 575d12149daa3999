from datetime import datetime
from uuid import uuid5

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from domain.ids import NIL, ProjectId
from domain.projects import Project
from persistence.engine import Database
from persistence.models import PROJECTS
from persistence.tables import projects

_OLDEST = select(*PROJECTS.columns).order_by(projects.c.created_at, projects.c.id).limit(1)


class Projects:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def first(self, name: str, now: datetime) -> Project:
        if (found := await self._oldest()) is not None:
            return found
        await self._make(Project(id=_agreed_id(name), name=name, created_at=now))
        return await self.first(name, now)

    async def _oldest(self) -> Project | None:
        rows = await self._database.rows(_OLDEST, {})
        return next(iter(PROJECTS.read(rows)), None)

    async def _make(self, project: Project) -> None:
        statement = insert(projects).values(**PROJECTS.values(project)).on_conflict_do_nothing()
        async with self._database.begin() as connection:
            await connection.execute(statement)


def _agreed_id(name: str) -> ProjectId:
    """Servers that start at the same moment make one project, not two."""
    return ProjectId(uuid5(NIL, name))
