"""Drops old events; the results, which rest on sums, stay as they are."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

from domain.reporting import ONE_CONVERSION
from persistence.engine import Database

BATCH = 10_000
NOTICED = 6.0  # seconds until every process knows of a mark, and what it had taken is written

# Marked first: from then on no event of that age is taken any more, so that none counts again.
_MARK = """
UPDATE ab_experiments SET events_pruned_before = $1, version = version + 1
 WHERE id IN (SELECT DISTINCT experiment_id FROM ab_metrics WHERE event_timestamp < $1)
   AND (events_pruned_before IS NULL OR events_pruned_before < $1)
"""
_COUNT = """
SELECT count(*) FROM ab_metrics
 WHERE event_timestamp < $1 AND event_id IS DISTINCT FROM $2
   AND experiment_id IN (SELECT id FROM ab_experiments WHERE events_pruned_before >= $1)
"""
_DROP = """
DELETE FROM ab_metrics WHERE (id, user_id) IN (
    SELECT id, user_id FROM ab_metrics
     WHERE event_timestamp < $1 AND event_id IS DISTINCT FROM $2
       AND experiment_id IN (SELECT id FROM ab_experiments WHERE events_pruned_before >= $1)
     LIMIT $3)
"""


async def prune(
    database: Database, before: datetime, noticed: float = NOTICED
) -> AsyncIterator[tuple[int, int]]:
    """How many are gone and how many there were, again and again. That a user converted is kept:
    it happens once."""
    async with database.at_leisure() as connection:
        await connection.execute(_MARK, before)
        every = await connection.fetchval(_COUNT, before, ONE_CONVERSION)
        gone = 0
        yield gone, every
        await asyncio.sleep(noticed if every else 0)
        while dropped := _number(await connection.execute(_DROP, before, ONE_CONVERSION, BATCH)):
            gone += dropped
            yield gone, max(gone, every)


def _number(status: str) -> int:
    return int(status.rpartition(" ")[2])
