"""A database that the migrations have made, for as long as one looks at it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from persistence import revisions
from persistence.embedded import EmbeddedPostgres


@asynccontextmanager
async def scratch_database() -> AsyncIterator[str]:
    with _open_folder() as folder:
        postgres = EmbeddedPostgres(folder / "data", durable=False)
        try:
            url = await postgres.start()
            await revisions.upgrade(url)
            yield url
        finally:
            await postgres.stop()


@contextmanager
def _open_folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="abgraph-") as folder:
        Path(folder).chmod(0o755)  # started by root, PostgreSQL runs as somebody else
        yield Path(folder)
