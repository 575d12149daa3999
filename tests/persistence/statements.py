"""Every statement that reaches the server, whether made by Core or given to the driver."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from asyncpg.connection import LoggedQuery
from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection

from persistence.engine import Database

FRAME = ("BEGIN", "COMMIT", "ROLLBACK")
TYPES = ("typeinfo_tree", "set_config('jit'")  # what the driver asks of its own accord


class Statement(str):
    """Its text; and what was bound to it."""

    __slots__ = ("arguments",)
    arguments: Sequence[object]


@asynccontextmanager
async def counted(
    database: Database, *, framed: bool = False, besides: str | None = None
) -> AsyncIterator[list[Statement]]:
    """`framed` counts what begins and ends transactions too; what names the table `besides` does
    not count."""
    ignored = TYPES if besides is None else (*TYPES, besides)
    seen: list[Statement] = []
    heard: set[asyncpg.Connection] = set()

    def note(text: str, arguments: Sequence[object]) -> None:
        if (framed or not text.startswith(FRAME)) and not any(part in text for part in ignored):
            seen.append(Statement(text))
            seen[-1].arguments = arguments

    def driver_ran(query: LoggedQuery) -> None:
        note(query.query, query.args)

    def core_runs(_: Connection, _cursor: object, text: str, bound: Any, *_rest: object) -> None:
        note(text, bound)

    def hear(connection: DBAPIConnection, *_: object) -> None:
        heard.add(connection.driver_connection)
        connection.driver_connection.add_query_logger(driver_ran)

    event.listen(database.engine.sync_engine, "checkout", hear)
    event.listen(database.engine.sync_engine, "before_cursor_execute", core_runs)
    try:
        yield seen
        await asyncio.sleep(0)  # the driver tells what it did at its next turn
    finally:
        event.remove(database.engine.sync_engine, "checkout", hear)
        event.remove(database.engine.sync_engine, "before_cursor_execute", core_runs)
        for driver in heard:
            driver.remove_query_logger(driver_ran)
