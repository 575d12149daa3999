"""Experiments that run and have had their users and events, written by SQL: a server would take
too long. Sums are added up from the rows by the database; `abgraph verify` finds them right."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from benchmarks._server import KEY, Served

EVENTS_PER_USER = 5
METRICS: Sequence[Mapping[str, object]] = (
    {"name": "conversion", "eventType": "conversion", "aggregation": "BINARY", "role": "PRIMARY"},
    {"name": "revenue", "eventType": "purchase", "aggregation": "SUM"},
    {
        "name": "loading time",
        "eventType": "page",
        "aggregation": "MEAN",
        "role": "GUARDRAIL",
        "direction": "DECREASE",
        "nonInferiorityMargin": 0.05,
    },
)
_TABLES = ("ab_assignments", "ab_metrics", "ab_user_totals", "ab_running_sums")

_CREATE = """mutation($input: ExperimentCreateInput!) {
    experimentCreate(input: $input) { errors { message } } }"""
_START, _PAUSE, _RESUME = (
    f"""mutation($input: ExperimentTransitionInput!) {{
        experiment{move}(input: $input) {{ errors {{ message }} }} }}"""
    for move in ("Start", "Pause", "Resume")
)

# Users take turns at the variants, and every later variant does a little better.
_ASSIGNMENTS = """
INSERT INTO ab_assignments (id, experiment_id, variant_id, user_id, phase, assigned_at,
       bucket_value, propensity, has_converted, converted_at, conversion_value, context, metadata)
SELECT uuidv7(), e.id, v.ids[1 + n % v.arms], 'user-' || n, e.phase, moment, random(),
       1.0 / v.arms, converts, CASE WHEN converts THEN moment END, CASE WHEN converts THEN 1 END,
       '{}', '{}'
  FROM ab_experiments AS e
 CROSS JOIN LATERAL (SELECT array_agg(id ORDER BY position) AS ids, count(*)::int AS arms
                       FROM ab_variants WHERE experiment_id = e.id) AS v
 CROSS JOIN generate_series(1, $2::int) AS n
 CROSS JOIN LATERAL (SELECT now() - n * interval '1 ms' AS moment,
                            random() < 0.4 + 0.01 * (n % v.arms) / v.arms AS converts) AS drawn
 WHERE e.experiment_name = $1
"""
_EVENTS = """
INSERT INTO ab_metrics (id, experiment_id, variant_id, assignment_id, user_id, event_id, event_type,
       event_value, event_data, event_timestamp, session_context, created_at)
SELECT uuidv7(), experiment_id, variant_id, id, user_id,
       CASE kind WHEN 'conversion' THEN E'\\tconversion' END, kind,
       CASE kind WHEN 'conversion' THEN 1 WHEN 'purchase' THEN round(100 * chance) / 4
                 ELSE round(3000 * chance) END,
       '{}', assigned_at, '{}', assigned_at
  FROM (SELECT a.*, random() AS chance,
               CASE WHEN turn = 1 AND has_converted THEN 'conversion'
                    WHEN turn = 2 AND random() < 0.4 THEN 'purchase' ELSE 'page' END AS kind
          FROM ab_assignments AS a CROSS JOIN generate_series(1, $2::int) AS turn
         WHERE experiment_id = $1 OFFSET 0) AS happened
"""
_TOTALS = """
INSERT INTO ab_user_totals (experiment_id, user_id, metric_id, total, events)
SELECT d.experiment_id, m.user_id, d.id, sum(m.event_value::numeric), count(*)
  FROM ab_metric_definitions AS d JOIN ab_metrics AS m USING (experiment_id, event_type)
 WHERE d.experiment_id = $1 GROUP BY d.experiment_id, m.user_id, d.id
"""
_SUMS = """
INSERT INTO ab_running_sums (experiment_id, variant_id, metric_id, phase, stripe, users, total,
       squares, events, event_squares, cross_products, capped, changes)
SELECT $1, variant_id, metric_id, phase, crc32(convert_to(user_id, 'UTF8')) % 8, count(*), sum(x),
       sum(x * x), sum(d), sum(d * d), sum(x * d), 0, count(*)
  FROM (SELECT variant_id, '00000000-0000-0000-0000-000000000000'::uuid AS metric_id, phase,
               user_id, coalesce(conversion_value, 0)::numeric AS x, has_converted::int AS d
          FROM ab_assignments WHERE experiment_id = $1
         UNION ALL
        SELECT a.variant_id, t.metric_id, a.phase, t.user_id,
               CASE f.aggregation WHEN 'binary' THEN 1 ELSE t.total END, t.events
          FROM ab_user_totals AS t
          JOIN ab_assignments AS a USING (experiment_id, user_id)
          JOIN ab_metric_definitions AS f ON f.id = t.metric_id
         WHERE t.experiment_id = $1) AS users
 GROUP BY variant_id, metric_id, phase, 5
"""
_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
 WHERE schemaname = 'public' AND tablename = ANY($1)
   AND indexname NOT IN (SELECT conname FROM pg_constraint)
"""
_REFERENCES = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
 WHERE contype = 'f' AND conrelid::regclass::text = ANY($1)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    id: UUID
    name: str
    arms: int
    events: int

    @property
    def users(self) -> int:
        return self.events // EVENTS_PER_USER


async def filled(server: Served, shapes: Sequence[tuple[int, int]]) -> list[Filled]:
    """For each number of variants and of events, in the order given."""
    headers = {"Authorization": f"Bearer {KEY}"}
    connection = await server.connect()
    try:
        await connection.execute("SELECT setseed(0.2026)")
        async with httpx.AsyncClient(headers=headers, base_url=server.url, timeout=60) as http:
            async with bare(connection):
                found = [await _filled(http, connection, arms, events) for arms, events in shapes]
            await connection.execute(f"VACUUM (ANALYZE) {', '.join(_TABLES)}")
            # As in life, the last snapshot holds the planned look: a transition takes both.
            for each in found:
                for move in (_PAUSE, _RESUME):
                    await _send(http, move, {"experiment": {"name": each.name}})
    finally:
        await connection.close()
    return found


@asynccontextmanager
async def bare(connection: "asyncpg.Connection[Any]") -> AsyncIterator[None]:
    """Without what is checked and sorted row by row; it is all there again afterwards."""
    indexes = await connection.fetch(_INDEXES, _TABLES)
    references = await connection.fetch(_REFERENCES, _TABLES)
    for name, _ in indexes:
        await connection.execute(f"DROP INDEX {name}")
    for table, name, _ in references:
        await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    yield
    for _, definition in indexes:
        await connection.execute(definition)
    for table, name, definition in references:
        await connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")


async def _filled(
    http: httpx.AsyncClient, connection: "asyncpg.Connection[Any]", arms: int, events: int
) -> Filled:
    name, users = f"{arms} variants, {events} events", events // EVENTS_PER_USER
    variants = [{"name": f"variant {n}", "isControl": n == 0} for n in range(arms)]
    planned = max(1, users // arms * 2 // 3)  # so that the planned sample is there, not the longest
    created = {"name": name, "variants": variants, "minimumSampleSize": planned}
    await _send(http, _CREATE, created | {"metrics": METRICS})
    await _send(http, _START, {"experiment": {"name": name}})
    await connection.execute(_ASSIGNMENTS, name, users)
    key = await connection.fetchval(
        "SELECT id FROM ab_experiments WHERE experiment_name = $1", name
    )
    await connection.execute("ANALYZE ab_assignments")
    await connection.execute(_EVENTS, key, EVENTS_PER_USER)
    await connection.execute("ANALYZE ab_metrics")
    await connection.execute(_TOTALS, key)
    await connection.execute("ANALYZE ab_user_totals")
    await connection.execute(_SUMS, key)
    return Filled(id=key, name=name, arms=arms, events=events)


async def _send(http: httpx.AsyncClient, document: str, given: Mapping[str, object]) -> None:
    asked = {"query": document, "variables": {"input": given}}
    answer = (await http.post("/graphql", json=asked)).json()
    faults = answer.get("errors") or next(iter(answer["data"].values()))["errors"]
    if faults:
        raise SystemExit(f"the experiment could not be made: {faults}")
