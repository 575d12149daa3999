"""Snapshots: every one for a day, then one an hour for a month, then one a day; what is kept for
good aside."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, delete, func, or_, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.ids import ProjectId
from domain.snapshots import Period, Snapshot, spread
from persistence.arrays import among_given, insertion, parameters
from persistence.columns import TIME
from persistence.compiled import Transaction
from persistence.engine import Database
from persistence.keyset import of_project
from persistence.models import SNAPSHOTS
from persistence.tables import experiments, snapshots

_ALL_FOR, _HOURLY_FOR = timedelta(days=1), timedelta(days=30)

_newest = (
    select(*SNAPSHOTS.columns)
    .where(snapshots.c.experiment_id == experiments.c.id)
    .order_by(snapshots.c.number.desc())
    .limit(1)
    .lateral("newest")
)
_LATEST = (
    select(*(_newest.c[column.key] for column in SNAPSHOTS.columns))
    .select_from(experiments.join(_newest, true()))
    .where(experiments.c.project_id == bindparam("project"))
    .where(among_given(experiments.c.id, "experiments"))
)
_OF_ONE = of_project(SNAPSHOTS).where(snapshots.c.experiment_id == bindparam("experiment"))
_AT = (
    _OF_ONE.where(snapshots.c.taken_at <= bindparam("moment", type_=TIME))
    .order_by(snapshots.c.taken_at.desc(), snapshots.c.number.desc())
    .limit(1)
)
_CHOSEN = _OF_ONE.where(among_given(snapshots.c.number, "numbers")).order_by(snapshots.c.number)
_NUMBERS = (
    select(snapshots.c.number)
    .where(snapshots.c.experiment_id == bindparam("experiment"))
    .where(
        snapshots.c.taken_at.between(bindparam("start", type_=TIME), bindparam("end", type_=TIME))
    )
    .order_by(snapshots.c.number)
)
_ADDITION = (
    insertion(SNAPSHOTS, order=("experiment_id", "number"))
    .on_conflict_do_nothing()
    .returning(snapshots.c.number)
)


def _superseded(unit: str) -> ColumnElement[bool]:
    """By a later one of the same hour or day."""
    later = snapshots.alias("later")

    def period(moment: ColumnElement[datetime]) -> ColumnElement[Any]:
        return func.date_trunc(unit, moment, "UTC")

    return (
        select(later.c.number)
        .where(later.c.experiment_id == snapshots.c.experiment_id)
        .where(later.c.taken_at > snapshots.c.taken_at)
        .where(period(later.c.taken_at) == period(snapshots.c.taken_at))
        .exists()
    )


_THINNING = (
    delete(snapshots)
    .where(snapshots.c.experiment_id == bindparam("experiment"), ~snapshots.c.is_kept)
    .where(
        or_(
            (snapshots.c.taken_at < bindparam("hourly_before", type_=TIME)) & _superseded("hour"),
            (snapshots.c.taken_at < bindparam("daily_before", type_=TIME)) & _superseded("day"),
        )
    )
)


class Snapshots:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def latest(self, project: ProjectId, owners: Collection[UUID]) -> Mapping[UUID, Snapshot]:
        found = await self._read(_LATEST, project=project, experiments=list(owners))
        return {snapshot.experiment_id: snapshot for snapshot in found}

    async def at(self, project: ProjectId, experiment: UUID, moment: datetime) -> Snapshot | None:
        found = await self._read(_AT, project=project, experiment=experiment, moment=moment)
        return next(iter(found), None)

    async def between(
        self, project: ProjectId, experiment: UUID, period: Period
    ) -> Sequence[Snapshot]:
        asked = {"experiment": experiment, "start": period.start, "end": period.end}
        numbers = [row[0] for row in await self._database.rows(_NUMBERS, asked)]
        chosen = spread(numbers, period.points)
        return await self._read(_CHOSEN, project=project, experiment=experiment, numbers=chosen)

    async def add(self, snapshot: Snapshot) -> bool:
        asked = {
            "experiment": snapshot.experiment_id,
            "hourly_before": snapshot.taken_at - _ALL_FOR,
            "daily_before": snapshot.taken_at - _HOURLY_FOR,
        }

        async def added_and_thinned(transaction: Transaction) -> bool:
            added = await transaction.rows(_ADDITION, parameters(SNAPSHOTS, [snapshot]))
            await transaction.rows(_THINNING, asked)
            return bool(added)

        return await self._database.written(added_and_thinned)

    async def _read(
        self, statement: Select[*tuple[Any, ...]], **asked: object
    ) -> Sequence[Snapshot]:
        return SNAPSHOTS.read(await self._database.rows(statement, asked))


async def take(connection: AsyncConnection, snapshot: Snapshot) -> bool:
    """As part of a transition; False where somebody else took one meanwhile."""
    values = SNAPSHOTS.values(snapshot)
    statement = insert(snapshots).values(values).on_conflict_do_nothing()
    return (await connection.execute(statement)).rowcount == 1
