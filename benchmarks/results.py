"""Full results from running sums, over HTTP and one after the other, beside the plain GROUP BY over
assignments and metrics that yields the same sums: from 10^3 to 10^7 events, in turns and on one
database. Nothing of the results is cached: every request computes them.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import httpx
import uvloop
from click import echo

from benchmarks._filling import Filled, filled
from benchmarks._load import Load, Measured, measured
from benchmarks._machine import in_words, machine
from benchmarks._scan import scan
from benchmarks._server import KEY, Served, served

BARS = {2: 5.0, 10: 15.0}
NAMES = {2: "two_variants", 10: "ten_variants"}
SIZES = (10**3, 10**4, 10**5, 10**6)
FULL, QUICK = 10**7, SIZES[:3]
QUERY = """
query($name: String!) { experiment(by: {name: $name}) { results {
  asOf revision totalAssignments totalConversions conversionRate progress
  sampleRatio { state expected observed pValue anytimePValue }
  metrics {
    metric { name eventType aggregation role direction scale capLow capHigh windowHours
             nonInferiorityMargin }
    variants { variant { ...V } users conversions total mean standardDeviation interval { ...I }
               probabilityBest expectedLoss }
    comparisons { variant { ...V } control { ...V } chanceToBeatControl expectedLoss
                  absolute { ...E } relative { ...E } }
  }
  decision { kind reason variant { ...V } arms { kind reason variant { ...V } } }
} } }
fragment V on Variant { id name label isControl isActive }
fragment I on Interval { lower upper level }
fragment N on Inference { interval { ...I } pValue adjustedPValue significant }
fragment E on Effect { estimate anytime { ...N } fixed { ...N } credible { ...I } notes }
"""

_ROOT = Path(__file__).parents[1]
_SCAN_TIME = 0.3  # seconds of a round, if more than one fits in
_MAY_BE_NULL = ("capLow", "capHigh", "windowHours", "nonInferiorityMargin", "label")
_ALL_GATES_OPEN = 1000  # users of a variant


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks results", description=__doc__)
    parser.add_argument("--json", action="store_true", help="a JSON object as the last line")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--full", action="store_true", help="to 10^7 events, which takes minutes")
    size.add_argument("--quick", action="store_true", help="to 10^5, one round of half a second")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each in a round")
    chosen = parser.parse_args(arguments)
    if chosen.quick:
        chosen.rounds, chosen.seconds = 1, 0.5
    sizes = QUICK if chosen.quick else (*SIZES, FULL) if chosen.full else SIZES
    report = uvloop.run(_reported(sizes, chosen.rounds, chosen.seconds))
    echo(f"medians of {chosen.rounds} rounds of {chosen.seconds:g} s for each")
    if chosen.json:
        echo(json.dumps(report))


async def _reported(sizes: Sequence[int], rounds: int, seconds: float) -> Mapping[str, object]:
    load_before = round(os.getloadavg()[0], 2)
    async with served() as server:
        every = await filled(server, [(arms, events) for events in sizes for arms in NAMES])
        connection = await server.connect()
        known = await machine(connection) | {"load_before": load_before}
        answers = {each.name: await _answer(server, each) for each in every}
        figures = await _rounds(server, connection, every, rounds, seconds)
        await connection.close()
        report = {name: dict(_rows(every, figures, arms)) for arms, name in NAMES.items()}
        _print_table(every, report, answers)
        echo(_verified(server))
    flat = {arms: _flat(report[name]) for arms, name in NAMES.items()}
    for arms, ratio in flat.items():
        slowest = max(row["p50"] for row in report[NAMES[arms]].values())
        echo(
            f"{arms} variants: {slowest:.2f} ms at most (bar: {BARS[arms]:g} ms), "
            f"slowest to fastest size {ratio:.2f}x"
        )
    echo(f"{in_words(known)}; load {os.getloadavg()[0]:.2f} after")
    return {**report, "flat": max(flat.values()), "machine": known}


async def _answer(server: Served, which: Filled) -> bytes:
    """Once, to see that it is whole: with all users and, where there are enough, all numbers."""
    headers = {"Authorization": f"Bearer {KEY}"}
    asked = {"query": QUERY, "variables": {"name": which.name}}
    async with httpx.AsyncClient(headers=headers, timeout=30) as http:
        answer = await http.post(f"{server.url}/graphql", json=asked)
    body = answer.json()
    if body.get("errors"):
        raise SystemExit(f"the results are refused: {body['errors']}")
    results = body["data"]["experiment"]["results"]
    if int(results["totalAssignments"]) != which.users:
        raise SystemExit(f"{which.name} has other results: {results['totalAssignments']} users")
    absent = [place for place in _nulls(results["metrics"]) if place not in _MAY_BE_NULL]
    if absent and which.users >= _ALL_GATES_OPEN * which.arms:
        raise SystemExit(f"{which.name} has no {', '.join(sorted(set(absent)))}")
    return answer.content


def _nulls(value: object) -> Iterator[str]:
    """The names of the fields that are null, at any depth."""
    if isinstance(value, dict):
        yield from (name for name, held in value.items() if held is None)
        value = list(value.values())
    if isinstance(value, list):
        for held in value:
            yield from _nulls(held)


async def _rounds(
    server: Served,
    connection: "asyncpg.Connection[Any]",
    every: Sequence[Filled],
    rounds: int,
    seconds: float,
) -> Mapping[str, list[tuple[Measured, float]]]:
    figures: dict[str, list[tuple[Measured, float]]] = {each.name: [] for each in every}
    order = list(every)
    for each in order:
        await measured(_load(server, each, 0.2))
    for _ in range(rounds):
        for each in order:
            before = server.processor_time()
            found = await measured(_load(server, each, seconds))
            work = server.processor_time() - before
            if found.answered:
                found = replace(found, work=round(1000 * work / found.answered, 3))
            scanned = await scan(connection, each, _SCAN_TIME)
            figures[each.name].append((found, scanned))
        order.append(order.pop(0))  # nobody always runs after the same one
    return figures


def _load(server: Served, which: Filled, seconds: float) -> Load:
    return Load(
        url=server.url,
        connections=1,
        seconds=seconds,
        body=json.dumps({"query": QUERY, "variables": {"name": which.name}}),
        key=KEY,
        word='"anytimePValue"',
        times=1,
    )


def _verified(server: Served) -> str:
    """By the command of the server itself, which counts the rows in its own way."""
    told = subprocess.run(
        [sys.executable, "-m", "graphql_api.cli", "verify"],
        cwd=_ROOT,
        env={
            "PATH": os.defpath,
            "DATABASE_URL": f"postgresql://abgraph@/abgraph?host={server.sockets}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        raise SystemExit(f"abgraph verify:\n{told.stdout[-2000:]}{told.stderr[-2000:]}")
    return f"abgraph verify: {told.stdout.strip().splitlines()[-1]}"


def _rows(
    every: Sequence[Filled], figures: Mapping[str, list[tuple[Measured, float]]], arms: int
) -> Iterator[tuple[str, dict[str, float]]]:
    for each in every:
        if each.arms == arms:
            found = figures[each.name]
            yield (
                str(each.events),
                {
                    "p50": _median([one.p50 for one, _ in found]),
                    "p99": _median([one.p99 for one, _ in found]),
                    "work": _median([one.work for one, _ in found]),
                    "group_by": _median([scanned for _, scanned in found]),
                },
            )


def _median(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    if not known:
        raise SystemExit("too few answers for a median: give it more --seconds")
    return round(median(known), 3)


def _flat(rows: Mapping[str, Mapping[str, float]]) -> float:
    """The slowest size to the fastest."""
    found = [row["p50"] for row in rows.values()]
    return round(max(found) / min(found), 3)


def _print_table(
    every: Sequence[Filled],
    report: Mapping[str, Mapping[str, Mapping[str, float]]],
    answers: Mapping[str, bytes],
) -> None:
    echo(
        f"{'variants x 3 metrics':>20}{'events':>12}{'p50, ms':>10}{'p99, ms':>10}{'work, ms':>10}"
        f"{'GROUP BY, ms':>14}{'ratio':>10}{'answer, KB':>12}"
    )
    for each in sorted(every, key=lambda one: (one.arms, one.events)):
        row = report[NAMES[each.arms]][str(each.events)]
        echo(
            f"{each.arms:20}{each.events:12,}{row['p50']:10.2f}{row['p99']:10.2f}"
            f"{row['work']:10.2f}{row['group_by']:14.1f}{row['group_by'] / row['p50']:9.1f}x"
            f"{len(answers[each.name]) / 1024:12.1f}"
        )
    echo("work: what the server process itself computes for each, PostgreSQL's own aside")
