from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import AuditEntry
from domain.ids import ProjectId
from domain.paging import Page, Window, page
from persistence.arrays import among
from persistence.engine import Database
from persistence.keyset import Nested, paged
from persistence.models import AUDIT
from persistence.people_tables import audit


class Audit(Nested[AuditEntry]):
    def __init__(self, database: Database) -> None:
        super().__init__(database, AUDIT, {})

    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, AuditEntry]:
        found = among(audit.c.id, list(ids)), audit.c.project_id == project
        rows = await self.database.rows(select(*AUDIT.columns).where(*found))
        return {entry.id: entry for entry in AUDIT.read(rows)}

    async def of_project(self, project: ProjectId, window: Window) -> Page[AuditEntry]:
        statement = select(*AUDIT.columns).where(audit.c.project_id == project)
        rows = await self.database.rows(paged(statement, AUDIT, window))
        return page(AUDIT.read(rows), window)

    async def count_of_project(self, project: ProjectId) -> int:
        statement = select(func.count()).select_from(audit).where(audit.c.project_id == project)
        rows = await self.database.rows(statement)
        return int(rows[0][0])


async def write_down(connection: AsyncConnection, entry: AuditEntry) -> None:
    """In the transaction of what it tells of."""
    await connection.execute(insert(audit).values(AUDIT.values(entry)))
