from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import Deed
from domain.changes import given
from domain.elements import Element, ElementEdit, ElementVariant
from domain.errors import InUse
from domain.experiments import Experiment
from domain.ids import ProjectId
from persistence.arrays import among, among_given
from persistence.audit import write_down
from persistence.conflicts import translated
from persistence.element_tables import element_variants, elements
from persistence.engine import Database
from persistence.keyset import of_project
from persistence.models import ELEMENT_VARIANTS, ELEMENTS
from persistence.tables import assignments, experiments, variants
from persistence.versions import Overtaken, entry, succeed

_CONTENTS: Select[*tuple[Any, ...]] = (
    select(*ELEMENT_VARIANTS.columns)
    .join(elements, elements.c.id == element_variants.c.element_id)
    .join(experiments, experiments.c.id == elements.c.experiment_id)
    .where(experiments.c.project_id == bindparam("project"))
)
_BY_IDS = of_project(ELEMENTS).where(among_given(elements.c.id, "ids"))
_BY_EXPERIMENT = (
    of_project(ELEMENTS)
    .where(among_given(elements.c.experiment_id, "ids"))
    .order_by(elements.c.position, elements.c.id)
)
_CONTENTS_BY_IDS = _CONTENTS.where(among_given(element_variants.c.id, "ids"))
_BY_ELEMENT = _CONTENTS.where(among_given(element_variants.c.element_id, "ids")).order_by(
    element_variants.c.position, element_variants.c.id
)
_BY_VARIANT = _CONTENTS.where(
    among_given(element_variants.c.variant_id, "ids"), element_variants.c.is_active
).order_by(elements.c.position, elements.c.id)


class Elements:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Element]:
        rows = await self._rows(_BY_IDS, project, ids)
        return {element.id: element for element in ELEMENTS.read(rows)}

    async def by_experiment(
        self, project: ProjectId, owners: Collection[UUID]
    ) -> Mapping[UUID, Sequence[Element]]:
        found = defaultdict(list)
        for element in ELEMENTS.read(await self._rows(_BY_EXPERIMENT, project, owners)):
            found[element.experiment_id].append(element)
        return found

    async def contents(
        self, project: ProjectId, ids: Collection[UUID]
    ) -> Mapping[UUID, ElementVariant]:
        rows = await self._rows(_CONTENTS_BY_IDS, project, ids)
        return {content.id: content for content in ELEMENT_VARIANTS.read(rows)}

    async def contents_by_element(
        self, project: ProjectId, owners: Collection[UUID]
    ) -> Mapping[UUID, Sequence[ElementVariant]]:
        found = defaultdict(list)
        for content in ELEMENT_VARIANTS.read(await self._rows(_BY_ELEMENT, project, owners)):
            found[content.element_id].append(content)
        return found

    async def contents_by_variant(
        self, project: ProjectId, owners: Collection[UUID]
    ) -> Mapping[UUID, Sequence[ElementVariant]]:
        found = defaultdict(list)
        for content in ELEMENT_VARIANTS.read(await self._rows(_BY_VARIANT, project, owners)):
            found[content.variant_id].append(content)
        return found

    async def save(
        self, project: ProjectId, seen: Experiment, edit: ElementEdit, deed: Deed
    ) -> Experiment | None:
        with translated(), suppress(Overtaken):
            async with self._database.begin() as connection:
                saved = await succeed(connection, project, seen, {}, deed)
                await _require_unseen(connection, edit.unseen)
                await _save_elements(connection, seen.id, edit, deed)
                await _save_contents(connection, seen.id, edit)
                await write_down(connection, entry(deed, project, seen, _said(edit)))
            return saved
        return None

    async def _rows(
        self, statement: Select[*tuple[Any, ...]], project: ProjectId, ids: Collection[UUID]
    ) -> Sequence[Any]:
        return await self._database.rows(statement, {"project": project, "ids": list(ids)})


async def _require_unseen(connection: AsyncConnection, unseen: Collection[UUID]) -> None:
    """Whoever is about to be given one of these variants waits until this is written: the lock is
    one that the foreign key of an assignment stands against."""
    if not unseen:
        return
    held = select(variants.c.id).where(among(variants.c.id, unseen)).order_by(variants.c.id)
    await connection.execute(held.with_for_update())
    given_to = select(assignments.c.id).where(among(assignments.c.variant_id, unseen)).limit(1)
    if (await connection.execute(given_to)).first():
        raise InUse(
            "users were given this variant: what it puts into elements stays, and can only be "
            "switched off and on by isActive",
            ("variant",),
        )


async def _save_elements(
    connection: AsyncConnection, experiment: UUID, edit: ElementEdit, deed: Deed
) -> None:
    owned = elements.c.experiment_id == experiment
    if edit.removed:
        await connection.execute(delete(elements).where(owned, among(elements.c.id, edit.removed)))
    for element, changes in edit.changed.items():
        values = ELEMENTS.changed(given(changes) | {"updated_at": deed.at})
        statement = update(elements).where(owned, elements.c.id == element)
        await connection.execute(statement.values(values))
    if edit.added:
        await connection.execute(insert(elements).values(ELEMENTS.rows(edit.added)))


async def _save_contents(connection: AsyncConnection, experiment: UUID, edit: ElementEdit) -> None:
    own = select(elements.c.id).where(elements.c.experiment_id == experiment)
    for content, changes in edit.refilled.items():
        statement = update(element_variants).where(
            element_variants.c.id == content, element_variants.c.element_id.in_(own)
        )
        await connection.execute(statement.values(ELEMENT_VARIANTS.changed(given(changes))))
    if edit.filled:
        rows = ELEMENT_VARIANTS.rows(edit.filled)
        await connection.execute(insert(element_variants).values(rows))


def _said(edit: ElementEdit) -> dict[str, object]:
    said: dict[str, object] = {}
    if edit.added:
        said["added"] = list(edit.added)
    if edit.changed:
        said["elements"] = {key: given(changes) for key, changes in edit.changed.items()}
    if edit.removed:
        said["removed"] = list(edit.removed)
    if edit.filled:
        said["filled"] = list(edit.filled)
    if edit.refilled:
        said["contents"] = {key: given(changes) for key, changes in edit.refilled.items()}
    return said
