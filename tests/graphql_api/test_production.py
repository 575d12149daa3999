"""In production the schema is told to nobody, and nobody is helped to guess it."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from graphql_api.app import create_app
from graphql_api.settings import Settings
from tests.graphql_api.conftest import SERVER_KEY, Graph

ORDER = "query($order: ExperimentOrder) { experiments(orderBy: $order) { totalCount } }"
NEAR_MISSES = [
    ("{ experimnts { totalCount } }", {}, "Cannot query field 'experimnts' on type 'Query'."),
    (
        "{ experiments(frst: 1) { totalCount } }",
        {},
        "Unknown argument 'frst' on field 'Query.experiments'.",
    ),
    (ORDER.replace("ExperimentOrder", "ExperimentOrdr"), {}, "Unknown type 'ExperimentOrdr'."),
    (ORDER, {"order": {"field": "NAM", "direction": "ASC"}}, None),
]


@pytest.fixture
async def strict(app: Starlette, database_url: str) -> AsyncIterator[Graph]:
    production = create_app(Settings(env="production"), database_url)
    async with production.router.lifespan_context(production):
        yield Graph(httpx.ASGITransport(production), SERVER_KEY)


@pytest.mark.parametrize(
    "query", ["{ __schema { types { name } } }", '{ __type(name: "A") { name } }']
)
async def test_the_schema_is_told_in_development_alone(
    graph: Graph, strict: Graph, query: str
) -> None:
    assert (await graph(query)).keys() <= {"__schema", "__type"}

    errors = await strict.errors(query)

    assert {error["extensions"]["code"] for error in errors} == {"GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize(("query", "variables", "message"), NEAR_MISSES)
async def test_a_near_miss_is_put_right_in_development_alone(
    graph: Graph, strict: Graph, query: str, variables: dict[str, object], message: str | None
) -> None:
    [helped] = await graph.errors(query, **variables)
    [refused] = (await strict.errors(query, **variables))[:1]

    assert "Did you mean" in helped["message"]
    assert "Did you mean" not in refused["message"]
    assert message in (None, refused["message"])


async def test_what_is_asked_right_is_answered(strict: Graph) -> None:
    assert await strict("{ experiments { totalCount __typename } }") == {
        "experiments": {"totalCount": 0, "__typename": "ExperimentConnection"}
    }
