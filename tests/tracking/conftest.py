from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from graphql_api.settings import inherited
from tests.graphql_api.serving import started
from tests.persistence.servers import stop_what_is_left


@pytest.fixture(scope="session")
def is_soak() -> bool:
    """Whether there is time for the long form: ABGRAPH_SOAK=1."""
    return inherited().get("ABGRAPH_SOAK") == "1"


@pytest.fixture
def folder() -> Iterator[Path]:
    """On a disk, for a database that is durable; every OS user can get to it."""
    with TemporaryDirectory(prefix="abgraph-test-", ignore_cleanup_errors=True) as name:
        made = Path(name)
        made.chmod(0o755)
        try:
            yield made
        finally:
            for record in made.rglob("postmaster.pid"):
                stop_what_is_left(record)


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
