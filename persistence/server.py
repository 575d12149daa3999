"""The running embedded PostgreSQL: made to answer, asked, stopped.

It is never a child of ours and outlives whoever started it. So one that was left over becomes
ours in the same way as one just launched: by its answer on the socket, never by a process id.
"""

import asyncio
import logging
import time
from pathlib import Path

import asyncpg

from persistence.cluster import PORT, ROLE, SUPERUSER, Cluster, data_folder, socket_folder
from persistence.programs import PostgresUnusable

logger = logging.getLogger(__name__)

PATIENCE = 60.0  # seconds without a word
LAUNCHES = 6
PAUSE = 0.02
ANSWER_TIMEOUT = 5.0
NOBODY_THERE = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresConnectionError,
)


async def ensure_running(cluster: Cluster) -> bool:
    """Whether it had to be launched."""
    launches = 0
    deadline = time.monotonic() + PATIENCE
    while launches < LAUNCHES and time.monotonic() < deadline:
        try:
            await _ask(cluster.home, database="postgres")
            return launches > 0
        except asyncpg.CannotConnectNowError as busy:
            deadline = time.monotonic() + PATIENCE
            if "shutting down" in str(busy):  # after a SIGTERM, for as long as any client stays
                await cluster.stop("fast", seconds=3)
        except asyncpg.InvalidAuthorizationSpecificationError:  # another OS user started it
            await cluster.stop("fast", seconds=3)
        except NOBODY_THERE:
            launches += await cluster.launch()
        await asyncio.sleep(PAUSE * 2**launches)
    raise PostgresUnusable(f"PostgreSQL did not start in {cluster.home}: {cluster.last_words()}")


async def is_ready(home: Path) -> bool:
    try:
        await _ask(home, database=ROLE)
    except (*NOBODY_THERE, asyncpg.InvalidCatalogNameError):
        return False
    return True


async def _ask(home: Path, *, database: str) -> None:
    connection = await _connect(home, database)
    try:
        served = await connection.fetchval(
            "SELECT current_setting('data_directory')", timeout=ANSWER_TIMEOUT
        )
    finally:
        connection.terminate()
    if Path(served) != data_folder(home):
        raise PostgresUnusable(
            f"the PostgreSQL that answers in {socket_folder(home)} serves {served} "
            f"and not {data_folder(home)}: stop it first"
        )


async def provide_database(cluster: Cluster) -> None:
    connection = await _connect(cluster.home, "postgres")
    try:
        await connection.execute("SELECT pg_reload_conf()")  # an adopted one runs by an older file
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", ROLE):
            await connection.execute(
                f"CREATE ROLE {ROLE} LOGIN CREATEDB;"
                f"ALTER ROLE {ROLE} SET log_min_messages = 'log'"  # an error may quote a value
            )
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", ROLE):
            await connection.execute(f"CREATE DATABASE {ROLE} OWNER {ROLE}")
    finally:
        await connection.close()


async def heal(cluster: Cluster) -> None:
    if not cluster.socket.exists():  # then nobody gets in, and the server does not notice
        await cluster.stop("fast", seconds=3)
        cluster.configure()
    if await ensure_running(cluster):
        logger.warning("PostgreSQL was gone and has been started again")
    cluster.bound_log()


async def halt(cluster: Cluster) -> None:
    """In less than five seconds; what is committed survives an immediate stop, too."""
    if await _listens(cluster):
        for mode, seconds in (("fast", 3), ("immediate", 1)):
            if await cluster.stop(mode, seconds=seconds) or not cluster.listens():
                break
        else:
            logger.error("PostgreSQL in %s could not be stopped", cluster.home)
            return
    cluster.remove_socket_folder()


async def _listens(cluster: Cluster) -> bool:
    for _ in range(20):
        if cluster.listens():
            return True
        if not cluster.lives():
            return False
        await asyncio.sleep(PAUSE)  # launched a moment ago
    return False


async def _connect(home: Path, database: str) -> "asyncpg.Connection[asyncpg.Record]":
    return await asyncpg.connect(
        host=str(socket_folder(home)),
        port=PORT,
        user=SUPERUSER,
        password="",  # there is none: look for none in the home folder
        database=database,
        ssl=False,
        timeout=ANSWER_TIMEOUT,
    )
