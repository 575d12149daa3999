"""The database goes away under a running server, and comes back."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette

from graphql_api.app import begin, create_app
from graphql_api.settings import Settings
from persistence import revisions
from persistence.embedded import EmbeddedPostgres
from tests.graphql_api.conftest import SERVER_KEY
from tests.persistence.servers import open_folder, postmaster

LIMIT = 5.0  # seconds
CROWD = 25  # of readers, and as many writers
READ = "{ experiments { totalCount nodes { name variants { name } } } }"
TWO_THINGS = """
    { experiment(by: {name: "kept"}) { name }
      assignment(experiment: {name: "kept"}, userId: "anna") { id } }
"""
POOL = 10
SESSIONS = "FROM pg_stat_activity WHERE application_name = 'abgraph'"
CREATE = """
    mutation ($name: String!) {
      experimentCreate(input: {
        name: $name
        variants: [{ name: "control", isControl: true }, { name: "other" }]
      }) { experiment { id } errors { code } }
    }
"""


class Server:
    """The application and the database that it stands on."""

    def __init__(self, home: Path, postgres: EmbeddedPostgres, url: str) -> None:
        self.home = home
        self.postgres = postgres
        self.url = url

    def processes(self) -> list[int]:
        first = postmaster(self.home)
        parents = {
            int(status.parent.name): int(status.read_text().rpartition(")")[2].split()[1])
            for status in Path("/proc").glob("[0-9]*/stat")
        }
        return [first, *(pid for pid, parent in parents.items() if parent == first)]

    @contextmanager
    def frozen(self) -> Iterator[None]:
        frozen = self.processes()
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)

    @asynccontextmanager
    async def administration(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.url.replace("//abgraph@", "//postgres@"))
        try:
            yield connection
        finally:
            await connection.close()


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Server]:
    with open_folder() as home:
        postgres = EmbeddedPostgres(home, durable=False)
        try:
            url = await postgres.start()
            await revisions.upgrade(url)
            await begin(Settings(bootstrap_server_key=SERVER_KEY), url)
            yield Server(home, postgres, url)
        finally:
            await postgres.stop()


@pytest.fixture
async def app(server: Server) -> AsyncIterator[Starlette]:
    app = create_app(Settings(pool_size=POOL), server.url)
    async with app.router.lifespan_context(app):
        yield app


class Client:
    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def send(self, query: str, **variables: str) -> httpx.Response:
        """Each request ends in time, whatever becomes of it."""
        began = time.monotonic()
        response = await self.http.post("/graphql", json={"query": query, "variables": variables})
        assert time.monotonic() - began < LIMIT
        return response

    async def names(self) -> set[str]:
        response = await self.send(READ)
        assert response.status_code == 200, response.text
        return {node["name"] for node in response.json()["data"]["experiments"]["nodes"]}

    async def status(self, path: str) -> int:
        return (await self.http.get(path)).status_code


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[Client]:
    """Of a server that has worked before, and works again afterwards: with one failure at most."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport,
        base_url="http://abgraph",
        headers={"Authorization": f"Bearer {SERVER_KEY}"},
    ) as http:
        client = Client(http)
        await client.send(CREATE, name="kept")
        await asyncio.gather(*(client.names() for _ in range(20)))
        yield client
        await client.send(READ)
        assert "kept" in await client.names()
        assert not [name for name in await client.names() if name.startswith("lost")]
        assert await client.status("/readyz") == 200


async def assert_it_is_away(client: Client) -> None:
    requests = [client.send(READ), client.send(CREATE, name="lost")]
    for number in range(CROWD):
        requests += [client.send(READ), client.send(CREATE, name=f"lost-{number}")]

    answers = await asyncio.gather(*requests)

    assert {answer.status_code for answer in answers} == {503}
    assert {code for answer in answers for code in codes(answer)} == {"UNAVAILABLE"}
    assert await client.status("/healthz") == 200
    ready = await client.http.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["problems"] == ["the database cannot be reached for now: try again"]


def codes(response: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in response.json().get("errors", ())]


async def test_a_database_that_was_stopped(server: Server, client: Client) -> None:
    await server.postgres.stop()
    try:
        await assert_it_is_away(client)
    finally:
        await server.postgres.start()


async def test_a_database_that_was_killed(server: Server, client: Client) -> None:
    os.kill(postmaster(server.home), signal.SIGKILL)
    try:
        await assert_it_is_away(client)
    finally:
        await server.postgres.start()


async def test_a_database_that_is_silent(server: Server, client: Client) -> None:
    with server.frozen():
        await assert_it_is_away(client)


async def test_a_database_that_admits_nobody(server: Server, client: Client) -> None:
    async with server.administration() as administration:
        await administration.execute("ALTER ROLE abgraph CONNECTION LIMIT 0")
        await administration.execute(f"SELECT pg_terminate_backend(pid) {SESSIONS}")
        try:
            await assert_it_is_away(client)
        finally:
            await administration.execute("ALTER ROLE abgraph CONNECTION LIMIT -1")


async def test_a_database_that_is_restarted_between_two_requests(
    server: Server, client: Client
) -> None:
    await server.postgres.stop()
    await server.postgres.start()

    assert "kept" in await client.names()


@pytest.mark.parametrize("table", ["ab_experiments", "ab_variants"])
async def test_a_table_that_somebody_keeps_locked(
    server: Server, client: Client, table: str
) -> None:
    async with server.administration() as administration, administration.transaction():
        await administration.execute(f"LOCK TABLE {table}")

        answers = await asyncio.gather(client.send(READ), client.send(CREATE, name="lost"))

        assert [answer.status_code for answer in answers] == [503, 503]
        assert [codes(answer) for answer in answers] == [["UNAVAILABLE"], ["UNAVAILABLE"]]
        assert await client.status("/readyz") == 200


async def test_what_could_be_answered_is_answered(server: Server, client: Client) -> None:
    async with server.administration() as administration, administration.transaction():
        await administration.execute("LOCK TABLE ab_assignments")

        answer = await client.send(TWO_THINGS)

    assert answer.status_code == 200
    assert answer.json()["data"] == {"experiment": {"name": "kept"}, "assignment": None}
    assert codes(answer) == ["UNAVAILABLE"]


async def test_outages_leave_no_tasks_and_no_connections_behind(
    server: Server, client: Client
) -> None:
    tasks = asyncio.all_tasks()

    for _ in range(3):
        await server.postgres.stop()
        await asyncio.gather(*(client.send(READ) for _ in range(CROWD)))
        await server.postgres.start()
        await asyncio.gather(*(client.send(READ) for _ in range(CROWD)))

    await asyncio.sleep(0)
    assert asyncio.all_tasks() == tasks
    async with server.administration() as administration:
        assert await administration.fetchval(f"SELECT count(*) {SESSIONS}") <= POOL
