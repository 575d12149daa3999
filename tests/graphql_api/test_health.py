"""Is the server alive, and is it ready for work?"""

import httpx
import pytest
from starlette.applications import Starlette

from graphql_api.app import create_app
from graphql_api.settings import Settings
from persistence import revisions
from tests.graphql_api.conftest import Graph
from tests.persistence.history import REVISIONS

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


async def test_a_server_that_runs_is_alive(graph: Graph) -> None:
    response = await graph.http.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "alive"})


async def test_a_server_with_a_migrated_database_is_ready(graph: Graph) -> None:
    response = await graph.http.get("/readyz")

    assert (response.status_code, response.json()) == (200, {"status": "ready"})


async def test_a_server_on_an_older_revision_is_alive_but_not_ready(
    graph: Graph, database_url: str
) -> None:
    await revisions.downgrade(database_url, "017")

    ready, alive = await graph.http.get("/readyz"), await graph.http.get("/healthz")

    assert ready.status_code == 503
    assert ready.json() == {
        "status": "not ready",
        "problems": [
            f"revision {missing} is not applied: run abgraph migrate"
            for missing in REVISIONS[REVISIONS.index("017") + 1 :]
        ],
    }
    assert alive.status_code == 200


async def test_a_server_is_ready_again_after_the_migration(graph: Graph, database_url: str) -> None:
    await revisions.downgrade(database_url, "015")
    before = await graph.http.get("/readyz")
    await revisions.upgrade(database_url)

    assert [before.status_code, (await graph.http.get("/readyz")).status_code] == [503, 200]


async def test_a_server_without_its_database_is_alive_but_not_ready() -> None:
    app: Starlette = create_app(Settings(), NOWHERE)  # not started: that would need the database
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://abgraph") as http:
        ready, alive = await http.get("/readyz"), await http.get("/healthz")

    assert ready.status_code == 503
    assert ready.json() == {
        "status": "not ready",
        "problems": ["the database cannot be reached for now: try again"],
    }
    assert alive.status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_can_be_asked_by_head_and_changed_by_nobody(graph: Graph, path: str) -> None:
    assert (await graph.http.head(path)).status_code == 200
    assert (await graph.http.post(path)).status_code == 405
