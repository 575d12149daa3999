from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import Deed
from domain.ids import ProjectId
from domain.keys import ApiKey
from domain.people import Membership, User
from domain.projects import Project
from persistence.audit import write_down
from persistence.engine import Database
from persistence.models import API_KEYS, MEMBERSHIPS, PROJECTS, USERS
from persistence.people_tables import api_keys, memberships, projects, users

_TURN = select(func.pg_advisory_xact_lock(func.hashtext("ab_users")))
_IS_DONE = select(exists().select_from(users))


class Setup:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_done(self) -> bool:
        rows = await self._database.rows(_IS_DONE)
        return bool(rows[0][0])

    async def begin(
        self,
        project: Project,
        user: User,
        membership: Membership,
        keys: Sequence[ApiKey],
        deed: Deed,
    ) -> bool:
        async with self._database.begin() as connection:
            await connection.execute(_TURN)
            if await connection.scalar(_IS_DONE):
                return False
            await connection.execute(insert(users).values(USERS.values(user)))
            own = await _first_project(connection, project)
            await connection.execute(
                insert(memberships).values(MEMBERSHIPS.values(replace(membership, project_id=own)))
            )
            for key in keys:
                values = API_KEYS.values(replace(key, project_id=own))
                await connection.execute(insert(api_keys).values(values))
            said = {"owner": user.email, "keys": [key.prefix for key in keys]}
            await write_down(connection, deed.entry(own, own, project.name, said))
        return True


async def _first_project(connection: AsyncConnection, project: Project) -> ProjectId:
    """The migrations make one where experiments were there before projects were."""
    eldest = select(projects.c.id).order_by(projects.c.created_at, projects.c.id).limit(1)
    found: ProjectId | None = await connection.scalar(eldest)
    if found is not None:
        return found
    await connection.execute(insert(projects).values(PROJECTS.values(project)))
    return project.id
