from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import Deed
from domain.changes import UNSET, given
from domain.closing import Closing
from domain.experiments import (
    Edit,
    Experiment,
    ExperimentFilter,
    ExperimentStatus,
    Phase,
)
from domain.ids import ProjectId
from domain.metrics import MetricDefinition
from domain.paging import Page, Window, page
from domain.variants import Variant, VariantChanges
from persistence.arrays import among, among_given
from persistence.audit import write_down
from persistence.conflicts import translated
from persistence.engine import Database
from persistence.keyset import of_project, paged
from persistence.models import EXPERIMENTS, METRIC_DEFINITIONS, PHASES, VARIANTS, Model
from persistence.projects import hold_to_plan
from persistence.snapshots import take
from persistence.tables import experiments, metric_definitions, phases, variants
from persistence.versions import Overtaken, as_seen, entry, succeed

_OWN = select(*EXPERIMENTS.columns).where(experiments.c.project_id == bindparam("project"))
_BY_IDS = _OWN.where(among_given(experiments.c.id, "ids"))
_BY_NAMES = _OWN.where(among_given(experiments.c.name, "names"))
_PHASES = (
    of_project(PHASES)
    .where(among_given(phases.c.experiment_id, "experiments"))
    .order_by(phases.c.number)
)
_VERSIONS = select(experiments.c.id, experiments.c.version).where(
    among_given(experiments.c.id, "experiments")
)


class Experiments:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Experiment]:
        rows = await self._database.rows(_BY_IDS, {"project": project, "ids": list(ids)})
        return {experiment.id: experiment for experiment in EXPERIMENTS.read(rows)}

    async def by_names(
        self, project: ProjectId, names: Collection[str]
    ) -> Mapping[str, Experiment]:
        rows = await self._database.rows(_BY_NAMES, {"project": project, "names": list(names)})
        return {experiment.name: experiment for experiment in EXPERIMENTS.read(rows)}

    async def page(
        self, project: ProjectId, window: Window, filter: ExperimentFilter
    ) -> Page[Experiment]:
        statement = _of(project).where(*_conditions(filter))
        return page(await self._read(paged(statement, EXPERIMENTS, window)), window)

    async def count(self, project: ProjectId, filter: ExperimentFilter) -> int:
        statement = select(func.count()).select_from(experiments)
        rows = await self._database.rows(
            statement.where(experiments.c.project_id == project, *_conditions(filter))
        )
        return int(rows[0][0])

    async def count_by_status(self, project: ProjectId) -> Mapping[ExperimentStatus, int]:
        rows = await self._database.rows(
            select(experiments.c.status, func.count())
            .where(experiments.c.project_id == project)
            .group_by(experiments.c.status)
        )
        return {ExperimentStatus(status): count for status, count in rows}

    async def active(self, project: ProjectId) -> Sequence[Experiment]:
        return await self._read(
            _of(project)
            .where(experiments.c.status == ExperimentStatus.ACTIVE)
            .order_by(experiments.c.name)
        )

    async def versions(self, owners: Collection[UUID]) -> Mapping[UUID, int]:
        rows = await self._database.rows(_VERSIONS, {"experiments": list(owners)})
        return dict(map(tuple, rows))

    async def phases_by_experiment(
        self, project: ProjectId, owners: Collection[UUID]
    ) -> Mapping[UUID, Sequence[Phase]]:
        asked = {"project": project, "experiments": list(owners)}
        rows = await self._database.rows(_PHASES, asked)
        found = defaultdict(list)
        for phase in PHASES.read(rows):
            found[phase.experiment_id].append(phase)
        return found

    async def create(
        self,
        project: ProjectId,
        experiment: Experiment,
        added: Sequence[Variant],
        definitions: Sequence[MetricDefinition],
        deed: Deed,
    ) -> None:
        own = replace(experiment, project_id=project)
        said = {"variants": [variant.name for variant in added]}
        with translated():
            async with self._database.begin() as connection:
                await hold_to_plan(connection, project)
                await connection.execute(insert(experiments).values(EXPERIMENTS.values(own)))
                await _insert_all(connection, VARIANTS, added)
                await _insert_all(connection, METRIC_DEFINITIONS, definitions)
                await write_down(connection, entry(deed, project, own, said))

    async def save(
        self,
        project: ProjectId,
        seen: Experiment,
        edit: Edit,
        deed: Deed,
        closing: Closing | None = None,
    ) -> Experiment | None:
        with translated(), suppress(Overtaken):
            async with self._database.begin() as connection:
                saved = await succeed(connection, project, seen, given(edit.changes), deed)
                await _save_variants(connection, seen.id, edit, deed.at)
                await _save_definitions(connection, seen.id, edit)
                await _insert_all(connection, PHASES, [edit.phase] if edit.phase else [])
                if closing is not None:
                    await _close(connection, seen.id, closing)
                await write_down(connection, entry(deed, project, seen, _said(edit)))
            return saved
        return None

    async def delete(self, project: ProjectId, seen: Experiment, deed: Deed) -> bool:
        async with self._database.begin() as connection:
            deleted = await connection.execute(delete(experiments).where(*as_seen(project, seen)))
            if deleted.rowcount == 0:
                return False
            await write_down(connection, entry(deed, project, seen, {}))
        return True

    async def _read(self, statement: Select[*tuple[Any, ...]]) -> Sequence[Experiment]:
        return EXPERIMENTS.read(await self._database.rows(statement))


def _of(project: ProjectId) -> Select[*tuple[Any, ...]]:
    return select(*EXPERIMENTS.columns).where(experiments.c.project_id == project)


def _conditions(filter: ExperimentFilter) -> Iterator[ColumnElement[bool]]:
    if filter.status is None:
        yield experiments.c.status != ExperimentStatus.ARCHIVED
    else:
        yield among(experiments.c.status, filter.status)
    if filter.target_bot is not None:
        yield experiments.c.target_bot == filter.target_bot
    if filter.created_by is not None:
        yield experiments.c.created_by == filter.created_by
    if filter.search is not None:
        yield _contains(filter.search)
    if filter.created_after is not None:
        yield experiments.c.created_at >= filter.created_after
    if filter.created_before is not None:
        yield experiments.c.created_at < filter.created_before


def _contains(text: str) -> ColumnElement[bool]:
    searched = (experiments.c.name, experiments.c.description, experiments.c.hypothesis)
    return or_(*(column.icontains(text, autoescape=True) for column in searched))


async def _save_variants(
    connection: AsyncConnection, experiment: UUID, edit: Edit, now: datetime
) -> None:
    owned = variants.c.experiment_id == experiment
    if edit.removed:
        await connection.execute(delete(variants).where(owned, among(variants.c.id, edit.removed)))
    for variant, changes in edit.changed.items():
        values = VARIANTS.changed(given(changes) | {"updated_at": now})
        statement = update(variants).where(owned, variants.c.id == variant)
        await connection.execute(statement.values(values))
    await _insert_all(connection, VARIANTS, edit.added)


async def _close(connection: AsyncConnection, experiment: UUID, closing: Closing) -> None:
    if not await take(connection, closing.snapshot):
        raise Overtaken
    for variant, numbers in closing.published.items():
        statement = update(variants).where(
            variants.c.experiment_id == experiment, variants.c.id == variant
        )
        await connection.execute(statement.values(VARIANTS.changed(asdict(numbers))))


async def _save_definitions(connection: AsyncConnection, experiment: UUID, edit: Edit) -> None:
    if edit.definitions is UNSET:
        return
    owned = metric_definitions.c.experiment_id == experiment
    await connection.execute(delete(metric_definitions).where(owned))
    await _insert_all(connection, METRIC_DEFINITIONS, edit.definitions)


async def _insert_all(
    connection: AsyncConnection, model: Model[Any], entities: Sequence[Any]
) -> None:
    if entities:
        rows = [model.values(entity) for entity in entities]
        await connection.execute(insert(model.table).values(rows))


def _open(changes: VariantChanges) -> dict[str, object]:
    """What a bandit knows of the variant stays sealed."""
    return {name: value for name, value in given(changes).items() if name != "algorithm_state"}


def _said(edit: Edit) -> dict[str, object]:
    said = given(edit.changes)
    if edit.added:
        said["added"] = [variant.name for variant in edit.added]
    if edit.changed:
        said["variants"] = {key: _open(changes) for key, changes in edit.changed.items()}
    if edit.removed:
        said["removed"] = list(edit.removed)
    if edit.definitions is not UNSET:
        said["metrics"] = [definition.name for definition in edit.definitions]
    return said
