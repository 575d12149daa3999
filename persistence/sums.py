"""Running sums and what they rest on, each row touched by one statement of the transaction."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Table, bindparam, cast, func, literal, select
from sqlalchemy.dialects.postgresql import Insert

from domain.ids import ProjectId
from domain.sums import RunningSums, UserTotal
from persistence.arrays import among_given, insertion, parameters
from persistence.compiled import Transaction
from persistence.engine import Database
from persistence.models import RUNNING_SUMS, USER_TOTALS, Model
from persistence.tables import experiments, running_sums


def _growing(model: Model[Any], by: Sequence[str]) -> Insert:
    """Rows with the same key add up."""
    table: Table = model.table
    key = list(table.primary_key.columns.keys())
    insert = insertion(model, order=key)
    return insert.on_conflict_do_update(
        index_elements=key,
        set_={name: table.c[name] + insert.excluded[name] for name in by},
    )


_VALUES = (
    *("users", "total", "squares", "events", "event_squares", "cross_products"),
    *("capped", "changes"),
)
_TOTALS = _growing(USER_TOTALS, ("total", "events")).returning(*USER_TOTALS.columns)
_SUMS = _growing(RUNNING_SUMS, _VALUES)


KEY = tuple(running_sums.c[name] for name in ("experiment_id", "variant_id", "metric_id", "phase"))
MERGED: tuple[ColumnElement[Any], ...] = (  # over all stripes, where rows are grouped by the key
    *KEY,
    literal(0, BigInteger()),
    *(cast(func.sum(running_sums.c[name]), running_sums.c[name].type) for name in _VALUES),
)
_OF_EXPERIMENTS = (
    select(*MERGED)
    .join(experiments, experiments.c.id == running_sums.c.experiment_id)
    .where(experiments.c.project_id == bindparam("project"))
    .where(among_given(running_sums.c.experiment_id, "experiments"))
    .group_by(*KEY)
)


class Sums:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_experiments(
        self, project: ProjectId, owners: Collection[UUID]
    ) -> Mapping[UUID, Sequence[RunningSums]]:
        asked = {"project": project, "experiments": list(owners)}
        found = defaultdict(list)
        for row in RUNNING_SUMS.read(await self._database.rows(_OF_EXPERIMENTS, asked)):
            found[row.experiment_id].append(row)
        return found


async def grow_totals(transaction: Transaction, by: Sequence[UserTotal]) -> Sequence[UserTotal]:
    """What they are by now."""
    return USER_TOTALS.read(await transaction.rows(_TOTALS, parameters(USER_TOTALS, by)))


async def grow_sums(transaction: Transaction, by: Sequence[RunningSums]) -> None:
    await transaction.rows(_SUMS, parameters(RUNNING_SUMS, by))
