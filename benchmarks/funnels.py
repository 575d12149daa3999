"""Reports of funnels over HTTP, one after the other: every user of an experiment followed through a
line of five steps, through branches within a window, and through twenty steps. The events are in
the order of time, not of users, and another experiment has twice as many in the same table.
"""

import argparse
import json
import os
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

import asyncpg
import httpx
import uvloop
from click import echo

from benchmarks._filling import bare
from benchmarks._machine import in_words, machine
from benchmarks._server import EXPERIMENT, KEY, Served, served

BAR = 2.0  # seconds, of a million events
SIZES, QUICK = (10**4, 10**5, 10**6), (10**4, 10**5)
EVENTS_PER_USER = 5
KINDS = ("view", "cart", "checkout", "pay", "conversion")
_DIAMOND = ((0, 1), (0, 2), (1, 3), (2, 3), (3, 4))
FUNNELS: Mapping[str, tuple[int, Sequence[tuple[int, int]], float | None]] = {
    "5 steps in a line": (5, tuple(pairwise(range(5))), None),
    "5 steps, branches, 1 h": (5, _DIAMOND, 1.0),
    "20 steps in a line": (20, tuple(pairwise(range(20))), None),
}
_CREATE = """mutation($input: FunnelCreateInput!) {
    funnelCreate(input: $input) { funnel { id } errors { message } } }"""
_REPORT = """query($id: ID!, $name: String!, $hours: Float) { funnel(id: $id) {
    report(experiment: {name: $name}, windowHours: $hours) { variants { variant { name }
      steps { step { name } users shareOfFirst shareOfPrevious }
      links { link { source { name } target { name } } users share medianSeconds } } } } }"""
_EXPERIMENT = """mutation($input: ExperimentCreateInput!) {
    experimentCreate(input: $input) { errors { message } } }"""
_ASSIGNMENTS = """
INSERT INTO ab_assignments (id, experiment_id, variant_id, user_id, phase, assigned_at,
       bucket_value, propensity, has_converted, context, metadata)
SELECT uuidv7(), e.id, v.id, 'user-' || n, e.phase, now() - n * interval '3 s', random(), 0.5,
       false, '{}', '{}'
  FROM generate_series(1, $2::int) AS n
  JOIN ab_experiments AS e ON e.experiment_name = $1
  JOIN ab_variants AS v ON v.experiment_id = e.id AND v.position = n % 2
"""
# Three quarters of a user's events come in the funnel's order, the others are any so far.
_EVENTS = """
INSERT INTO ab_metrics (id, experiment_id, variant_id, assignment_id, user_id, event_type,
       event_value, event_data, event_timestamp, session_context, created_at)
SELECT uuidv7(), experiment_id, variant_id, id, user_id, kind, 1, '{}', moment, '{}', moment
  FROM (SELECT a.*, ($3::text[])[CASE WHEN random() < 0.75 THEN 1 + turn % 5
                                      ELSE 1 + floor(random() * (1 + turn % 5))::int END] AS kind,
               assigned_at + (turn + random()) * interval '10 min' AS moment
          FROM ab_assignments AS a
          JOIN ab_experiments AS e ON e.id = a.experiment_id AND e.experiment_name = $1
         CROSS JOIN generate_series(0, $2::int - 1) AS turn
         ORDER BY moment) AS happened
"""


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks funnels", description=__doc__)
    parser.add_argument("--json", action="store_true", help="a JSON object as the last line")
    parser.add_argument("--quick", action="store_true", help="to 10^5 events, three rounds")
    parser.add_argument("--rounds", type=int, default=9)
    chosen = parser.parse_args(arguments)
    sizes, rounds = (QUICK, 3) if chosen.quick else (SIZES, chosen.rounds)
    report = uvloop.run(_reported(sizes, rounds))
    if chosen.json:
        echo(json.dumps(report))


async def _reported(sizes: Sequence[int], rounds: int) -> Mapping[str, object]:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with served() as server:
        connection = await server.connect()
        known = await machine(connection)
        async with httpx.AsyncClient(headers=headers, base_url=server.url, timeout=60) as http:
            names = await _filled(http, server, sizes)
            funnels = {name: await _made(http, name) for name in FUNNELS}
            echo(f"{'':24}{'events':>12}{'median, s':>12}{'longest, s':>12}{'paid':>10}")
            rows = [
                await _measured(http, (name, funnels[name]), (events, experiment), rounds)
                for name in FUNNELS
                for events, experiment in names.items()
            ]
        await connection.close()
    slowest = max(row["median"] for row in rows if row["events"] == max(sizes))
    echo(f"medians of {rounds}; {slowest:.2f} s at most with {max(sizes):,} (bar: {BAR:g} s)")
    echo(f"{in_words(known)}; load {os.getloadavg()[0]:.2f} after")
    return {"rows": rows, "slowest": slowest, "machine": known}


async def _filled(
    http: httpx.AsyncClient, server: Served, sizes: Sequence[int]
) -> Mapping[int, str]:
    """The name of the experiment with so many events."""
    names = {events: f"{events} events" for events in sizes}
    variants = [{"name": "control", "isControl": True}, {"name": "treatment"}]
    for name in names.values():
        await _sent(http, _EXPERIMENT, {"input": {"name": name, "variants": variants}})
    connection = await server.connect()
    await connection.execute("SELECT setseed(0.2026)")
    async with bare(connection):
        for events, name in [*names.items(), (2 * max(sizes), EXPERIMENT)]:
            await _fill(connection, name, events // EVENTS_PER_USER)
    await connection.execute("VACUUM (ANALYZE) ab_assignments, ab_metrics")
    await connection.close()
    return names


async def _fill(connection: "asyncpg.Connection[Any]", name: str, users: int) -> None:
    await connection.execute(_ASSIGNMENTS, name, users)
    await connection.execute("ANALYZE ab_assignments")
    await connection.execute(_EVENTS, name, EVENTS_PER_USER, list(KINDS))


async def _made(http: httpx.AsyncClient, name: str) -> str:
    size, links, _ = FUNNELS[name]
    steps = [{"name": f"step {n}", "eventType": KINDS[n % len(KINDS)]} for n in range(size)]
    ends = [{"source": f"step {source}", "target": f"step {end}"} for source, end in links]
    asked = {"input": {"name": name, "steps": steps, "links": ends}}
    made = await _sent(http, _CREATE, asked)
    return str(made["funnelCreate"]["funnel"]["id"])


async def _measured(
    http: httpx.AsyncClient, funnel: tuple[str, str], filled: tuple[int, str], rounds: int
) -> dict[str, Any]:
    (name, key), (events, experiment) = funnel, filled
    asked = {"id": key, "name": experiment, "hours": FUNNELS[name][2]}
    found = await _sent(http, _REPORT, asked)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        await _sent(http, _REPORT, asked)
        times.append(time.perf_counter() - start)
    paid = sum(one["steps"][4]["users"] for one in found["funnel"]["report"]["variants"])
    echo(f"{name:24}{events:12,}{median(times):12.3f}{max(times):12.3f}{paid:10,}")
    row = {"funnel": name, "events": events, "median": round(median(times), 3)}
    return row | {"longest": round(max(times), 3), "paid": paid}


async def _sent(http: httpx.AsyncClient, document: str, given: Mapping[str, object]) -> Any:
    asked = {"query": document, "variables": given}
    answer = (await http.post("/graphql", json=asked)).json()
    faults = answer.get("errors") or [
        fault for part in answer["data"].values() for fault in part.get("errors", ())
    ]
    if faults:
        raise SystemExit(f"refused: {faults}")
    return answer["data"]
