"""Rows put into the tables as they are: nothing is moved by them."""

from collections.abc import Sequence
from typing import Any

from domain.assignments import Assignment
from domain.metrics import Metric
from domain.sums import RunningSums, UserTotal
from persistence.arrays import insertion, parameters
from persistence.engine import Database
from persistence.models import ASSIGNMENTS, METRICS, RUNNING_SUMS, USER_TOTALS, Model

_ASSIGNMENTS = insertion(ASSIGNMENTS, order=("id",))
_METRICS = insertion(METRICS, order=("id",))
_USER_TOTALS = insertion(USER_TOTALS, order=("user_id",))
_RUNNING_SUMS = insertion(RUNNING_SUMS, order=("stripe",))


async def put_assignments(database: Database, rows: Sequence[Assignment]) -> None:
    await _put(database, _ASSIGNMENTS, ASSIGNMENTS, rows)


async def put_metrics(database: Database, rows: Sequence[Metric]) -> None:
    await _put(database, _METRICS, METRICS, rows)


async def put_user_totals(database: Database, rows: Sequence[UserTotal]) -> None:
    await _put(database, _USER_TOTALS, USER_TOTALS, rows)


async def put_running_sums(database: Database, rows: Sequence[RunningSums]) -> None:
    await _put(database, _RUNNING_SUMS, RUNNING_SUMS, rows)


async def _put(database: Database, statement: Any, model: Model[Any], rows: Sequence[Any]) -> None:
    if rows:
        await database.written(lambda at: at.rows(statement, parameters(model, rows)))
