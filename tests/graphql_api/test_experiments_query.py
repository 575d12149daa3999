"""Experiments by id and by name, all that they show, and none of another project."""

from uuid import UUID

import pytest
from starlette.applications import Starlette

from domain.experiments import ExperimentStatus
from graphql_api.types.view import global_id
from tests.factories import NOON, make_experiment
from tests.graphql_api.conftest import Graph
from tests.graphql_api.lists import NESTED, ONE, names
from tests.graphql_api.rows import MINUTE, id_of, other_project, populate, put_experiments


async def test_an_experiment_is_found_by_id_and_by_name(app: Starlette, graph: Graph) -> None:
    experiment = make_experiment(name="checkout")
    await put_experiments(app, experiment)
    expected = {"experiment": {"id": id_of(experiment), "name": "checkout"}}

    assert await graph(ONE, by={"id": id_of(experiment)}) == expected
    assert await graph(ONE, by={"name": "checkout"}) == expected


@pytest.mark.parametrize(
    "by",
    [{"name": "nobody"}, {"name": ""}, {"name": "CHECKOUT"}, {"name": "checkou_"},
     {"name": "x" * 1_000_000}, {"id": global_id("Experiment", UUID(int=1))}],
    ids=lambda by: str(by)[:30],
)  # fmt: skip
async def test_an_experiment_that_is_not_there_is_null(
    app: Starlette, graph: Graph, by: dict[str, str]
) -> None:
    await put_experiments(app, make_experiment(name="checkout"))

    assert await graph(ONE, by=by) == {"experiment": None}


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ({"id": "5"}, "by.id: is not an id of this server"),
        (
            {"id": global_id("Variant", UUID(int=1))},
            "by.id: is of the type Variant, not Experiment",
        ),
        ({"name": "\0"}, "by.name: must not hold the character NUL"),
    ],
)
async def test_a_key_that_cannot_be_one_is_refused(
    graph: Graph, by: dict[str, str], message: str
) -> None:
    [error] = await graph.errors(ONE, by=by)

    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == message


@pytest.mark.parametrize("by", [{}, {"id": "a", "name": "b"}, {"id": None}, {"name": None}])
async def test_an_experiment_is_named_in_exactly_one_way(
    graph: Graph, by: dict[str, object]
) -> None:
    [error] = await graph.errors(ONE, by=by)

    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_all_fields_of_an_experiment_are_shown(app: Starlette, graph: Graph) -> None:
    experiment = make_experiment(
        name="checkout", status=ExperimentStatus.ACTIVE, started_at=NOON + MINUTE, phase=1
    )
    await put_experiments(app, experiment)

    answer = await graph(
        """{ experiment(by: { name: "checkout" }) { description hypothesis targetBot targetUrl
        metricType minimumSampleSize alpha power correction status allowedTransitions allocation
        hashAlgorithm hashSeed trafficAllocation defaultTrafficSplit metadata phase
        statisticalSignificance startedAt completedAt createdAt updatedAt version } }"""
    )

    assert answer["experiment"] == {
        "description": "Fewer steps to pay",
        "hypothesis": "Fewer steps, more orders",
        "targetBot": "shop-bot",
        "targetUrl": "https://shop.example/checkout",
        "metricType": "conversion",
        "minimumSampleSize": 1000,
        "alpha": 0.05,
        "power": 0.8,
        "correction": "HOLM",
        "status": "ACTIVE",
        "allowedTransitions": ["PAUSED", "COMPLETED", "ARCHIVED"],
        "allocation": "FIXED",
        "hashAlgorithm": "GROWTHBOOK_V2",
        "hashSeed": experiment.hash_seed,
        "trafficAllocation": 1.0,
        "defaultTrafficSplit": {"control": 0.5, "treatment": 0.5},
        "metadata": {"team": "payments"},
        "phase": 1,
        "statisticalSignificance": None,
        "startedAt": "2026-11-20T12:01:00+00:00",
        "completedAt": None,
        "createdAt": "2026-11-20T12:00:00+00:00",
        "updatedAt": "2026-11-20T12:00:00+00:00",
        "version": 1,
    }


@pytest.mark.parametrize("name", ["\0", "a\0", "x" * 900_000, "🙂", "'; DROP TABLE ab_variants"])
async def test_a_variant_of_an_impossible_name_is_null(
    app: Starlette, graph: Graph, name: str
) -> None:
    await populate(app)
    query = "query ($name: String!) { experiments { nodes { variant(name: $name) { id } } } }"

    assert await graph(query, name=name) == {"experiments": {"nodes": [{"variant": None}]}}


async def test_experiments_of_another_project_do_not_exist(app: Starlette, graph: Graph) -> None:
    stranger = await other_project(app)
    rows = await populate(app, variants=1, assignments=1, metrics=1, project=stranger, name="a")
    [theirs] = rows.experiments

    assert await graph(ONE, by={"id": id_of(theirs)}) == {"experiment": None}
    assert await graph(ONE, by={"name": "a"}) == {"experiment": None}
    for asked in (None, {"search": "a"}, {"status": ["DRAFT"]}, {"targetBot": "shop-bot"}):
        assert await names(graph, asked) == set()
    assert await graph("{ experimentCounts { status count } }") == {"experimentCounts": []}


async def test_two_projects_may_use_one_name(app: Starlette, graph: Graph) -> None:
    await populate(app, project=await other_project(app), name="a", assignments=2, metrics=1)
    [ours] = (await populate(app, name="a", variants=1, assignments=1)).experiments

    answer = await graph(NESTED)

    assert (await graph(ONE, by={"name": "a"}))["experiment"]["id"] == id_of(ours)
    [node] = answer["experiments"]["nodes"]
    assert node["assignments"]["totalCount"] == 1
    assert node["metrics"] == {"nodes": [], "totalCount": 0}


async def test_a_cursor_of_another_project_shows_nothing_of_it(
    app: Starlette, graph: Graph
) -> None:
    query = (
        "query ($after: String) { experiments(after: $after) { edges { cursor } nodes { name } } }"
    )
    await populate(app, name="ours", created_at=NOON + MINUTE)
    ours = (await graph(query))["experiments"]["edges"][0]["cursor"]
    await populate(app, project=await other_project(app), name="theirs", created_at=NOON)

    assert (await graph(query, after=ours))["experiments"]["nodes"] == []


async def test_experiments_are_counted_by_status(app: Starlette, graph: Graph) -> None:
    statuses = [ExperimentStatus.DRAFT, ExperimentStatus.DRAFT, ExperimentStatus.ARCHIVED]
    await put_experiments(app, *(make_experiment(status=status) for status in statuses))

    counts = (await graph("{ experimentCounts { status count } }"))["experimentCounts"]

    assert {one["status"]: one["count"] for one in counts} == {"DRAFT": 2, "ARCHIVED": 1}
