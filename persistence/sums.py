"""Running sums and what they rest on, each row touched by one statement of the transaction."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import Insert

from domain.sums import RunningSums, UserTotal
from persistence.arrays import insertion, parameters
from persistence.compiled import Transaction
from persistence.models import RUNNING_SUMS, USER_TOTALS, Model


def _growing(model: Model[Any], by: Sequence[str]) -> Insert:
    """Rows with the same key add up."""
    table: Table = model.table
    key = list(table.primary_key.columns.keys())
    insert = insertion(model, order=key)
    return insert.on_conflict_do_update(
        index_elements=key,
        set_={name: table.c[name] + insert.excluded[name] for name in by},
    )


_TOTALS = _growing(USER_TOTALS, ("total", "events")).returning(*USER_TOTALS.columns)
_SUMS = _growing(
    RUNNING_SUMS,
    (
        *("users", "total", "squares", "events", "event_squares", "cross_products"),
        *("capped", "changes"),
    ),
)


async def grow_totals(transaction: Transaction, by: Sequence[UserTotal]) -> Sequence[UserTotal]:
    """What they are by now."""
    return USER_TOTALS.read(await transaction.rows(_TOTALS, parameters(USER_TOTALS, by)))


async def grow_sums(transaction: Transaction, by: Sequence[RunningSums]) -> None:
    await transaction.rows(_SUMS, parameters(RUNNING_SUMS, by))
