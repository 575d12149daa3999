"""What a server that scans would have to ask for the same sums, beforehand of any statistics."""

import time
from statistics import median
from typing import Any

import asyncpg

from benchmarks._filling import METRICS, Filled

_USERS = """
SELECT variant_id, count(*), count(*) FILTER (WHERE has_converted), sum(conversion_value)
  FROM ab_assignments WHERE experiment_id = $1 GROUP BY variant_id
"""
_VALUES = """
SELECT variant_id, count(*), sum(x), sum(x * x), sum(d), sum(d * d), sum(x * d)
  FROM (SELECT variant_id, sum(event_value) AS x, count(*) AS d
          FROM ab_metrics WHERE experiment_id = $1 AND event_type = $2
         GROUP BY variant_id, user_id) AS users
 GROUP BY variant_id
"""


async def scan(connection: "asyncpg.Connection[Any]", which: Filled, seconds: float) -> float:
    """Milliseconds; the median where several fit into the time, and at least one."""
    found: list[float] = []
    until = time.perf_counter() + seconds
    while not found or time.perf_counter() < until:
        start = time.perf_counter()
        users = await connection.fetch(_USERS, which.id)
        values = [
            await connection.fetch(_VALUES, which.id, metric["eventType"]) for metric in METRICS
        ]
        found.append(1000 * (time.perf_counter() - start))
        if sum(row[1] for row in users) != which.users or len(values[0]) != which.arms:
            raise SystemExit(f"the rows of {which.name} are not there")
    return median(found)
