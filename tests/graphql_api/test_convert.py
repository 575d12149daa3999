"""A user converts once per experiment, and it counts for the variant that they were given."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from starlette.applications import Starlette

from tests.graphql_api.conftest import Graph
from tests.graphql_api.tracking import (
    Held,
    ask,
    assign,
    convert,
    refusals,
    sums,
    took,
    users_between,
    written,
)
from tests.graphql_api.writing import arm, change, changed, draft, moved, running, shown

BY = {"experiment": {"name": "checkout"}}
USER = next(users_between(0, 0.5))
FEED = [
    {"name": "any", "eventType": "conversion", "aggregation": "BINARY", "role": "PRIMARY"},
    {"name": "worth", "eventType": "conversion", "aggregation": "SUM"},
    {"name": "orders", "eventType": "order", "aggregation": "SUM"},
]
EVENTS = """{ experiment(by: { name: "checkout" }) { metrics { nodes {
    eventType eventValue eventData source sessionContext variant { name } assignment { userId }
} } } }"""


async def test_a_conversion_is_told_and_kept(app: Starlette, graph: Graph) -> None:
    await running(graph)
    await assign(graph, USER)

    payload = await convert(graph, USER, value=2.5, metadata={"order": 7})

    kept = payload["assignment"]
    assert (payload["recorded"], kept["hasConverted"], kept["conversionValue"]) == (True, True, 2.5)
    age = datetime.now(UTC) - datetime.fromisoformat(kept["convertedAt"])
    assert timedelta(0) <= age < timedelta(seconds=10)
    [event] = (await graph(EVENTS))["experiment"]["metrics"]["nodes"]
    assert event == {
        "eventType": "conversion",
        "eventValue": 2.5,
        "eventData": {"order": 7},
        "source": None,
        "sessionContext": {},
        "variant": {"name": "a"},
        "assignment": {"userId": USER},
    }


async def test_the_first_value_stands(app: Starlette, graph: Graph) -> None:
    await running(graph, metrics=FEED)
    await assign(graph, USER)
    first = await convert(graph, USER, value=2)
    before = await written(app), await sums(app)

    again = [await convert(graph, USER, value=value) for value in (3, 2, 0)]

    assert again == [first | {"recorded": False}] * 3
    assert (await written(app), await sums(app)) == before


async def test_twenty_calls_at_once_count_one(app: Starlette, graph: Graph) -> None:
    await running(graph)
    await assign(graph, USER)

    payloads = await asyncio.gather(*(convert(graph, USER, value=n) for n in range(20)))

    assert Counter(payload["recorded"] for payload in payloads) == {True: 1, False: 19}
    [value] = {payload["assignment"]["conversionValue"] for payload in payloads}
    assert await sums(app) == {("a", ""): Held(1, value, value * value, 1, 1, value)}


async def test_a_user_converts_in_each_experiment_once(graph: Graph) -> None:
    for name in ("one", "two"):
        await running(graph, name=name)
        await assign(graph, experiment=name)

    told = [(await convert(graph, experiment=name))["recorded"] for name in ("one", "two", "one")]

    assert told == [True, True, False]


async def test_left_out_the_value_is_one(graph: Graph) -> None:
    await running(graph)
    await assign(graph)

    payload = await convert(graph)

    assert payload["assignment"]["conversionValue"] == 1


async def test_what_the_conversions_make_together(app: Starlette, graph: Graph) -> None:
    await running(graph, metrics=FEED)
    for user, value in zip(users_between(0, 0.5), (2, -0.5, 0), strict=False):
        await assign(graph, user)
        await convert(graph, user, value=value)
    await assign(graph, next(users_between(0.5, 1)))

    assert await sums(app) == {
        ("a", ""): Held(3, 1.5, 4.25, 3, 3, 1.5),
        ("a", "any"): Held(3, 3, 3, 3, 3, 3),
        ("a", "worth"): Held(3, 1.5, 4.25, 3, 3, 1.5),
        ("b", ""): Held(1),
    }


async def test_it_counts_for_the_variant_that_was_given(app: Starlette, graph: Graph) -> None:
    made = await running(graph)
    await assign(graph, USER)
    await change(graph, "variantDeactivate", id=arm(made, "a")["id"])

    payload = await convert(graph, USER)

    assert payload["assignment"]["variant"] == {"name": "a"}
    assert await sums(app) == {("a", ""): Held(1, 1, 1, 1, 1, 1)}


async def test_who_was_not_assigned_cannot_convert(app: Starlette, graph: Graph) -> None:
    await running(graph, trafficAllocation=0)
    await assign(graph)
    await assign(graph, forceVariant="a")

    payload = await ask(graph, "convert")

    told = "this user has no assignment in that experiment"
    assert refusals(payload) == [("NOT_ASSIGNED", "input.userId", told)]
    assert await written(app) == (0, 0, 0, 0)
    await changed(graph, "experimentUpdate", **BY, trafficAllocation=1)
    assert (await assign(graph))[0] == "NEW"
    assert (await convert(graph))["recorded"] is True


@pytest.mark.parametrize("step", ["Pause", "Complete"])
async def test_a_conversion_is_kept_where_the_experiment_has_stopped(
    graph: Graph, step: str
) -> None:
    await running(graph)
    await assign(graph)
    await changed(graph, f"experiment{step}", **BY)

    assert (await convert(graph, value=4))["recorded"] is True
    assert (await convert(graph, value=5))["assignment"]["conversionValue"] == 4


async def test_after_completion_it_moves_the_results_no_more(graph: Graph) -> None:
    made = await running(graph)
    users = list(islice(users_between(0, 0.5), 2))
    for user in users:
        await assign(graph, user)
    await convert(graph, users[0], value=4)

    await changed(graph, "experimentComplete", **BY)
    await convert(graph, users[1], value=8)

    variant = arm(await shown(graph, made["id"]), "a")
    assert (variant["impressions"], variant["conversions"], variant["totalValue"]) == (2, 1, 4)


@pytest.mark.parametrize(("mutation", "more"), [("convert", {}), ("track", {"eventType": "order"})])
@pytest.mark.parametrize("status", ["DRAFT", "ARCHIVED"])
async def test_nothing_is_reported_to_a_draft_or_an_archive(
    app: Starlette, graph: Graph, status: str, mutation: str, more: dict[str, Any]
) -> None:
    await moved(graph, status)

    payload = await ask(graph, mutation, **more)

    told = f"checkout is {status}: nothing is reported to it"
    assert refusals(payload) == [("EXPERIMENT_NOT_RUNNING", "input.experiment", told)]
    assert await written(app) == (0, 0, 0, 0)


async def test_an_unknown_experiment_is_not_found(app: Starlette, graph: Graph) -> None:
    await draft(graph)

    payload = await ask(graph, "convert", experiment="nothing")

    assert refusals(payload) == [
        ("NOT_FOUND", "input.experiment", "there is no experiment nothing")
    ]


async def test_how_many_statements_a_conversion_is(app: Starlette, graph: Graph) -> None:
    await running(graph, metrics=FEED)
    await assign(graph)

    first, again = [
        await took(app, graph, "convert", {"experiment": "checkout", "userId": "ada"})
        for _ in range(2)
    ]

    read, kept = "SELECT ab_assignments", "INSERT ab_metrics"
    grown = ["INSERT ab_user_totals", "INSERT ab_running_sums"]
    assert first == [read, kept, "UPDATE ab_assignments", *grown]
    assert again == [read, kept, "SELECT ab_metrics", read]
