from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, insert, select, update

from domain.access import Scope
from domain.audit import Deed
from domain.ids import ProjectId
from domain.keys import ApiKey
from persistence.arrays import among
from persistence.audit import write_down
from persistence.engine import Database
from persistence.models import API_KEYS
from persistence.people_tables import api_keys


class Keys:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, ApiKey]:
        rows = await self._database.rows(_of(project).where(among(api_keys.c.id, list(ids))))
        return {key.id: key for key in API_KEYS.read(rows)}

    async def of_project(self, project: ProjectId) -> Sequence[ApiKey]:
        rows = await self._database.rows(_of(project).order_by(api_keys.c.created_at.desc()))
        return API_KEYS.read(rows)

    async def add(self, key: ApiKey, deed: Deed) -> None:
        said: dict[str, object] = {
            "prefix": key.prefix,
            "scopes": [Scope(scope) for scope in key.scopes],
            "allowed_origins": key.allowed_origins,
            "expires_at": key.expires_at,
        }
        async with self._database.begin() as connection:
            await connection.execute(insert(api_keys).values(API_KEYS.values(key)))
            await write_down(connection, deed.entry(key.project_id, key.id, key.name, said))

    async def revoke(self, project: ProjectId, key: UUID, deed: Deed) -> ApiKey | None:
        own = (api_keys.c.project_id == project, api_keys.c.id == key)
        values = API_KEYS.changed({"revoked_at": deed.at})
        async with self._database.begin() as connection:
            statement = update(api_keys).where(*own, api_keys.c.revoked_at.is_(None))
            revoked = await connection.scalar(statement.values(values).returning(api_keys.c.name))
            if revoked is not None:
                await write_down(connection, deed.entry(project, key, revoked, {}))
        return (await self.by_ids(project, [key])).get(key)


def _of(project: ProjectId) -> Select[*tuple[Any, ...]]:
    return select(*API_KEYS.columns).where(api_keys.c.project_id == project)
