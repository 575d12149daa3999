"""Assignments and metrics of an experiment, filtered."""

from dataclasses import replace

import pytest
from starlette.applications import Starlette

from domain.ids import new_id
from tests.factories import NOON
from tests.graphql_api.conftest import Graph
from tests.graphql_api.lists import NESTED, UNSTORABLE
from tests.graphql_api.rows import MINUTE, Rows, metric_of, other_project, populate, put


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (None, ["u2", "u1", "u0"]),
        ({}, ["u2", "u1", "u0"]),
        ({"userId": None, "hasConverted": None, "assignedAfter": None}, ["u2", "u1", "u0"]),
        ({"userId": "v0-u1"}, ["u1"]),
        ({"userId": "u1"}, []),
        ({"userId": ""}, []),
        ({"userId": "v0-u_"}, []),
        ({"userId": "x" * 900_000}, []),
        ({"hasConverted": True}, ["u1"]),
        ({"hasConverted": False}, ["u2", "u0"]),
        ({"assignedAfter": "2026-11-20T12:01:00Z"}, ["u2", "u1"]),
        ({"assignedBefore": "2026-11-20T12:01:00Z"}, ["u0"]),
        (
            {"assignedAfter": "2026-11-20T12:01:00Z", "assignedBefore": "2026-11-20T12:02:00Z"},
            ["u1"],
        ),
        ({"userId": "v0-u1", "hasConverted": False}, []),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_assignments_are_filtered(
    app: Starlette, graph: Graph, filter: dict[str, object] | None, expected: list[str]
) -> None:
    await put_assignments_of_which_the_second_converted(app)

    answer = await graph(NESTED, assignments=filter)

    [node] = answer["experiments"]["nodes"]
    assert [one["userId"] for one in node["assignments"]["nodes"]] == [f"v0-{u}" for u in expected]
    assert node["assignments"]["totalCount"] == len(expected)


async def put_assignments_of_which_the_second_converted(app: Starlette) -> None:
    made = await populate(app, project=await other_project(app), variants=1, assignments=3)
    experiment = replace(made.experiments[0], id=new_id())
    variant = replace(made.variants[0], id=new_id(), experiment_id=experiment.id)
    assignments = [
        replace(one, id=new_id(), experiment_id=experiment.id, variant_id=variant.id,
                has_converted=place == 1)
        for place, one in enumerate(made.assignments)
    ]  # fmt: skip
    await put(app, Rows(experiments=[experiment], variants=[variant], assignments=assignments))


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (None, [3, 2, 1]),
        ({}, [3, 2, 1]),
        ({"eventType": None, "source": None, "after": None, "before": None}, [3, 2, 1]),
        ({"eventType": "order"}, [2, 1]),
        ({"eventType": "ORDER"}, []),
        ({"eventType": "orde_"}, []),
        ({"eventType": "x" * 900_000}, []),
        ({"source": "app"}, [2]),
        ({"source": ""}, []),
        ({"after": "2026-11-20T12:01:00Z"}, [3, 2]),
        ({"before": "2026-11-20T12:01:00Z"}, [1]),
        ({"after": "2026-11-20T12:01:00Z", "before": "2026-11-20T12:02:00Z"}, [2]),
        ({"eventType": "view", "source": "app"}, []),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_metrics_are_filtered(
    app: Starlette, graph: Graph, filter: dict[str, object] | None, expected: list[int]
) -> None:
    [known] = (await populate(app, variants=1, assignments=1)).assignments
    kinds = [("order", "web"), ("order", "app"), ("view", None)]
    metrics = [
        metric_of(known, event_type=kind, source=source, event_value=place + 1.0,
                  event_timestamp=NOON + place * MINUTE)
        for place, (kind, source) in enumerate(kinds)
    ]  # fmt: skip
    await put(app, Rows(metrics=metrics))

    answer = await graph(NESTED, metrics=filter)

    [node] = answer["experiments"]["nodes"]
    assert [one["eventValue"] for one in node["metrics"]["nodes"]] == expected
    assert node["metrics"]["totalCount"] == len(expected)


@pytest.mark.parametrize(
    ("name", "field"),
    [("assignments", "userId"), ("metrics", "eventType"), ("metrics", "source")],
)
async def test_a_nested_filter_with_nul_is_refused(
    app: Starlette, graph: Graph, name: str, field: str
) -> None:
    await populate(app, assignments=1, metrics=1)

    errors = await graph.errors(NESTED, **{name: {field: "a\0"}})

    assert {error["extensions"]["code"] for error in errors} == {"BAD_USER_INPUT"}
    assert {error["message"] for error in errors} == {UNSTORABLE}
