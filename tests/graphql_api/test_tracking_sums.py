"""What reports make of the running sums, against numbers worked out by hand."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

import pytest
from starlette.applications import Starlette

from tests.graphql_api.conftest import Graph
from tests.graphql_api.tracking import Held, assign, convert, sums, track, users_between
from tests.graphql_api.writing import changed, draft, running

ADA, BOB, EVE = islice(users_between(0, 0.5), 3)
OTHER = next(users_between(0.5, 1))


async def start(graph: Graph, aggregation: str, **more: object) -> None:
    """With a metric of orders, and three users of variant a."""
    metric = {"name": "orders", "eventType": "order", "role": "PRIMARY"}
    await running(graph, metrics=[metric | {"aggregation": aggregation} | more])
    for user in (ADA, BOB, EVE, OTHER):
        await assign(graph, user)


async def order(graph: Graph, user: str, *values: float) -> None:
    for value in values:
        await track(graph, "order", user, value=value)


async def orders(app: Starlette) -> dict[str, Held]:
    return {variant: held for (variant, metric), held in (await sums(app)).items() if metric}


# ada's orders are worth 2 and 3, bob's 10, and eve has none
@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        ("BINARY", Held(2, 1 + 1, 1 + 1, 3, 4 + 1, 2 + 1)),
        ("COUNT", Held(2, 2 + 1, 4 + 1, 3, 4 + 1, 4 + 1)),
        ("SUM", Held(2, 5 + 10, 25 + 100, 3, 4 + 1, 10 + 10)),
        ("MEAN", Held(2, 5 + 10, 25 + 100, 3, 4 + 1, 10 + 10)),
    ],
)
async def test_x_is_what_the_aggregation_makes_of_a_users_events(
    app: Starlette, graph: Graph, aggregation: str, expected: Held
) -> None:
    await start(graph, aggregation)

    await order(graph, ADA, 2, 3)
    await order(graph, BOB, 10)
    await track(graph, "click", EVE, value=99)

    assert await orders(app) == {"a": expected}


async def test_each_variant_has_sums_of_its_own(app: Starlette, graph: Graph) -> None:
    await start(graph, "SUM")

    await order(graph, ADA, 2)
    await order(graph, OTHER, 3)

    assert await sums(app) == {
        ("a", ""): Held(3),
        ("b", ""): Held(1),
        ("a", "orders"): Held(1, 2, 4, 1, 1, 2),
        ("b", "orders"): Held(1, 3, 9, 1, 1, 3),
    }


# ada: 2 + 3 = 5 and more than 4; bob: 1; eve: -3 and less than 0
@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        ("SUM", Held(3, 4 + 1 + 0, 16 + 1 + 0, 4, 4 + 1 + 1, 8 + 1 + 0, 2)),
        ("MEAN", Held(3, 4 + 1 + 0, 16 + 1 + 0, 4, 4 + 1 + 1, 8 + 1 + 0, 2)),
        ("BINARY", Held(3, 3, 3, 4, 4 + 1 + 1, 2 + 1 + 1, 0)),
    ],
)
async def test_a_cap_is_held_against_the_users_total(
    app: Starlette, graph: Graph, aggregation: str, expected: Held
) -> None:
    await start(graph, aggregation, capLow=0, capHigh=4)

    await order(graph, ADA, 2, 3)
    await order(graph, BOB, 1)
    await order(graph, EVE, -3)

    assert await orders(app) == {"a": expected}


async def test_counts_are_capped_too(app: Starlette, graph: Graph) -> None:
    await start(graph, "COUNT", capHigh=2)

    await order(graph, ADA, 7, 7, 7)
    await order(graph, BOB, 7)

    assert await orders(app) == {"a": Held(2, 2 + 1, 4 + 1, 4, 9 + 1, 6 + 1, 1)}


async def test_who_comes_back_under_the_cap_is_no_longer_capped(
    app: Starlette, graph: Graph
) -> None:
    await start(graph, "SUM", capHigh=4)

    await order(graph, ADA, 6)
    assert await orders(app) == {"a": Held(1, 4, 16, 1, 1, 4, 1)}
    await order(graph, ADA, -3)

    assert await orders(app) == {"a": Held(1, 3, 9, 2, 4, 6, 0)}


async def test_what_comes_after_the_window_is_kept_and_does_not_count(
    app: Starlette, graph: Graph
) -> None:
    await start(graph, "SUM", windowHours=1.5)
    query = (
        "query ($u: String!) { assignment(experiment: { name: %s }, userId: $u) { assignedAt } }"
    )
    answer = await graph(query % '"checkout"', u=ADA)
    end = datetime.fromisoformat(answer["assignment"]["assignedAt"]) + timedelta(hours=1.5)

    for moment, value in (
        (end - timedelta(days=9), 1),  # before the assignment
        (end, 2),
        (end + timedelta(microseconds=1), 4),
    ):
        await track(graph, "order", ADA, value=value, timestamp=moment.isoformat())

    assert await orders(app) == {"a": Held(1, 3, 9, 2, 4, 6)}


async def test_sums_of_decimals_are_exact(app: Starlette, graph: Graph) -> None:
    await start(graph, "SUM")

    await order(graph, ADA, *[0.1] * 10)
    await order(graph, BOB, 1e15, 0.25)

    squared = Decimal("1000000000000000.25") ** 2
    total, crossed = Decimal("1000000000000001.25"), Decimal("2000000000000010.5")
    assert Decimal(10**15) ** 2 < squared
    assert await orders(app) == {"a": Held(2, total, 1 + squared, 12, 104, crossed)}


async def test_one_event_feeds_each_metric_of_its_type(app: Starlette, graph: Graph) -> None:
    kinds = {"BINARY": "PRIMARY", "SUM": "SECONDARY", "COUNT": "GUARDRAIL"}
    metrics: list[dict[str, Any]] = [
        {"name": kind, "eventType": "order", "aggregation": kind, "role": role}
        for kind, role in kinds.items()
    ]
    await running(graph, metrics=metrics)
    await assign(graph, ADA)

    await order(graph, ADA, 3, 4)

    assert await orders_by_name(app) == {
        "BINARY": Held(1, 1, 1, 2, 4, 2),
        "SUM": Held(1, 7, 49, 2, 4, 14),
        "COUNT": Held(1, 2, 4, 2, 4, 4),
    }


async def orders_by_name(app: Starlette) -> dict[str, Held]:
    return {metric: held for (_, metric), held in (await sums(app)).items() if metric}


async def test_conversions_and_tracked_events_of_that_type_add_up(
    app: Starlette, graph: Graph
) -> None:
    await start(graph, "SUM", eventType="conversion")

    await convert(graph, ADA, value=3)
    await convert(graph, ADA, value=3)
    await track(graph, "conversion", ADA, value=4)

    assert await orders(app) == {"a": Held(1, 7, 49, 2, 4, 14)}
    assert (await sums(app))["a", ""] == Held(3, 3, 9, 1, 1, 3)


async def test_what_a_draft_measures_when_it_starts_is_what_is_fed(
    app: Starlette, graph: Graph
) -> None:
    by = {"experiment": {"name": "checkout"}}
    metric = {"name": "orders", "eventType": "order", "role": "PRIMARY"}
    await draft(graph, metrics=[metric | {"aggregation": "SUM"}])
    assert await assign(graph, ADA) == ("NOT_RUNNING", None)

    await changed(graph, "experimentUpdate", **by, metrics=[metric | {"aggregation": "COUNT"}])
    await changed(graph, "experimentStart", **by)
    await assign(graph, ADA)
    await order(graph, ADA, 6)

    assert await orders(app) == {"a": Held(1, 1, 1, 1, 1, 1)}
