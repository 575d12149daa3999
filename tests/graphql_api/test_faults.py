"""What a client hears of a fault of ours, and what is logged of it."""

import io
import logging
from collections.abc import Iterator
from dataclasses import replace

import httpx
import orjson
import pytest
from sqlalchemy.schema import DropTable
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from domain.authoring import Authoring
from domain.errors import Unavailable
from domain.experiments import Experiment, ExperimentFilter
from domain.ids import ProjectId
from domain.paging import Page, Window
from domain.projects import Project
from graphql_api import logs
from graphql_api.context import Services
from graphql_api.endpoints import Endpoints
from graphql_api.observation import Observation
from graphql_api.request_log import RequestLog
from graphql_api.settings import Settings
from persistence.engine import Database
from persistence.people_tables import api_keys
from tests.factories import NOON
from tests.fakes import FakeExperiments, FakeVariants, Memory
from tests.graphql_api.conftest import SERVER_KEY, Graph
from tests.graphql_api.posting import TYPENAME, codes, post


class BrokenExperiments(FakeExperiments):
    """`page` fails as a driver might, `count` as a database that is away."""

    async def page(
        self, project: ProjectId, window: Window, filter: ExperimentFilter
    ) -> Page[Experiment]:
        raise RuntimeError("SELECT secret FROM ab_experiments")

    async def count(self, project: ProjectId, filter: ExperimentFilter) -> int:
        raise Unavailable


@pytest.fixture
def broken(app: Starlette, project: Project) -> Graph:
    experiments, variants = BrokenExperiments(Memory()), FakeVariants(Memory())
    whole: Services = app.state.services
    services = replace(
        whole,
        stores=replace(whole.stores, experiments=experiments, variants=variants),
        authoring=Authoring(experiments, variants, lambda: NOON),
    )
    graphql = Endpoints(services, Settings(), Observation()).graphql
    routes = [Route("/graphql", graphql, methods=["GET", "POST"])]
    bare = Starlette(routes=routes, middleware=[Middleware(RequestLog)])
    return Graph(httpx.ASGITransport(bare, raise_app_exceptions=False), SERVER_KEY)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged, as it is written."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logs.JsonLines())
    logger = logging.getLogger("graphql_api")
    logger.addHandler(handler)
    yield text
    logger.removeHandler(handler)


async def test_a_fault_of_ours_is_masked_and_logged_under_the_id_of_the_request(
    broken: Graph, log: io.StringIO
) -> None:
    response = await post(broken, {"query": "{ experiments { nodes { id } } }"}, X_Request_Id="r-1")

    assert response.status_code == 200
    assert response.json() == {
        "data": None,
        "errors": [
            {
                "message": "something went wrong on our side",
                "locations": [{"line": 1, "column": 17}],
                "path": ["experiments", "nodes"],
                "extensions": {"code": "INTERNAL_SERVER_ERROR", "requestId": "r-1"},
            }
        ],
    }
    [line] = [orjson.loads(line) for line in log.getvalue().splitlines()]
    assert (line["level"], line["requestId"]) == ("ERROR", "r-1")
    assert "RuntimeError: SELECT secret FROM ab_experiments" in line["exception"]


async def test_a_typo_of_a_client_is_not_logged_as_a_fault(broken: Graph, log: io.StringIO) -> None:
    for query in ("{", "{ nobody }", '{ node(id: "5") { id } }'):
        await broken.errors(query)

    assert log.getvalue() == ""


async def test_a_database_that_is_away_is_503_where_nothing_was_answered(broken: Graph) -> None:
    alone = await post(broken, {"query": "{ experiments { totalCount } }"})
    beside = await post(broken, {"query": '{ __typename experiment(by: { name: "a" }) { id } }'})

    assert (alone.status_code, codes(alone)) == (503, ["UNAVAILABLE"])
    assert alone.json()["errors"][0]["message"] == (
        "the database cannot be reached for now: try again"
    )
    assert beside.status_code == 200


async def test_a_fault_outside_of_an_operation_is_500_and_masked_too(
    graph: Graph, database: Database, log: io.StringIO
) -> None:
    async with database.begin() as connection:
        await connection.execute(DropTable(api_keys))

    response = await graph.http.post("/graphql", json=TYPENAME, headers={"X-Request-Id": "r-2"})

    assert response.status_code == 500
    [error] = response.json()["errors"]
    assert error["message"] == "something went wrong on our side"
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "requestId": "r-2"}
    assert response.headers["X-Request-Id"] == "r-2"
    [line] = [orjson.loads(line) for line in log.getvalue().splitlines()]
    assert line["requestId"] == "r-2"
