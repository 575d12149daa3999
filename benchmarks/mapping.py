"""What entities cost over the driver's rows: 2,000 assignments, read each way in turns.

All ways use one connection, hence one process of the server, and the collector is set as a
server's is; `--stock-gc` leaves it alone.
"""

import argparse
import gc
import json
import tempfile
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager
from dataclasses import fields
from operator import truediv
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import uvloop
from click import echo
from sqlalchemy import bindparam, insert, select

from domain.assignments import Assignment
from persistence.columns import metadata
from persistence.embedded import EmbeddedPostgres
from persistence.engine import Database
from persistence.models import ASSIGNMENTS, EXPERIMENTS, PROJECTS, VARIANTS
from persistence.people_tables import projects
from persistence.tables import experiments, variants
from tests.factories import make_assignment, make_experiment, make_project, make_variant
from tests.putting import put_assignments

ROWS = 2000
BAR = 1.5
STATEMENT = select(*ASSIGNMENTS.columns).limit(bindparam("limit"))
DRIVER = "the driver's rows, handed out"
ENTITIES = "Database.rows and Model.read"
CONSTRUCTED = "Database.rows and the constructor"
CORE = "the rows of Core's execute"

Way = Callable[[], Awaitable[Sequence[object]]]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks mapping", description=__doc__)
    parser.add_argument("--json", action="store_true", help="a JSON object as the last line")
    parser.add_argument("--stock-gc", action="store_true", help="the collector as Python sets it")
    parser.add_argument("--rounds", type=int, default=300)
    chosen = parser.parse_args(arguments)
    times = uvloop.run(_measured(chosen.rounds, tuned=not chosen.stock_gc))
    medians = {name: round(1000 * median(each), 3) for name, each in times.items()}
    ratios = {name: median(map(truediv, each, times[DRIVER])) for name, each in times.items()}
    for name, milliseconds in medians.items():
        echo(f"{name:36}{milliseconds:7.3f} ms {ratios[name]:6.2f}x")
    echo(f"{ROWS} assignments, medians of {chosen.rounds} rounds; entities may take {BAR}x")
    if chosen.json:
        figures = {"ratio_to_driver_rows": round(ratios[ENTITIES], 3), "milliseconds": medians}
        echo(json.dumps(figures))


async def _measured(rounds: int, *, tuned: bool) -> Mapping[str, Sequence[float]]:
    async with _database() as database:
        ways = await _ways(database)
        order = list(ways)
        if tuned:
            gc.collect()
            gc.freeze()
            gc.set_threshold(20_000, 50, 50)
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name in order:
                times[name].append(await _timed(ways[name]))
            order.append(order.pop(0))  # nobody always runs after the same one
        return times


async def _timed(way: Way) -> float:
    start = time.perf_counter()
    rows = await way()
    taken = time.perf_counter() - start
    if len(rows) != ROWS:
        raise SystemExit(f"{len(rows)} rows were read, not {ROWS}")
    return taken


async def _ways(database: Database) -> Mapping[str, Way]:
    text = str(STATEMENT.compile(dialect=database.engine.dialect))
    limit = {"limit": ROWS}
    pooled = await database.engine.raw_connection()
    driver: Any = pooled.driver_connection
    pooled.close()

    async def drivers_rows() -> Sequence[object]:
        rows: Sequence[object] = await driver.fetch(text, ROWS)
        return rows

    async def entities() -> Sequence[object]:
        return ASSIGNMENTS.read(await database.rows(STATEMENT, limit))

    async def constructed() -> Sequence[object]:
        return [_by_constructor(row) for row in await database.rows(STATEMENT, limit)]

    async def cores_rows() -> Sequence[object]:
        async with database.engine.connect() as connection:
            return (await connection.execute(STATEMENT, limit)).all()

    return {DRIVER: drivers_rows, ENTITIES: entities, CONSTRUCTED: constructed, CORE: cores_rows}


_NAMES = [field.name for field in fields(Assignment)]


def _by_constructor(row: Iterable[Any]) -> Assignment:
    values = dict(zip(_NAMES, row, strict=True))
    values["context"] = orjson.loads(values["context"])
    values["metadata"] = orjson.loads(values["metadata"])
    return Assignment(**values)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="abgraph-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root, PostgreSQL runs as somebody else
        yield folder


@asynccontextmanager
async def _database() -> AsyncIterator[Database]:
    with _folder() as folder:
        postgres = EmbeddedPostgres(folder / "data", durable=False)
        database = Database(await postgres.start(), pool_size=1)
        try:
            await _fill(database)
            yield database
        finally:
            await database.dispose()
            await postgres.stop()


async def _fill(database: Database) -> None:
    project = make_project()
    experiment = make_experiment(project_id=project.id)
    variant = make_variant(experiment_id=experiment.id)
    async with database.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(insert(projects).values(PROJECTS.values(project)))
        await connection.execute(insert(experiments).values(EXPERIMENTS.values(experiment)))
        await connection.execute(insert(variants).values(VARIANTS.values(variant)))
    owners = {"experiment_id": experiment.id, "variant_id": variant.id}
    made = [make_assignment(**owners) for _ in range(ROWS)]
    await put_assignments(database, made)
