"""One PostgreSQL for the session, migrated once; each test gets a copy of the database."""

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import make_url

from graphql_api.settings import inherited
from persistence import revisions
from persistence.embedded import EmbeddedPostgres
from persistence.engine import Database

MEMORY = Path("/dev/shm")  # noqa: S108  # a copy takes 8 ms there and 60 to 200 ms on a disk
ROOM_NEEDED = 2 * 2**30


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def is_soak() -> bool:
    """Whether there is time for the long form: ABGRAPH_SOAK=1."""
    return inherited().get("ABGRAPH_SOAK") == "1"


@pytest.fixture(scope="session")
def _folder() -> Iterator[Path]:
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_NEEDED
    with TemporaryDirectory(prefix="abgraph-", dir=MEMORY if in_memory else None) as name:
        folder = Path(name)
        folder.chmod(0o755)  # where the tests run as root, PostgreSQL does not
        yield folder


@pytest.fixture(scope="session")
async def postgres(_folder: Path) -> AsyncIterator[str]:
    """The URL of the session's server."""
    server = EmbeddedPostgres(_folder / "data", durable=False)
    yield await server.start()
    await server.stop()


@pytest.fixture(scope="session")
async def _administration(postgres: str) -> AsyncIterator[asyncpg.Connection]:
    """By the superuser, who may end an autovacuum at work in a database that is to be dropped."""
    connection = await asyncpg.connect(_renamed(postgres, "postgres"), user="postgres")
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
async def _template(postgres: str, _administration: asyncpg.Connection) -> str:
    await _administration.execute("CREATE DATABASE migrated OWNER abgraph")
    await revisions.upgrade(_renamed(postgres, "migrated"))
    return "migrated"


@pytest.fixture
async def database_url(
    postgres: str, _administration: asyncpg.Connection, _template: str
) -> AsyncIterator[str]:
    """Of a database at head that no other test sees."""
    async with _copied(_administration, _template) as name:
        yield _renamed(postgres, name)


@pytest.fixture
async def empty_database_url(
    postgres: str, _administration: asyncpg.Connection
) -> AsyncIterator[str]:
    """Of a database without tables that no other test sees."""
    async with _copied(_administration, "template0") as name:
        yield _renamed(postgres, name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.dispose()


@asynccontextmanager
async def _copied(administration: asyncpg.Connection, template: str) -> AsyncIterator[str]:
    name = f"test_{uuid4().hex}"
    await administration.execute(
        f"CREATE DATABASE {name} OWNER abgraph TEMPLATE {template} STRATEGY FILE_COPY"
    )
    try:
        yield name
    finally:
        await administration.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _renamed(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)
