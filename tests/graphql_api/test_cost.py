"""What an operation costs, for who asks to be told: by a header, or by the request's extensions."""

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from tests.graphql_api.bounded import bounded
from tests.graphql_api.conftest import Graph
from tests.graphql_api.posting import CREATE, codes, post

ASKING = {"X-GraphQL-Cost": "1"}
VIEWER = "{ viewer { scopes project { name } } }"
PAGE = "{ experiments(first: 100) { nodes { assignments(first: %d) { nodes { id } } } } }"
PRICE = 1 + 100 * (1 + 1 + 100 * 2)


def cost(response: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = response.json()["extensions"]["cost"]
    return found


async def test_nothing_is_told_to_who_does_not_ask(graph: Graph) -> None:
    response = await graph.send(VIEWER)

    assert response.json().keys() == {"data"}


@pytest.mark.parametrize("given", [{}, {"cost": False}, {"cost": 1}, {"cost": None}])
async def test_extensions_ask_by_true_alone(graph: Graph, given: dict[str, Any]) -> None:
    response = await post(graph, {"query": VIEWER, "extensions": given})

    assert response.json().keys() == {"data"}


async def test_header_and_extensions_ask_for_the_same(graph: Graph) -> None:
    by_header = await graph.http.post("/graphql", json={"query": VIEWER}, headers=ASKING)
    by_body = await post(graph, {"query": VIEWER, "extensions": {"cost": True}})
    asked = {"query": VIEWER, "extensions": '{"cost": true}'}
    by_address = await graph.http.get("/graphql", params=asked)

    parts = [cost(each) for each in (by_header, by_body, by_address)]
    assert [each["requested"] for each in parts] == [4, 4, 4]
    assert [each["actual"] for each in parts] == [4, 4, 4]


async def test_what_was_asked_for_may_be_more_than_there_was(graph: Graph) -> None:
    text = "{ experiments(first: 5) { nodes { id name } } }"

    response = await graph.http.post("/graphql", json={"query": text}, headers=ASKING)

    assert (cost(response)["requested"], cost(response)["actual"]) == (16, 2)


async def test_what_remains_goes_down_by_what_was_asked_for(
    app: Starlette, database_url: str
) -> None:
    async with bounded(database_url, rate=1, rate_burst=1000) as graph:
        sent = [
            await graph.http.post("/graphql", json={"query": VIEWER}, headers=ASKING)
            for _ in range(2)
        ]

    assert [cost(each)["remaining"] for each in sent] == [996, 992]


async def test_a_mutation_is_told_too(graph: Graph) -> None:
    response = await graph.http.post("/graphql", json={"query": CREATE}, headers=ASKING)

    assert (cost(response)["requested"], cost(response)["actual"]) == (3, 3)


@pytest.mark.parametrize(
    ("text", "requested"),
    [("{ nothing }", 3), ("{", 1), ("{ experiments(first: -1) { totalCount } }", 21)],
)
async def test_errors_are_told_with_what_they_cost(
    app: Starlette, database_url: str, text: str, requested: int
) -> None:
    async with bounded(database_url, rate=1, rate_burst=100) as graph:
        response = await graph.http.post("/graphql", json={"query": text}, headers=ASKING)

    assert "errors" in response.json()
    assert cost(response) == {"requested": requested, "actual": 0, "remaining": 100 - requested}


async def test_of_what_nobody_looked_at_it_is_not_known_what_is_left(graph: Graph) -> None:
    two = {"query": "query A { __typename } query B { __typename }"}

    response = await graph.http.post("/graphql", json=two, headers=ASKING)

    assert "errors" in response.json()
    assert cost(response) == {"requested": 0, "actual": 0, "remaining": None}


async def test_an_operation_that_costs_too_much_pays_for_its_document_alone(graph: Graph) -> None:
    passes = await graph.http.post("/graphql", json={"query": PAGE % 98}, headers=ASKING)
    refused = await graph.http.post("/graphql", json={"query": PAGE % 100}, headers=ASKING)

    assert cost(passes)["requested"] == 19_801
    assert codes(refused) == ["COST_LIMIT_EXCEEDED"]
    assert refused.json()["errors"][0]["message"] == (
        f"limit of cost: this operation has {PRICE}, at most 20000 are allowed"
    )
    assert cost(refused)["requested"] == 1 + len(PAGE % 100) // 4


async def test_the_most_an_operation_may_cost_is_a_setting(
    app: Starlette, database_url: str
) -> None:
    async with bounded(database_url, max_cost=4) as graph:
        await graph(VIEWER)
        [refusal] = await graph.errors(VIEWER.replace("name", "name plan"))

    assert refusal["message"] == "limit of cost: this operation has 5, at most 4 are allowed"


async def test_a_default_of_a_variable_counts_as_the_size_of_a_page(graph: Graph) -> None:
    text = (PAGE % 100).replace("100", "$n").replace("{ exp", "query ($n: Int = 100) { exp", 1)

    [refusal] = await graph.errors(text)

    assert refusal["extensions"]["code"] == "COST_LIMIT_EXCEEDED"
