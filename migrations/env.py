"""Where alembic meets the database: on the connection that `config.attributes` hands in, as
`persistence/revisions.py` does, or, for the plain `alembic` command, on one of its own.
"""

import asyncio
import logging
import os

import asyncpg
from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from persistence import element_tables, funnel_tables, tables  # noqa: F401  # which declare themselves to it
from persistence.columns import metadata

# A migration waits for its turn behind another one, but not for long behind those who use a
# table: whatever comes after it queues up behind it. Autovacuum gives way after one second.
PREPARATIONS = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL lock_timeout = 0",
    "SELECT pg_advisory_xact_lock(hashtext('alembic_version'))",
    "SET LOCAL lock_timeout = '3s'",
)


def run_on(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        on_version_apply=context.config.attributes.get("on_version_apply"),
    )
    run()


def run() -> None:
    with context.begin_transaction():
        for preparation in PREPARATIONS:
            context.execute(preparation)
        context.run_migrations()


async def run_by_url() -> None:
    logging.basicConfig(format="%(message)s")
    logging.getLogger("alembic.runtime.migration").setLevel(logging.INFO)
    url = named_url().replace("+asyncpg", "", 1)  # the driver's own form knows sslmode and such
    engine = create_async_engine(
        "postgresql+asyncpg://",
        poolclass=NullPool,
        connect_args={
            "async_creator_fn": lambda **_: asyncpg.connect(url, statement_cache_size=0),
            "prepared_statement_cache_size": 0,  # no names: pgbouncer would mix them up
        },
    )
    async with engine.connect() as connection:
        await connection.run_sync(run_on)


def named_url() -> str:
    named = context.get_x_argument(as_dictionary=True).get("url")
    url = named or os.environ.get("DATABASE_URL")  # noqa: TID251  # the command of a library
    if not isinstance(url, str) or not url:
        raise CommandError("name the database: DATABASE_URL=… alembic, or alembic -x url=…")
    return url


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", literal_binds=True)
    run()
elif (given := context.config.attributes.get("connection")) is not None:
    run_on(given)
else:
    asyncio.run(run_by_url())
