"""Whatever users did who were assigned before: kept once for each eventId, at its time."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from starlette.applications import Starlette

from tests.graphql_api.conftest import Graph
from tests.graphql_api.tracking import (
    ask,
    assign,
    convert,
    document,
    refusals,
    sums,
    took,
    track,
    users_between,
    written,
)
from tests.graphql_api.writing import changed, running

BY = {"experiment": {"name": "checkout"}}
ORDERS = [{"name": "orders", "eventType": "order", "aggregation": "SUM", "role": "PRIMARY"}]
SOON = timedelta(seconds=10)


def hours_ahead(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


async def test_an_event_is_told_and_kept(app: Starlette, graph: Graph) -> None:
    await running(graph)
    user = next(users_between(0.5, 1))
    await assign(graph, user)
    sent = {"data": {"sku": ["x"]}, "source": "web", "sessionContext": {"tab": 2}}
    moment = "2026-02-07T13:30:00.125+01:00"

    payload = await track(graph, "order", user, value=-7.5, timestamp=moment, **sent)

    event = payload["metric"]
    assert payload["recorded"] is True
    assert (event["eventType"], event["eventValue"], event["source"]) == ("order", -7.5, "web")
    assert event["eventTimestamp"] == "2026-02-07T12:30:00.125000+00:00"
    assert datetime.now(UTC) - datetime.fromisoformat(event["createdAt"]) < SOON
    assert event["variant"] == {"name": "b"}
    query = "query ($id: ID!) { node(id: $id) { ... on Metric { eventData sessionContext } } }"
    kept = (await graph(query, id=event["id"]))["node"]
    assert kept == {"eventData": {"sku": ["x"]}, "sessionContext": {"tab": 2}}


async def test_left_out_the_value_is_one_and_the_time_is_now(graph: Graph) -> None:
    await running(graph)
    await assign(graph)

    event = (await track(graph, "order"))["metric"]

    assert (event["eventValue"], event["source"]) == (1, None)
    assert event["eventTimestamp"] == event["createdAt"]
    assert datetime.now(UTC) - datetime.fromisoformat(event["createdAt"]) < SOON


async def test_each_event_without_an_id_is_one_of_its_own(app: Starlette, graph: Graph) -> None:
    await running(graph)
    await assign(graph)

    payloads = [await track(graph, "order") for _ in range(3)]

    assert [payload["recorded"] for payload in payloads] == [True] * 3
    assert len({payload["metric"]["id"] for payload in payloads}) == 3
    assert (await written(app))[1] == 3


async def test_sent_again_an_event_is_what_it_was_first(app: Starlette, graph: Graph) -> None:
    await running(graph, metrics=ORDERS)
    await assign(graph)
    first = await track(graph, "order", value=5, eventId="e1")
    before = await written(app), await sums(app)

    again = [
        await track(graph, "order", value=5, eventId="e1"),
        await track(graph, "refund", value=6, eventId="e1", timestamp=hours_ahead(1)),
    ]

    assert again == [first | {"recorded": False}] * 2
    assert (await written(app), await sums(app)) == before


async def test_twenty_at_once_with_one_id_are_one_event(app: Starlette, graph: Graph) -> None:
    await running(graph, metrics=ORDERS)
    await assign(graph)

    payloads = await asyncio.gather(
        *(track(graph, "order", value=n, eventId="e1") for n in range(20))
    )

    assert Counter(payload["recorded"] for payload in payloads) == {True: 1, False: 19}
    assert len({payload["metric"]["id"] for payload in payloads}) == 1
    assert (await written(app))[1:3] == (1, 1)


async def test_an_id_is_the_users_own_in_each_experiment(app: Starlette, graph: Graph) -> None:
    for name in ("one", "two"):
        await running(graph, name=name)
    places = [(user, name) for user in ("ada", "bob") for name in ("one", "two")]
    for user, name in places:
        await assign(graph, user, experiment=name)

    payloads = [
        await track(graph, "order", user, experiment=name, eventId="e1") for user, name in places
    ]

    assert [payload["recorded"] for payload in payloads] == [True] * 4
    assert (await written(app))[1] == 4


async def test_no_eventid_is_taken_for_the_conversion(graph: Graph) -> None:
    await running(graph)
    await assign(graph)

    event = await track(graph, "conversion", eventId="conversion")

    assert event["recorded"] is True
    assert (await convert(graph))["recorded"] is True


async def test_a_tracked_conversion_does_not_make_the_user_a_convert(graph: Graph) -> None:
    await running(graph)
    await assign(graph)

    await track(graph, "conversion")

    query = '{ assignment(experiment: { name: "checkout" }, userId: "ada") { hasConverted } }'
    assert await graph(query) == {"assignment": {"hasConverted": False}}


@pytest.mark.parametrize("hours", [-24 * 365, -1, 0, 23.999])
async def test_an_event_may_have_happened_when_it_says(graph: Graph, hours: float) -> None:
    await running(graph)
    await assign(graph)
    moment = hours_ahead(hours)

    payload = await track(graph, "order", timestamp=moment)

    assert payload["metric"]["eventTimestamp"] == moment


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        ("9999-12-31T23:59:59Z", "lies more than 24 hours ahead"),
        ("1999-12-31T23:59:59Z", "lies before 2000-01-01"),
        ("0001-01-01T00:00:00Z", "lies before 2000-01-01"),
    ],
    ids=["never", "long ago", "the first day"],
)
async def test_no_event_lies_far_ahead_or_long_ago(
    app: Starlette, graph: Graph, moment: str, told: str
) -> None:
    await running(graph)
    await assign(graph)

    payload = await ask(graph, "track", eventType="order", timestamp=moment)

    assert refusals(payload) == [("INVALID", "input.timestamp", told)]
    assert (await written(app))[1] == 0


async def test_no_event_lies_more_than_a_day_ahead(graph: Graph) -> None:
    await running(graph)
    await assign(graph)

    payload = await ask(graph, "track", eventType="order", timestamp=hours_ahead(24.001))

    assert refusals(payload) == [("INVALID", "input.timestamp", "lies more than 24 hours ahead")]


@pytest.mark.parametrize("moment", ["2026-02-07T12:30:00", "2026-02-07", "now", 1770467400, ""])
async def test_a_time_has_an_offset(app: Starlette, graph: Graph, moment: object) -> None:
    await running(graph)
    await assign(graph)
    order = {"experiment": "checkout", "userId": "ada", "eventType": "order"}

    [error] = await graph.errors(document("track"), input=order | {"timestamp": moment})

    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "is no RFC 3339 time with an offset" in error["message"]
    assert (await written(app))[1] == 0


async def test_who_was_not_assigned_did_nothing(app: Starlette, graph: Graph) -> None:
    await running(graph)
    await assign(graph)

    payload = await ask(graph, "track", "bob", eventType="order", eventId="e1")

    told = "this user has no assignment in that experiment"
    assert refusals(payload) == [("NOT_ASSIGNED", "input.userId", told)]
    assert (await written(app))[1] == 0
    await assign(graph, "bob")
    assert (await track(graph, "order", "bob", eventId="e1"))["recorded"] is True


@pytest.mark.parametrize("step", ["Pause", "Complete"])
async def test_an_event_is_kept_where_the_experiment_has_stopped(
    app: Starlette, graph: Graph, step: str
) -> None:
    await running(graph)
    await assign(graph)
    await changed(graph, f"experiment{step}", **BY)

    assert (await track(graph, "order"))["recorded"] is True
    assert (await written(app))[1] == 1


async def test_how_many_statements_an_event_is(app: Starlette, graph: Graph) -> None:
    await running(graph, metrics=ORDERS)
    await assign(graph)
    order = {"experiment": "checkout", "userId": "ada", "eventType": "order", "eventId": "e1"}

    fed, again, unfed = [
        await took(app, graph, "track", order | changed)
        for changed in ({}, {}, {"eventType": "click", "eventId": "e2"})
    ]

    read, kept = "SELECT ab_assignments", "INSERT ab_metrics"
    assert fed == [read, kept, "INSERT ab_user_totals", "INSERT ab_running_sums"]
    assert again == [read, kept, "SELECT ab_metrics", read]
    assert unfed == [read, kept]
