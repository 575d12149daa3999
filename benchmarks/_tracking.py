"""The ways to write assignments that are compared, and one that writes nothing."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import asyncpg

from benchmarks._inserts import Unnest, pgbench, writers
from benchmarks._load import TOKEN, WIDTH, Load, Measured, measured
from benchmarks._server import EXPERIMENT, KEY, Served

CONNECTIONS = (16, 64, 256)
CLIENTS = (16, 64)  # of pgbench: PostgreSQL admits fewer connections than the server
MANY = 64
BATCH = 500
IN_FLIGHT = 4

_KNOWN = tuple(f"known-{n:0{WIDTH - 6}}" for n in range(MANY))
_ASSIGN = "mutation($input: AssignInput!){assign(input:$input){reason variant{name}}}"
_ASSIGN_BATCH = """mutation($input: [AssignInput!]!)
    {assignBatch(input:$input){results{reason variant{name}}}}"""


@dataclass(frozen=True, slots=True)
class Way:
    """`run` takes the seconds; `rows` are what each request adds to the table; what is not served
    goes round the server."""

    title: str
    run: Callable[[float], Awaitable[Measured]]
    rows: int = 0
    is_served: bool = True


_aside = partial(Way, is_served=False)


async def warmed_up(server: Served, connection: "asyncpg.Connection[Any]") -> int:
    """With users that are known and rows to be copied; answers how many transactions the server
    has writing at once."""
    await measured(_single(server.url, MANY, 0.5, users=_KNOWN))
    at_once, _ = await asyncio.gather(
        writers(connection, 1.0), measured(_batch(server.url, IN_FLIGHT, 1.0))
    )
    return at_once


def ways(server: Served, at_once: int) -> Mapping[str, Way]:
    """In the table's order."""
    singles = {
        f"single {n}": Way(f"assign, {n} connections", _new(server.url, n), 1) for n in CONNECTIONS
    }
    noops = {
        f"noop {n}": Way(f"the same and nothing to do, {n}", _forced(server.url, n))
        for n in CONNECTIONS
    }
    clients = {
        f"pgbench {n}": Way(
            f"pgbench, single rows, {n} clients", partial(pgbench, server, n), 1, is_served=False
        )
        for n in CLIENTS
    }
    unnest = Unnest(server, BATCH, at_once)
    return {
        **singles,
        **noops,
        "repeated": Way(f"assign of known users, {MANY}", _repeated(server.url)),
        "batch": Way(f"rows by assignBatch of {BATCH}, {IN_FLIGHT}", _batches(server.url), BATCH),
        "unnest": Way(
            f"rows by asyncpg, unnest of {BATCH}, {at_once}", unnest.run, BATCH, is_served=False
        ),
        **clients,
    }


async def ceiling(url: str, seconds: float) -> Measured:
    """Of a server that answers whatever it is asked."""
    return await measured(_single(url, MANY, seconds))


def _new(url: str, connections: int) -> Callable[[float], Awaitable[Measured]]:
    return lambda seconds: measured(_single(url, connections, seconds, word="NEW"))


def _forced(url: str, connections: int) -> Callable[[float], Awaitable[Measured]]:
    return lambda seconds: measured(
        _single(url, connections, seconds, word="FORCED", force_variant="control")
    )


def _repeated(url: str) -> Callable[[float], Awaitable[Measured]]:
    return lambda seconds: measured(_single(url, MANY, seconds, word="STICKY", users=_KNOWN))


def _batches(url: str) -> Callable[[float], Awaitable[Measured]]:
    return lambda seconds: measured(_batch(url, IN_FLIGHT, seconds))


def _single(
    url: str,
    connections: int,
    seconds: float,
    *,
    word: str = "",
    users: tuple[str, ...] = (),
    force_variant: str | None = None,
) -> Load:
    return Load(
        url=url,
        connections=connections,
        seconds=seconds,
        body=_body(_ASSIGN, _who(TOKEN) | {"forceVariant": force_variant}),
        key=KEY,
        users=users,
        word=word,
        times=1 if word else 0,
    )


def _batch(url: str, connections: int, seconds: float) -> Load:
    return Load(
        url=url,
        connections=connections,
        seconds=seconds,
        body=_body(_ASSIGN_BATCH, [_who(f"{TOKEN}-{n:03}") for n in range(BATCH)]),
        key=KEY,
        word="NEW",
        times=BATCH,
    )


def _who(user: str) -> dict[str, str | None]:
    return {"experiment": EXPERIMENT, "userId": user}


def _body(document: str, value: object) -> str:
    return json.dumps({"query": document, "variables": {"input": value}})
