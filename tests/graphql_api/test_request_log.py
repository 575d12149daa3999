"""One line for each request: what was asked, what became of it and what it took."""

import asyncio
import logging
from typing import Any

import pytest

from tests.graphql_api.conftest import Graph
from tests.graphql_api.posting import post
from tests.graphql_api.tracking import document
from tests.graphql_api.writing import draft, running

NAMED = "query Shop($name: String!) { experiment(by: {name: $name}) { name variants { name } } }"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "abgraph.requests")
    return caplog


def line(log: pytest.LogCaptureFixture) -> dict[str, Any]:
    """The fields of the only line; how long it took is not the same twice."""
    [record] = log.records
    assert vars(record)["duration_ms"] >= 0
    names = ("status", "operation", "outcome", "cost", "statements", "values")
    return {name: vars(record)[name] for name in names if name in vars(record)}


async def test_a_line_tells_name_cost_and_statements(
    graph: Graph, log: pytest.LogCaptureFixture
) -> None:
    await draft(graph)
    log.clear()

    await graph(NAMED, name="checkout")

    assert log.messages == ["POST /graphql"]
    assert line(log) == {
        "status": 200,
        "operation": "Shop",
        "outcome": "ok",
        "cost": 4,
        "statements": 2,
    }


async def test_neither_document_nor_values_are_logged(
    graph: Graph, log: pytest.LogCaptureFixture
) -> None:
    await graph(NAMED, name="a name that is nobody's business")

    [record] = log.records
    assert "nobody" not in str(vars(record))
    assert "variants" not in str(vars(record))


async def test_an_operation_without_a_name_is_logged_without_one(
    graph: Graph, log: pytest.LogCaptureFixture
) -> None:
    await graph("{ __typename }")

    assert line(log) == {"status": 200, "outcome": "ok", "cost": 1, "statements": 0}


async def test_what_is_refused_is_logged_with_its_code(
    graph: Graph, log: pytest.LogCaptureFixture
) -> None:
    await graph.showing(None).send("query Broken { nothing }")

    assert line(log) == {
        "status": 200,
        "outcome": "GRAPHQL_VALIDATION_FAILED",
        "statements": 0,
    }


async def test_what_is_no_graphql_is_logged_with_its_status(
    graph: Graph, log: pytest.LogCaptureFixture
) -> None:
    await post(graph.showing(None), b"5")

    assert line(log) == {"status": 400, "statements": 0}


async def test_each_of_two_requests_at_once_counts_its_own_statements(
    graph: Graph, log: pytest.LogCaptureFixture
) -> None:
    await draft(graph)
    log.clear()

    await asyncio.gather(graph(NAMED, name="checkout"), graph("query None { __typename }"))

    told = {vars(record)["operation"]: vars(record)["statements"] for record in log.records}
    assert told == {"Shop": 2, "None": 0}


async def test_what_a_group_writes_is_nobodys_own(
    graph: Graph, log: pytest.LogCaptureFixture
) -> None:
    await running(graph)
    assign = document("assign", "reason")
    await graph(assign, input={"userId": "ada", "experiment": "checkout"})
    log.clear()

    answer = await graph(assign, input={"userId": "bob", "experiment": "checkout"})

    assert answer["assign"]["reason"] == "NEW"
    assert line(log)["statements"] == 0


async def test_a_look_at_the_metrics_is_not_worth_a_line(
    graph: Graph, log: pytest.LogCaptureFixture
) -> None:
    await graph.http.get("/metrics")

    assert log.records == []
