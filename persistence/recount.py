"""Running sums held against the rows that they rest on: in one statement, hence one snapshot."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from persistence.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Recount:
    experiment: str
    differences: Sequence[str]


# As domain/sums.py counts, but worked out by the database from the rows themselves. Where events
# have been pruned, the users' totals are what is left of them.
_RECOUNT = """
WITH meant AS (
    SELECT id, events_pruned_before IS NOT NULL AS is_pruned FROM ab_experiments WHERE id = $1
), definitions AS (
    SELECT id, event_type, aggregation, round(cap_low::numeric, 12) AS low,
           round(cap_high::numeric, 12) AS high, window_hours * interval '1 hour' AS lasts
      FROM ab_metric_definitions WHERE experiment_id = $1
), reported AS (
    SELECT m.user_id, d.id AS metric_id, sum(round(m.event_value::numeric, 12)) AS total,
           count(*) AS events
      FROM ab_metrics AS m
      JOIN definitions AS d ON d.event_type = m.event_type
      JOIN ab_assignments AS a ON a.id = m.assignment_id AND a.user_id = m.user_id
     WHERE m.experiment_id = $1
       AND (d.lasts IS NULL OR m.event_timestamp <= a.assigned_at + d.lasts)
     GROUP BY m.user_id, d.id
), kept AS (
    SELECT user_id, metric_id, total, events FROM ab_user_totals WHERE experiment_id = $1
), totals AS (
    SELECT * FROM reported WHERE NOT (SELECT is_pruned FROM meant)
    UNION ALL
    SELECT * FROM kept WHERE (SELECT is_pruned FROM meant)
), own AS (
    SELECT variant_id, '00000000-0000-0000-0000-000000000000'::uuid AS metric_id, phase,
           CASE WHEN has_converted THEN round(coalesce(conversion_value, 0)::numeric, 12) END AS x,
           CASE WHEN has_converted THEN 1 END AS d, 0 AS capped
      FROM ab_assignments WHERE experiment_id = $1
), uncapped AS (
    SELECT a.variant_id, t.metric_id, a.phase, t.events AS d, f.aggregation, f.low, f.high,
           CASE f.aggregation WHEN 'binary' THEN 1 WHEN 'count' THEN t.events ELSE t.total END AS x
      FROM totals AS t
      JOIN definitions AS f ON f.id = t.metric_id
      JOIN ab_assignments AS a ON a.experiment_id = $1 AND a.user_id = t.user_id
), measured AS (
    SELECT variant_id, metric_id, phase, d, x AS raw,
           CASE aggregation WHEN 'binary' THEN x ELSE least(greatest(x, low), high) END AS x
      FROM uncapped
), counted AS (
    SELECT variant_id, metric_id, phase, x, d, capped FROM own
    UNION ALL
    SELECT variant_id, metric_id, phase, x, d, (x <> raw)::int FROM measured
), expected AS (
    SELECT variant_id, metric_id, phase, count(*) AS users, coalesce(sum(x), 0) AS total,
           coalesce(sum(x * x), 0) AS squares, coalesce(sum(d), 0) AS events,
           coalesce(sum(d * d), 0) AS event_squares, coalesce(sum(x * d), 0) AS cross_products,
           sum(capped) AS capped
      FROM counted GROUP BY 1, 2, 3
), held AS (
    SELECT variant_id, metric_id, phase, sum(users) AS users, sum(total) AS total,
           sum(squares) AS squares, sum(events) AS events, sum(event_squares) AS event_squares,
           sum(cross_products) AS cross_products, sum(capped) AS capped
      FROM ab_running_sums WHERE experiment_id = $1 GROUP BY 1, 2, 3
), sums AS (
    SELECT format('variant %s, metric %s, phase %s', variant_id, metric_id, phase) AS place,
           concat_ws(' ', h.users, h.total, h.squares, h.events, h.event_squares,
                     h.cross_products, h.capped) AS held,
           concat_ws(' ', e.users, e.total, e.squares, e.events, e.event_squares,
                     e.cross_products, e.capped) AS expected
      FROM expected AS e FULL JOIN held AS h USING (variant_id, metric_id, phase)
     WHERE (h.users, h.total, h.squares, h.events, h.event_squares, h.cross_products, h.capped)
           IS DISTINCT FROM
           (e.users, e.total, e.squares, e.events, e.event_squares, e.cross_products, e.capped)
), users AS (
    SELECT format('user %s, metric %s', user_id, metric_id) AS place,
           concat_ws(' ', k.total, k.events) AS held,
           concat_ws(' ', t.total, t.events) AS expected
      FROM totals AS t FULL JOIN kept AS k USING (user_id, metric_id)
     WHERE (k.total, k.events) IS DISTINCT FROM (t.total, t.events)
)
SELECT place, held, expected FROM sums UNION ALL SELECT place, held, expected FROM users
 ORDER BY place LIMIT 100
"""
_ALL = "SELECT id, experiment_name FROM ab_experiments ORDER BY created_at, id"


async def differences(database: Database, experiment: UUID) -> Sequence[str]:
    """A sentence for each sum that is not what the rows make, at most a hundred."""
    async with database.at_leisure() as connection:
        return await _differences(connection, experiment)


async def recounted(database: Database) -> AsyncIterator[tuple[Recount, int]]:
    """Experiment by experiment, and how many there are."""
    async with database.at_leisure() as connection:
        every = await connection.fetch(_ALL)
        for experiment, name in every:
            found = await _differences(connection, experiment)
            yield Recount(experiment=name, differences=found), len(every)


async def _differences(connection: asyncpg.Connection, experiment: UUID) -> Sequence[str]:
    found = await connection.fetch(_RECOUNT, experiment)
    return [
        f"{place}: {held or 'nothing'} is kept, {expected or 'nothing'} is what the rows make"
        for place, held, expected in found
    ]
