"""An experiment is deleted while everybody writes to it, and to another one."""

import logging
from collections import Counter
from functools import partial
from uuid import UUID

import asyncpg

from tests.tracking.load import Call, Line, begun, id_of, lines, written
from tests.tracking.reconciling import LIMIT, Journal, faults
from tests.tracking.recounting import stored
from tests.tracking.shoppers import shoppers

logger = logging.getLogger(__name__)

CALLERS = 16
ANSWERS = 300
TABLES = ("ab_assignments", "ab_metrics", "ab_user_totals", "ab_running_sums")
DELETE = """
    mutation { experimentDelete(input: { experiment: { name: "doomed" } }) { errors { code } } }
"""


async def test_an_experiment_that_is_deleted_under_load_takes_nothing_else_along(
    database_url: str, pair: tuple[str, str]
) -> None:
    await begun(pair[0], "checkout")
    await begun(pair[0], "doomed")
    doomed = await id_of(database_url, "doomed")
    journal, codes = Journal(), Counter[str]()

    async with (
        lines(1, pair[0]) as (line,),
        shoppers(CALLERS, pair, journal, partial(_of_both, codes)) as ended,
    ):
        await journal.hears(ANSWERS)
        early = dict(codes)
        deleted = await line.ask(written(DELETE))
        await journal.hears(ANSWERS)
        await ended()

    logger.info("%s; deleted in %.1f s; %s, before %s", journal, deleted.seconds, codes, early)
    assert deleted.body == {"data": {"experimentDelete": {"errors": []}}}
    assert early.keys() == {""}
    assert codes.keys() == {"", "NOT_FOUND", "NOT_ASSIGNED"}
    assert max(journal.slowest, deleted.seconds) < LIMIT
    assert faults(journal, await stored(database_url, "checkout")) == []
    assert await _rows_of(database_url, doomed) == dict.fromkeys(TABLES, 0)


async def _of_both(codes: Counter[str], journal: Journal, line: Line, call: Call) -> bool:
    """The items of both are mixed in a batch; single calls follow each other."""
    twins = [item | {"experiment": "doomed"} for item in call.items]
    if len(twins) == 1:
        answers = [await line.ask(each.body) for each in (call, Call(call.kind, twins))]
    else:
        mixed = [item for pair in zip(call.items, twins, strict=True) for item in pair]
        answers = [await line.ask(Call(call.kind, mixed).body)]
    told = [result for answer in answers for result in answer.told]
    journal.slowest = max(journal.slowest, *(answer.seconds for answer in answers))
    journal.note(call, told[::2])
    codes.update(error["code"] for result in told[1::2] for error in result["errors"])
    codes[""] += sum(not result["errors"] for result in told[1::2])
    return True


async def _rows_of(url: str, experiment: UUID) -> dict[str, int]:
    connection = await asyncpg.connect(url)
    try:
        return {
            table: await connection.fetchval(
                f"SELECT count(*) FROM {table} WHERE experiment_id = $1",  # noqa: S608  ours
                experiment,
            )
            for table in TABLES
        }
    finally:
        await connection.close()
