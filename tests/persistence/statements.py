"""Every statement that reaches the server, whether made by Core or given to the driver."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from asyncpg.connection import LoggedQuery
from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection

from persistence.engine import Database

FRAME = ("BEGIN", "COMMIT", "ROLLBACK")
TYPES = ("typeinfo_tree", "set_config('jit'")  # what the driver asks of its own accord


@asynccontextmanager
async def counted(database: Database, *, framed: bool = False) -> AsyncIterator[list[str]]:
    """`framed` counts what begins and ends transactions too."""
    seen: list[str] = []
    heard: set[asyncpg.Connection] = set()
    engine = database.engine.sync_engine

    def note(statement: str) -> None:
        is_frame = statement.startswith(FRAME)
        if (framed or not is_frame) and not any(text in statement for text in TYPES):
            seen.append(statement)

    def driver_ran(query: LoggedQuery) -> None:
        note(query.query)

    def core_runs(_: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        note(statement)

    def hear(connection: DBAPIConnection, *_: object) -> None:
        heard.add(connection.driver_connection)
        connection.driver_connection.add_query_logger(driver_ran)

    event.listen(engine, "checkout", hear)
    event.listen(engine, "before_cursor_execute", core_runs)
    try:
        yield seen
        await asyncio.sleep(0)  # the driver tells what it did at its next turn
    finally:
        event.remove(engine, "checkout", hear)
        event.remove(engine, "before_cursor_execute", core_runs)
        for driver in heard:
            driver.remove_query_logger(driver_ran)
