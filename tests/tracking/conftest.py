from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.graphql_api.serving import started
from tests.persistence.servers import open_folder, stop_what_is_left


@pytest.fixture
def folder(is_soak: bool) -> Iterator[Path]:
    """For a database that is durable: of a killed process a disk and memory keep the same, and
    memory is faster."""
    with open_folder() if not is_soak else _on_disk() as made:
        yield made


@pytest.fixture
async def pair(database_url: str) -> AsyncIterator[tuple[str, str]]:
    """The addresses of two servers on one database."""
    async with AsyncExitStack() as stack:
        both = [
            await stack.enter_async_context(started(DATABASE_URL=database_url)) for _ in range(2)
        ]
        for server in both:
            await server.answers()
        yield both[0].url, both[1].url


@contextmanager
def _on_disk() -> Iterator[Path]:
    with TemporaryDirectory(prefix="abgraph-test-", ignore_cleanup_errors=True) as name:
        made = Path(name)
        made.chmod(0o755)  # every OS user can get to it
        try:
            yield made
        finally:
            for record in made.rglob("postmaster.pid"):
                stop_what_is_left(record)
