"""All that a database holds, to be held against what it held before."""

import asyncpg

_ALL_ROWS = "SELECT each::text FROM {} AS each ORDER BY 1"
_ALL_TABLES = """
SELECT tablename FROM pg_tables
 WHERE schemaname = 'public' AND tablename <> 'ab_api_keys'  -- its use is noted in passing
 ORDER BY 1
"""


async def everything(url: str, *, besides: str | None = None) -> dict[str, list[str]]:
    """All rows of all tables but one."""
    connection = await asyncpg.connect(url)
    try:
        tables = [name for (name,) in await connection.fetch(_ALL_TABLES)]
        return {
            table: [row for (row,) in await connection.fetch(_ALL_ROWS.format(table))]
            for table in tables
            if table != besides
        }
    finally:
        await connection.close()
