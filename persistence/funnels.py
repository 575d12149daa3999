from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import AuditEntry, Deed
from domain.changes import UNSET, given
from domain.funnels import Funnel, FunnelEdit, FunnelLink, FunnelStep, LinkEnds, Passage, Path
from domain.ids import ProjectId
from domain.paging import Page, Window, page
from persistence.arrays import among, among_given
from persistence.audit import write_down
from persistence.conflicts import translated
from persistence.engine import Database
from persistence.funnel_tables import funnel_links, funnel_steps, funnels
from persistence.keyset import paged
from persistence.models import FUNNEL_LINKS, FUNNEL_STEPS, FUNNELS
from persistence.passages import Passages

_BY_IDS = select(*FUNNELS.columns).where(
    funnels.c.project_id == bindparam("project"), among_given(funnels.c.id, "ids")
)
_STEPS = (
    select(*FUNNEL_STEPS.columns)
    .join(funnels, funnels.c.id == funnel_steps.c.funnel_id)
    .where(funnels.c.project_id == bindparam("project"))
)
_STEPS_BY_IDS = _STEPS.where(among_given(funnel_steps.c.id, "ids"))
_sources = select(funnel_links.c.source_id).where(funnel_links.c.target_id == funnel_steps.c.id)
_PATHS = (
    _STEPS.add_columns(func.array(_sources.scalar_subquery()))
    .where(among_given(funnel_steps.c.funnel_id, "funnels"))
    .order_by(funnel_steps.c.position)
)


class Funnels:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._passages = Passages(database)

    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Funnel]:
        rows = await self._database.rows(_BY_IDS, {"project": project, "ids": list(ids)})
        return {funnel.id: funnel for funnel in FUNNELS.read(rows)}

    async def page(self, project: ProjectId, window: Window) -> Page[Funnel]:
        statement = select(*FUNNELS.columns).where(funnels.c.project_id == project)
        rows = await self._database.rows(paged(statement, FUNNELS, window))
        return page(FUNNELS.read(rows), window)

    async def count(self, project: ProjectId) -> int:
        statement = select(func.count()).select_from(funnels)
        rows = await self._database.rows(statement.where(funnels.c.project_id == project))
        return int(rows[0][0])

    async def steps_by_ids(
        self, project: ProjectId, ids: Collection[UUID]
    ) -> Mapping[UUID, FunnelStep]:
        rows = await self._database.rows(_STEPS_BY_IDS, {"project": project, "ids": list(ids)})
        return {step.id: step for step in FUNNEL_STEPS.read(rows)}

    async def paths(self, project: ProjectId, owners: Collection[UUID]) -> Mapping[UUID, Path]:
        asked = {"project": project, "funnels": list(owners)}
        found: dict[UUID, list[tuple[FunnelStep, Sequence[UUID]]]] = defaultdict(list)
        rows = await self._database.rows(_PATHS, asked)
        steps = FUNNEL_STEPS.read([tuple(row)[:-1] for row in rows])
        for step, row in zip(steps, rows, strict=True):
            found[step.funnel_id].append((step, row[-1]))
        return {funnel: _path(parts) for funnel, parts in found.items()}

    async def passages(
        self, project: ProjectId, experiment: UUID, path: Path, within: timedelta | None
    ) -> Mapping[UUID, Passage]:
        return await self._passages.of(project, experiment, path, within)

    async def create(self, funnel: Funnel, path: Path, deed: Deed) -> None:
        with translated():
            async with self._database.begin() as connection:
                await connection.execute(insert(funnels).values(FUNNELS.values(funnel)))
                await _put(connection, funnel.id, path)
                await write_down(connection, _entry(deed, funnel, _said(path)))

    async def save(
        self, project: ProjectId, seen: Funnel, edit: FunnelEdit, deed: Deed
    ) -> Funnel | None:
        changed = given(edit.changes) | {"version": seen.version + 1, "updated_at": deed.at}
        statement = update(funnels).where(
            funnels.c.id == seen.id,
            funnels.c.project_id == project,
            funnels.c.version == seen.version,
        )
        said = given(edit.changes) | ({} if edit.path is UNSET else _said(edit.path))
        with translated():
            async with self._database.begin() as connection:
                saved = await connection.execute(statement.values(FUNNELS.changed(changed)))
                if saved.rowcount == 0:
                    return None
                if edit.path is not UNSET:
                    await _put(connection, seen.id, edit.path)
                await write_down(connection, _entry(deed, seen, said))
        return replace(seen, **changed)

    async def delete(self, project: ProjectId, id: UUID, deed: Deed) -> bool:
        own = (funnels.c.id == id, funnels.c.project_id == project)
        async with self._database.begin() as connection:
            gone = await connection.execute(delete(funnels).where(*own).returning(*FUNNELS.columns))
            deleted = FUNNELS.read(gone.all())
            for funnel in deleted:
                await write_down(connection, _entry(deed, funnel, {}))
        return bool(deleted)


async def _put(connection: AsyncConnection, funnel: UUID, path: Path) -> None:
    """In place of what there was. Whoever gets here has written the funnel's own row: nobody else
    is at its steps."""
    kept = [step.id for step in path.steps]
    gone = (funnel_steps.c.funnel_id == funnel, ~among(funnel_steps.c.id, kept))
    await connection.execute(delete(funnel_links).where(funnel_links.c.funnel_id == funnel))
    await connection.execute(delete(funnel_steps).where(*gone))
    steps = insert(funnel_steps).values(FUNNEL_STEPS.rows(path.steps))
    changing = {name: steps.excluded[name] for name in ("event_type", "position")}
    await connection.execute(steps.on_conflict_do_update(index_elements=["id"], set_=changing))
    ends = [
        LinkEnds(funnel_id=funnel, source_id=link.source.id, target_id=link.target.id)
        for link in path.links
    ]
    await connection.execute(insert(funnel_links).values(FUNNEL_LINKS.rows(ends)))


def _path(parts: Sequence[tuple[FunnelStep, Sequence[UUID]]]) -> Path:
    steps = {step.id: step for step, _ in parts}
    links = [
        FunnelLink(source=steps[source], target=target)
        for target, sources in parts
        for source in sources
    ]
    links.sort(key=lambda link: (link.source.position, link.target.position))
    return Path(steps=list(steps.values()), links=links)


def _entry(deed: Deed, funnel: Funnel, said: Mapping[str, object]) -> AuditEntry:
    return deed.entry(funnel.project_id, funnel.id, funnel.name, said)


def _said(path: Path) -> dict[str, object]:
    return {
        "steps": {step.name: step.event_type for step in path.steps},
        "links": [[link.source.name, link.target.name] for link in path.links],
    }
