"""Documents that are made to cost more than they weigh, and what scanners for GraphQL try."""

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest
from graphql import get_introspection_query
from starlette.applications import Starlette

from tests.graphql_api.bounded import Bounded, bounded
from tests.graphql_api.conftest import EMAIL, TRACKER_KEY, Graph
from tests.graphql_api.posting import CREATE, OLD, codes, post
from tests.graphql_api.rows import database_of
from tests.persistence.statements import counted

LOG_IN = f'sessionCreate(input: {{ email: "{EMAIL}", password: "guess %d" }}) {{ token }}'
NONE = {"experiments": {"totalCount": 0}}
HOW_MANY = "{ experiments { totalCount } }"

ATTACKS = {
    "a thousand aliases": "{" + "".join(f"a{n}:__typename " for n in range(600)) + "}",
    "ten thousand aliases": "{" + "".join(f"a{n}:__typename " for n in range(10_000)) + "}",
    "a viewer 480 times": "{" + "viewer { scopes } " * 480 + "}",
    "one field 500 times": "{" + "__typename " * 500 + "}",
    "directives": "{ __typename " + "@aa" * 400 + " }",
    "directives on directives": "{" + "__typename @skip(if: false) " * 100 + "}",
    "a circle of fragments": "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    "ten levels of ten": "{ ...f0 } "
    + " ".join(f"fragment f{n} on Query {{ {f'...f{n + 1} ' * 10} }}" for n in range(10))
    + " fragment f10 on Query { viewer { scopes } }",
    "depth": '{ node(id: "a") ' + "{ ... on Variant { experiment { variants " * 20 + "{ id }"
    + "}}}" * 20 + "}",
    "introspection in a circle": "{ __schema { types { fields { type { fields { type { fields "
    "{ type { fields { name } } } } } } } } } }",
    "guesses in aliases": "mutation {" + " ".join(f"a{n}: {LOG_IN % n}" for n in range(11)) + "}",
}  # fmt: skip


@pytest.fixture
async def production(app: Starlette, database_url: str) -> AsyncIterator[Bounded]:
    async with bounded(database_url, env="production") as graph:
        yield graph


@pytest.mark.parametrize("attack", ATTACKS)
async def test_what_weighs_too_much_is_refused_before_anything_is_read(
    production: Bounded, attack: str
) -> None:
    await production(HOW_MANY)
    async with counted(database_of(production.app), besides="experiment_status") as statements:
        response = await production.send(ATTACKS[attack])

    assert set(codes(response)) <= {"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"}
    assert len(codes(response)) <= 5
    assert statements == []


@pytest.mark.parametrize("size", [10**9, 2**31 - 1, 101, -1, -(2**31)])
@pytest.mark.parametrize("way", ["first", "last"])
async def test_a_page_of_a_thousand_million_is_refused(graph: Graph, way: str, size: int) -> None:
    [literal] = await graph.errors(f"{{ experiments({way}: {size}) {{ nodes {{ id }} }} }}")
    query = f"query ($n: Int) {{ experiments({way}: $n) {{ nodes {{ id }} }} }}"
    [variable] = await graph.errors(query, n=size)

    assert literal["message"] == variable["message"] == f"{way} is {size}: it may be 0 to 100"


async def test_pages_in_pages_cost_what_they_may_hold(graph: Graph) -> None:
    [refusal] = await graph.errors(
        "{ experiments(first: 100) { nodes { assignments(first: 100) { nodes "
        "{ metrics(first: 100) { nodes { id } } } } } } }"
    )

    assert refusal["extensions"]["code"] == "COST_LIMIT_EXCEEDED"
    assert "this operation has 2020201, at most 20000" in refusal["message"]


async def test_guesses_at_a_password_in_one_request_are_counted_one_by_one(graph: Graph) -> None:
    async def guess() -> list[str]:
        text = "mutation {" + " ".join(f"a{n}: {LOG_IN % n}" for n in range(10)) + "}"
        body = (await graph.showing(None).send(text)).json()
        return [error["extensions"]["code"] for error in body.get("errors", [])]

    found = await guess() + await guess()

    assert "RATE_LIMITED" in found


@pytest.mark.parametrize("body", [[], [{"query": HOW_MANY}], [{"query": CREATE}] * 10])
async def test_operations_in_an_array_are_refused(graph: Graph, body: list[object]) -> None:
    response = await post(graph, body)

    assert (response.status_code, codes(response)) == (400, ["BAD_USER_INPUT"])
    assert await graph(HOW_MANY) == NONE


async def test_a_subscription_costs_what_it_watches(graph: Graph) -> None:
    fields = " ".join(["results { metrics { name } }"] * 20)
    text = f'subscription {{ experimentStats(experiment: {{ name: "a" }}) {{ {fields} }} }}'

    response = await post(graph, {"query": text})

    assert (response.status_code, codes(response)) == (400, ["BAD_USER_INPUT"])


async def test_in_production_scanners_learn_nothing_of_the_schema(production: Bounded) -> None:
    introspected = await production.errors(get_introspection_query())
    [typo] = await production.errors("{ experimens { totalCount } }")
    page = await production.http.get("/graphql", headers={"Accept": "text/html"})

    assert all("introspection has been disabled" in error["message"] for error in introspected)
    assert typo["message"] == "Cannot query field 'experimens' on type 'Query'."
    assert "graphiql" not in page.text.lower()


async def test_scanners_find_no_way_but_json(graph: Graph) -> None:
    by_get = await graph.http.get("/graphql", params={"query": CREATE})
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    content = urlencode({"query": HOW_MANY})
    by_form = await graph.http.post("/graphql", content=content, headers=form)

    assert (by_get.status_code, by_form.status_code) == (405, 415)
    assert await graph(HOW_MANY) == NONE


@pytest.mark.parametrize("path", ["/", "/graphiql", "/playground", "/console", "/v1/graphql"])
async def test_scanners_find_no_other_page(graph: Graph, path: str) -> None:
    response = await graph.http.get(path, headers={"Accept": "text/html"})

    assert (response.status_code, codes(response)) == (404, ["BAD_USER_INPUT"])


async def test_no_header_turns_traces_on(graph: Graph) -> None:
    headers = {"X-Apollo-Tracing": "1", "Apollo-Federation-Include-Trace": "ftv1", "X-Debug": "1"}

    response = await graph.http.post("/graphql", json={"query": HOW_MANY}, headers=headers)

    assert response.json().keys() == {"data"}


@pytest.mark.parametrize(
    "query", ["qwerty { abc }", "{ node(id: ) }", "{ __typename", "\\", "\x00"]
)
async def test_an_error_tells_nothing_of_how_the_server_is_made(
    production: Bounded, query: str
) -> None:
    response = await post(production, {"query": query}, Content_Type=OLD)

    told = response.text.lower()
    assert codes(response) == ["GRAPHQL_PARSE_FAILED"]
    assert not [
        word for word in ("python", "traceback", ".py", "strawberry", "sql(") if word in told
    ]


async def test_a_tracker_asks_for_what_trackers_ask_for_whatever_the_document(
    graph: Graph,
) -> None:
    text = "{ activeExperiments { name project { apiKeys { prefix } } } }"

    response = await graph.showing(TRACKER_KEY).send(text)

    assert (response.status_code, codes(response)) == (403, ["FORBIDDEN"])
