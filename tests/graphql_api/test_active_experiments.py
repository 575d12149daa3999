"""What a tracker asks on a page."""

import pytest
from starlette.applications import Starlette

from domain.experiments import ExperimentStatus
from tests.factories import make_experiment
from tests.graphql_api.conftest import Graph
from tests.graphql_api.rows import (
    AUTHENTICATION,
    database_of,
    other_project,
    populate,
    put_experiments,
)
from tests.persistence.statements import counted

ACTIVE = "query ($url: String) { activeExperiments(url: $url) { name variants { name } } }"


async def names(graph: Graph, **variables: object) -> list[str]:
    return [one["name"] for one in (await graph(ACTIVE, **variables))["activeExperiments"]]


async def test_only_active_experiments_are_told_by_name(app: Starlette, graph: Graph) -> None:
    for status in ExperimentStatus:
        await put_experiments(app, make_experiment(name=status.value, status=status))
    await put_experiments(app, make_experiment(name="aaa", status=ExperimentStatus.ACTIVE))

    assert await names(graph) == ["aaa", "active"]
    assert await names(graph, url=None) == ["aaa", "active"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example/checkout", ["everywhere", "host", "path"]),
        ("https://shop.example/checkout/", ["everywhere", "host", "path"]),
        ("https://SHOP.example/about", ["everywhere", "host"]),
        ("https://other.example/checkout?step=1", ["everywhere", "path"]),
        ("https://other.example/", ["everywhere"]),
        ("", ["everywhere"]),
        ("\0", ["everywhere"]),
        ("x" * 900_000, ["everywhere"]),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_url_leaves_those_for_that_page(
    app: Starlette, graph: Graph, url: str, expected: list[str]
) -> None:
    targets = {"everywhere": None, "host": "shop.example/*", "path": "/checkout"}
    for name, target in targets.items():
        await populate(app, name=name, target_url=target, status=ExperimentStatus.ACTIVE)

    assert await names(graph, url=url) == expected


async def test_a_malformed_url_is_refused(app: Starlette, graph: Graph) -> None:
    await populate(app, status=ExperimentStatus.ACTIVE)

    [error] = await graph.errors(ACTIVE, url="http://[half")

    assert error["message"] == "url is malformed"
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_experiments_with_their_variants_are_two_statements(
    app: Starlette, graph: Graph
) -> None:
    await populate(app, experiments=30, variants=3, status=ExperimentStatus.ACTIVE)

    async with counted(database_of(app), besides=AUTHENTICATION) as seen:
        answer = await graph(ACTIVE)

    assert len(seen) == 2
    assert [len(one["variants"]) for one in answer["activeExperiments"]] == [3] * 30


async def test_those_of_another_project_are_not_told(app: Starlette, graph: Graph) -> None:
    stranger = await other_project(app)
    await populate(app, status=ExperimentStatus.ACTIVE, project=stranger)

    assert await names(graph) == []
