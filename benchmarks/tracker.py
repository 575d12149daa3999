"""Durable, acknowledged assigns per second: one by one and in batches, beside the same server doing
nothing and beside the same rows written without it, in turns and on one database.
"""

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import uvloop
from click import echo

from benchmarks._inserts import count
from benchmarks._load import Measured
from benchmarks._machine import in_words, machine
from benchmarks._server import Served, served
from benchmarks._tracking import BATCH, CONNECTIONS, Way, ceiling, warmed_up, ways
from benchmarks._trivial import trivial_server

BAR_OF_UNNEST = 0.6
BAR_OF_NOOP = 0.6
BAR_P99 = 20.0

Figures = Mapping[str, Sequence[Measured]]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks tracker", description=__doc__)
    parser.add_argument("--json", action="store_true", help="a JSON object as the last line")
    parser.add_argument("--quick", action="store_true", help="one round of a second each")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.5, help="of each way in a round")
    chosen = parser.parse_args(arguments)
    if chosen.quick:
        chosen.rounds, chosen.seconds = 1, 1.0
    report = uvloop.run(_reported(chosen.rounds, chosen.seconds))
    echo(f"medians of {chosen.rounds} rounds of {chosen.seconds:g} s for each")
    if chosen.json:
        echo(json.dumps(report))


async def _reported(rounds: int, seconds: float) -> Mapping[str, object]:
    load_before = round(os.getloadavg()[0], 2)
    async with trivial_server() as url:
        generator = await ceiling(url, seconds)
    async with served() as server:
        connection = await server.connect()
        known = await machine(connection) | {"load_before": load_before}
        compared = ways(server, await warmed_up(server, connection))
        before = await count(connection)
        figures = await _rounds(server, compared, rounds, seconds)
        rows = await count(connection) - before
        await connection.close()
    refused = _require_durable(compared, figures, rows)
    report = _report(figures)
    _print_table(compared, figures)
    _print_ratios(report)
    echo("work: what the server process itself computes for each, whoever else is busy")
    echo(f"the load generator alone: {generator.rps:,.0f} requests/s of a server that does nothing")
    echo(f"all rows that were acknowledged are there: {rows:,}; requests refused: {refused}")
    echo(in_words(known))
    return {**report, "refused": refused, "generator_rps": generator.rps, "machine": known}


async def _rounds(
    server: Served, compared: Mapping[str, Way], rounds: int, seconds: float
) -> Figures:
    figures: dict[str, list[Measured]] = {name: [] for name in compared}
    order = list(compared)
    for _ in range(rounds):
        for name in order:
            before = server.processor_time()
            found = await compared[name].run(seconds)
            work = server.processor_time() - before
            if compared[name].is_served and found.answered:
                found = replace(found, work=round(1000 * work / found.answered, 4))
            figures[name].append(found)
        order.append(order.pop(0))  # nobody always runs after the same one
    return figures


def _require_durable(compared: Mapping[str, Way], figures: Figures, rows: int) -> int:
    """Answers how many were refused: they may have been written, and told so too late."""
    found = [(way.rows, each) for name, way in compared.items() for each in figures[name]]
    told = sum(size * each.answered for size, each in found)
    perhaps = sum(size * each.refused for size, each in found)
    if not told <= rows <= told + perhaps:
        raise SystemExit(f"{told} rows were acknowledged, and {rows} are there")
    return sum(each.refused for _, each in found)


def _report(figures: Figures) -> dict[str, Any]:
    rates = {name: [each.rps for each in found] for name, found in figures.items()}
    return {
        "single": {str(n): _medians(figures[f"single {n}"]) for n in CONNECTIONS},
        "noop": {str(n): _medians(figures[f"noop {n}"]) for n in CONNECTIONS},
        "repeated": _medians(figures["repeated"]),
        "ratio_to_noop": {
            str(n): _ratio(rates[f"single {n}"], rates[f"noop {n}"]) for n in CONNECTIONS
        },
        "batch_rows_per_second": round(BATCH * median(rates["batch"])),
        "batch_p99": _medians(figures["batch"])["p99"],
        "unnest_rows_per_second": round(BATCH * median(rates["unnest"])),
        "ratio_to_unnest": _ratio(rates["batch"], rates["unnest"]),
        "pgbench_rows_per_second": median(rates["pgbench 64"]),
        "pgbench_rows_per_second_of_16": median(rates["pgbench 16"]),
        "ratio_to_pgbench": _ratio(rates["single 64"], rates["pgbench 64"]),
    }


def _medians(found: Sequence[Measured]) -> dict[str, float | None]:
    return {
        "rps": median(each.rps for each in found),
        "p50": _median([each.p50 for each in found]),
        "p99": _median([each.p99 for each in found]),
        "work": _median([each.work for each in found]),
    }


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(median(known), 3) if known else None


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """Of what ran in the same round, those aside that were too short for any answer."""
    compared = [mine / other for mine, other in zip(ours, theirs, strict=True) if other]
    return round(median(compared), 3) if compared else None


def _print_table(compared: Mapping[str, Way], figures: Figures) -> None:
    echo(f"{'':44}{'per second':>12}{'p50, ms':>10}{'p99, ms':>10}{'work, µs':>10}{'refused':>10}")
    for name, way in compared.items():
        found = _medians(figures[name])
        rate = (found["rps"] or 0.0) * max(way.rows, 1)
        work = None if found["work"] is None else 1000 * found["work"] / max(way.rows, 1)
        refused = sum(each.refused for each in figures[name])
        echo(
            f"{way.title:44}{rate:12,.0f}"
            f"{_said(found['p50']):>10}{_said(found['p99']):>10}{_said(work, 0):>10}"
            f"{refused or '':>10}"
        )


def _said(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _print_ratios(report: Mapping[str, Any]) -> None:
    for n, ratio in report["ratio_to_noop"].items():
        bar = f" (bar: {BAR_OF_NOOP:g}x)" if n == "64" else ""
        echo(f"assign to nothing to do, {n} connections: {_said(ratio)}x{bar}")
    echo(f"assign to pgbench's single rows, 64: {_said(report['ratio_to_pgbench'])}x")
    echo(f"batches to plain unnest: {_said(report['ratio_to_unnest'])}x (bar: {BAR_OF_UNNEST:g}x)")
    echo(f"p99 at 16 connections: {_said(report['single']['16']['p99'])} ms (bar: {BAR_P99:g} ms)")
