"""What a push of live statistics costs, how late it is and how long it keeps others waiting: for
1,000 and for 5,000 subscribers to one dashboard, each of them at one push a second, beside
Strawberry's own handler, which executes for each subscriber apart. In turns, on one database.
"""

import argparse
import asyncio
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median, quantiles
from typing import Any

import uvloop
from click import echo

from benchmarks._filling import filled
from benchmarks._machine import in_words, machine
from benchmarks._outside import Assigns, going_on
from benchmarks._peers import Seen, Watch, memory, processor_time, seen
from benchmarks._server import KEY, Served, served
from benchmarks._stock import stock_server

SIZES, QUICK = (1_000, 5_000), (1_000,)
BAR_PER_CORE, BAR_RATIO = 15_000, 15.0
BAR_DELAY, BAR_STALL = 1_300.0, 20.0  # milliseconds; the first at 1,000 subscribers
_SHAPE = 2, 5_000  # variants and events of the experiment that is watched
_IDLE = 0
_CALM, _PATIENCE = 0.15, 120.0  # of a core; seconds

Figures = Mapping[tuple[str, int], Sequence["Round"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    url: str
    process: int
    memory: int  # bytes, before anybody came


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Times in milliseconds, a push's in microseconds: `raw` with all that the server did
    meanwhile, `net` without what it does when nobody subscribes."""

    rate: float
    share: float  # of a core, the server's
    own: float  # of a core, the subscribers'
    raw: float = 0.0
    net: float = 0.0
    delays: Sequence[float] = ()  # p50, p99, the longest
    stalls: Sequence[float] = ()  # p99, the longest
    crowds: Sequence[float] = ()  # the longest stalls while all came, and after all had left
    memory: float = 0.0  # KB for each subscriber
    size: float = 0.0  # bytes of a push


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks fanout", description=__doc__)
    parser.add_argument("--json", action="store_true", help="a JSON object as the last line")
    parser.add_argument("--quick", action="store_true", help="one round of 3 s, 1,000 subscribers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each in a round")
    chosen = parser.parse_args(arguments)
    if chosen.quick:
        chosen.rounds, chosen.seconds = 1, 3.0
    sizes = QUICK if chosen.quick else SIZES
    report = uvloop.run(_reported(sizes, chosen.rounds, chosen.seconds))
    echo(f"medians of {chosen.rounds} rounds of {chosen.seconds:g} s for each; stalls: the longest")
    if chosen.json:
        echo(json.dumps(report))


async def _reported(sizes: Sequence[int], rounds: int, seconds: float) -> Mapping[str, object]:
    load_before = round(os.getloadavg()[0], 2)
    async with served(ABGRAPH_CONNECTIONS_PER_ADDRESS="20000") as server:
        (experiment,) = await filled(server, [_SHAPE])
        connection = await server.connect()
        known = await machine(connection) | {"load_before": load_before}
        await connection.close()
        async with stock_server(server.database) as (url, process):
            both = {
                "ours": _watched(server.url, server.process),
                "stock": _watched(url, process),
            }
            figures = await _rounds(server, both, experiment.name, sizes, rounds, seconds)
    report = {str(n): _report(figures, n) for n in sizes}
    _print_table(figures, (_IDLE, *sizes))
    for n in sizes:
        _print_bars(n, report[str(n)])
    echo(f"{in_words(known)}; load {os.getloadavg()[0]:.2f} after")
    return {**report, "machine": known}


def _watched(url: str, process: int) -> Watched:
    return Watched(url=url, process=process, memory=memory(process))


async def _rounds(
    server: Served,
    both: Mapping[str, Watched],
    name: str,
    sizes: Sequence[int],
    rounds: int,
    seconds: float,
) -> Figures:
    """From the few to the many, for the sake of the memory, which is not given back."""
    figures: dict[tuple[str, int], list[Round]] = {}
    idle = dict.fromkeys(both, 0.0)
    for n in (_IDLE, *sizes):
        for _ in range(rounds):
            for who, watched in both.items():
                found = await _round(server, watched, _watch(watched, name, n, seconds), idle[who])
                figures.setdefault((who, n), []).append(found)
        if n == _IDLE:
            idle = {who: median(each.share for each in figures[who, n]) for who in both}
    return figures


def _watch(watched: Watched, name: str, n: int, seconds: float) -> Watch:
    return Watch(
        url=watched.url,
        key=KEY,
        name=name,
        process=watched.process,
        connections=n,
        seconds=seconds,
    )


async def _round(server: Served, watched: Watched, watch: Watch, idle: float) -> Round:
    async with going_on(server.url, watched.url, watch.name) as (assigns, probe):
        found = await seen(watch)
        await _calm(watched.process)
    stalls = [1000 * took for took in probe.between(found.began, found.ended)]
    coming, going = probe.between(0.0, found.began), probe.between(found.ended, inf)
    share = found.work / found.seconds
    pushes = max(1, found.pushes)
    return Round(
        rate=found.pushes / found.seconds,
        share=share,
        own=found.own / found.seconds,
        raw=1e6 * found.work / pushes,
        net=1e6 * (share - idle) * found.seconds / pushes,
        delays=_delays(found, assigns),
        stalls=(_percentile(stalls, 99), max(stalls)),
        crowds=(1000 * max(coming), 1000 * max(going)),
        memory=(found.memory - watched.memory) / 1024 / max(1, watch.connections),
        size=found.size,
    )


def _delays(found: Seen, assigns: Assigns) -> Sequence[float]:
    """Since the first assign was committed that the frame before did not know of."""
    late = [
        1000 * max(0.0, moment - assigns.committed.get(before + 1, moment))
        for before, moments in found.received.items()
        for moment in moments
    ]
    return (_percentile(late, 50), _percentile(late, 99), max(late)) if len(late) > 1 else ()


async def _calm(process: int) -> None:
    """Until those who have left are forgotten."""
    async with asyncio.timeout(_PATIENCE):
        share = 1.0
        while share > _CALM:
            before = processor_time(process)
            await asyncio.sleep(0.5)
            share = (processor_time(process) - before) / 0.5


def _percentile(values: Sequence[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def _report(figures: Figures, n: int) -> dict[str, float]:
    ours, stock = figures["ours", n], figures["stock", n]
    us, theirs = (median(each.net for each in found) for found in (ours, stock))
    return {
        "ours_us_per_push": round(us, 1),
        "stock_us_per_push": round(theirs, 1),
        "ours_raw_us_per_push": round(median(each.raw for each in ours), 1),
        "stock_raw_us_per_push": round(median(each.raw for each in stock), 1),
        "ratio_to_stock": round(theirs / us, 2),
        "subscribers_per_core": round(1e6 / us),
        "p99_delay_ms": round(median(each.delays[1] for each in ours), 1),
        "longest_stall_ms": round(max(each.stalls[1] for each in ours), 1),
        "longest_stall_while_all_come_ms": round(max(each.crowds[0] for each in ours), 1),
        "longest_stall_while_all_go_ms": round(max(each.crowds[1] for each in ours), 1),
        "kb_per_subscriber": round(ours[0].memory, 1),
    }


def _print_table(figures: Figures, sizes: Sequence[int]) -> None:
    echo(
        f"{'':8}{'subscribers':>12}{'pushes/s':>10}{'of a core':>11}{'µs raw':>9}{'µs net':>9}"
        f"{'per core':>10}{'delay p50':>11}{'p99':>8}{'max, ms':>9}{'stall p99':>11}{'max, ms':>9}"
        f"{'KB each':>9}{'clients':>9}"
    )
    for n in sizes:
        for who in ("ours", "stock"):
            echo(f"{who:8}{n:12,}" + "".join(_cells(figures[who, n], n)))
    size = median(each.size for each in figures["ours", sizes[-1]])
    echo(
        f"a push is {size:,.0f} bytes; raw: all that the server did, net: without what it does idle"
    )


def _cells(found: Sequence[Round], n: int) -> Iterator[str]:
    share = median(each.share for each in found)
    stalls = [median(each.stalls[0] for each in found), max(each.stalls[1] for each in found)]
    if not n:
        yield f"{'':10}{share:10.1%} {'':56}{stalls[0]:10.1f}{stalls[1]:9.1f}"
        return
    net = median(each.net for each in found)
    yield f"{median(each.rate for each in found):10,.0f}{share:11.1%}"
    yield f"{median(each.raw for each in found):9,.1f}{net:9,.1f}{1e6 / net:10,.0f}"
    told = [each.delays for each in found if each.delays]
    for place, width in enumerate((11, 8, 9)):
        yield f"{median(each[place] for each in told):{width},.0f}" if told else " " * width
    yield f"{stalls[0]:11.1f}{stalls[1]:9.1f}{found[0].memory:9.1f}"
    yield f"{median(each.own for each in found):9.1%}"


def _print_bars(n: int, row: Mapping[str, Any]) -> None:
    bar = f" (bar: {BAR_DELAY:g} ms)" if n == SIZES[0] else ""
    echo(
        f"{n:,} subscribers: {row['subscribers_per_core']:,} a core (bar: {BAR_PER_CORE:,}), "
        f"{row['ratio_to_stock']:g}x less than stock (bar: {BAR_RATIO:g}x), "
        f"p99 delay {row['p99_delay_ms']:,.0f} ms{bar}, "
        f"longest stall {row['longest_stall_ms']:g} ms (bar: {BAR_STALL:g} ms), "
        f"{row['longest_stall_while_all_come_ms']:g} ms while all of them come at once and "
        f"{row['longest_stall_while_all_go_ms']:g} ms when they leave"
    )
