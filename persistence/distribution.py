"""Spreads the tables over the machines of a Citus cluster, where the database is one. Untried: to
Citus' documentation of create_reference_table, create_distributed_table and citus_tables."""

from collections.abc import Sequence

import asyncpg

from persistence.columns import metadata
from persistence.engine import Database

PER_USER = ("ab_assignments", "ab_metrics", "ab_user_totals")
STRIPED = ("ab_running_sums",)

_IS_CITUS = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')"
_SPREAD = "SELECT table_name::text FROM citus_tables"
_REFER = "SELECT create_reference_table($1::text::regclass)"
_DISTRIBUTE = "SELECT create_distributed_table($1::text::regclass, $2)"


async def distribute(url: str) -> Sequence[str]:
    """What was done, a line for each table; nothing on a PostgreSQL of its own."""
    database = Database(url)
    try:
        async with database.at_leisure() as connection:
            if not await connection.fetchval(_IS_CITUS):
                return ()
            spread = {row[0] for row in await connection.fetch(_SPREAD)}
            left = [each.name for each in metadata.sorted_tables if each.name not in spread]
            return [await _spread(connection, table) for table in left]  # the referred ones first
    finally:
        await database.dispose()


async def _spread(connection: asyncpg.Connection, table: str) -> str:
    key = "user_id" if table in PER_USER else "stripe" if table in STRIPED else None
    if key is None:
        await connection.execute(_REFER, table)
        return f"{table} is on every machine"
    await connection.execute(_DISTRIBUTE, table, key)
    return f"{table} is spread by {key}"
