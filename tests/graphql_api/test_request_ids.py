"""Each request has an id, and a line in the log that cannot grow."""

import logging

import pytest

from tests.graphql_api.conftest import Graph
from tests.graphql_api.posting import TYPENAME, post


@pytest.mark.parametrize("body", [b"5", b'{"query": "{"}', b'{"query": "{ node(id: 5) { id } }"}'])
async def test_a_request_id_that_is_given_is_used_everywhere(graph: Graph, body: bytes) -> None:
    response = await post(graph, body, X_Request_Id="trace-1.a_B")

    assert response.headers["X-Request-Id"] == "trace-1.a_B"
    [error] = response.json()["errors"]
    assert error["extensions"]["requestId"] == "trace-1.a_B"


@pytest.mark.parametrize("given", ["", "a b", "a\tb", "x" * 65, "<script>", '"'])
async def test_a_request_id_that_cannot_be_used_is_replaced(graph: Graph, given: str) -> None:
    response = await post(graph, b"5", X_Request_Id=given)

    made = response.headers["X-Request-Id"]
    assert len(made) == 32
    assert made.isalnum()
    assert response.json()["errors"][0]["extensions"]["requestId"] == made


async def test_each_request_has_an_id_of_its_own(graph: Graph) -> None:
    first, second = await post(graph, TYPENAME), await post(graph, TYPENAME)

    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]


async def test_an_operation_is_logged_by_its_name_cut_to_size(
    graph: Graph, caplog: pytest.LogCaptureFixture
) -> None:
    name = "A" * 500_000
    with caplog.at_level(logging.INFO, "abgraph.requests"):
        await post(graph, {"query": f"query {name} {{ __typename }}", "operationName": name})

    [record] = caplog.records
    assert vars(record)["operation"] == "A" * 200
