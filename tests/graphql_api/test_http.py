"""GraphQL over HTTP: methods, media types and statuses."""

from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
import pytest
from starlette.applications import Starlette

from graphql_api.app import create_app
from graphql_api.settings import Settings
from tests.graphql_api.conftest import Graph
from tests.graphql_api.posting import CREATE, NEW, OLD, QUERY, TYPENAME, codes, post


async def test_a_query_is_answered_by_post_and_by_get(graph: Graph) -> None:
    by_post = await post(graph, TYPENAME)
    by_get = await graph.http.get("/graphql", params=TYPENAME)

    assert by_post.status_code == by_get.status_code == 200
    assert by_post.json() == by_get.json() == QUERY


async def test_get_takes_variables_and_an_operation_name(graph: Graph) -> None:
    query = "query A { __typename } query B($n: String!) { experiment(by: { name: $n }) { id } }"
    asked = {"query": query, "operationName": "B", "variables": '{"n": "a"}', "extensions": "{}"}

    response = await graph.http.get("/graphql", params=asked)

    assert response.json() == {"data": {"experiment": None}}


async def test_a_mutation_is_run_by_post_only(graph: Graph) -> None:
    refused = await graph.http.get("/graphql", params={"query": CREATE})
    assert (refused.status_code, codes(refused)) == (405, ["BAD_USER_INPUT"])
    assert refused.json()["errors"][0]["message"] == "send a mutation by POST"
    assert refused.headers["Allow"] == "POST"
    assert await graph("{ experiments { totalCount } }") == {"experiments": {"totalCount": 0}}

    done = await post(graph, {"query": CREATE})

    assert done.json()["data"] == {"experimentCreate": {"experiment": {"name": "a"}}}


async def test_get_does_not_run_a_mutation_that_is_named(graph: Graph) -> None:
    query = f"query A {{ __typename }} {CREATE.replace('mutation', 'mutation B')}"

    response = await graph.http.get("/graphql", params={"query": query, "operationName": "B"})

    assert response.status_code == 405
    assert await graph("{ experiments { totalCount } }") == {"experiments": {"totalCount": 0}}


@pytest.mark.parametrize("media_type", [OLD, NEW])
@pytest.mark.parametrize("method", ["get", "post"])
async def test_the_answer_has_the_media_type_that_was_asked_for(
    graph: Graph, method: str, media_type: str
) -> None:
    request: dict[str, Any] = {"params": TYPENAME} if method == "get" else {"json": TYPENAME}

    response = await graph.http.request(
        method, "/graphql", headers={"Accept": media_type}, **request
    )

    assert response.headers["Content-Type"] == f"{media_type}; charset=utf-8"
    assert response.json() == QUERY


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", OLD),
        ("", OLD),
        ("application/*", OLD),
        ("text/html, */*;q=0.1", OLD),
        ("application/json; charset=utf-8", OLD),
        ("APPLICATION/JSON", OLD),
        (f"{NEW}, {OLD}", NEW),
        (f"{OLD}, {NEW}", NEW),
        (f"{NEW};q=0.9", NEW),
    ],
)
async def test_what_will_do_is_chosen(graph: Graph, accept: str, media_type: str) -> None:
    response = await post(graph, TYPENAME, Accept=accept)

    assert response.status_code == 200
    assert response.headers["Content-Type"] == f"{media_type}; charset=utf-8"


@pytest.mark.parametrize(
    "accept", ["text/html", "application/xml", "text/*", "application/jsonfoo"]
)
async def test_nothing_else_is_offered(graph: Graph, accept: str) -> None:
    response = await post(graph, TYPENAME, Accept=accept)

    assert (response.status_code, codes(response)) == (406, ["BAD_USER_INPUT"])
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": " "}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ a" * 5000}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nobody }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{ experiments(first: true) { totalCount } }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{ ...A } fragment A on Query { ...A }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query A { __typename } query B { __typename }"}, "GRAPHQL_VALIDATION_FAILED"),
        (
            {"query": "query ($n: ID!) { node(id: $n) { id } }", "variables": {"n": None}},
            "BAD_USER_INPUT",
        ),
        (
            {"query": "query ($n: ID!) { node(id: $n) { id } }", "variables": {"n": {}}},
            "BAD_USER_INPUT",
        ),
        ({"query": "query ($n: ID!) { node(id: $n) { id } }"}, "BAD_USER_INPUT"),
    ],
    ids=lambda value: str(value)[:90],
)  # fmt: skip
async def test_what_cannot_be_run_is_400_without_data_in_the_new_type_and_200_in_the_old(
    graph: Graph, asked: dict[str, object], code: str
) -> None:
    new, old = await post(graph, asked, Accept=NEW), await post(graph, asked, Accept=OLD)

    assert (new.status_code, old.status_code) == (400, 200)
    assert new.json().keys() == old.json().keys() == {"errors"}
    assert set(codes(new)) == set(codes(old)) == {code}


@pytest.mark.parametrize("media_type", [OLD, NEW])
async def test_what_fails_while_it_runs_is_200_with_data(graph: Graph, media_type: str) -> None:
    response = await post(graph, {"query": '{ node(id: "5") { id } }'}, Accept=media_type)

    assert response.status_code == 200
    assert response.json()["data"] == {"node": None}
    assert codes(response) == ["BAD_USER_INPUT"]


async def test_head_is_answered_as_get_is(graph: Graph) -> None:
    response = await graph.http.head("/graphql", params=TYPENAME)
    typed = await graph.http.request("HEAD", "/graphql", json=TYPENAME, params=TYPENAME)

    assert (response.status_code, typed.status_code) == (200, 200)
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("accepted", [OLD, NEW, "text/html", "image/png"])
@pytest.mark.parametrize("query", ["{ __typename }", "{ nothing }", "{", CREATE, None])
async def test_head_has_the_status_and_the_headers_of_get_and_no_body(
    graph: Graph, query: str | None, accepted: str
) -> None:
    asked: dict[str, Any] = {"params": {} if query is None else {"query": query}}
    asked["headers"] = {"Accept": accepted, "X-Request-Id": "the-same"}
    by_get = await graph.http.get("/graphql", **asked)
    by_head = await graph.http.head("/graphql", **asked)

    assert by_head.status_code == by_get.status_code
    assert by_head.headers == by_get.headers


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_are_405_and_told_what_is_allowed(graph: Graph, method: str) -> None:
    response = await graph.http.request(method, "/graphql", json=TYPENAME)

    assert (response.status_code, codes(response)) == (405, ["BAD_USER_INPUT"])
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/graphql/", "/static/nowhere.js", "/static/../app.py"]
)
async def test_what_is_not_there_is_404_as_json(graph: Graph, path: str) -> None:
    response = await graph.http.get(path, follow_redirects=False)

    assert response.status_code in (307, 404)
    if response.status_code == 404:
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
        assert codes(response) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("body", [orjson.dumps(TYPENAME), b"5", b'{"query": "{"}'])
async def test_no_answer_is_kept_or_guessed_at(graph: Graph, body: bytes) -> None:
    response = await post(graph, body)

    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("accept", ["text/html", "text/html,application/xhtml+xml,*/*;q=0.8"])
async def test_a_browser_is_shown_the_page_in_development_only(
    graph: Graph, database_url: str, accept: str
) -> None:
    headers = {"Accept": accept}
    production = create_app(Settings(env="production"), database_url)
    async with production.router.lifespan_context(production), client(production) as strict:
        shown = await graph.http.get("/graphql", headers=headers)
        hidden = await strict.get("/graphql", headers=headers)
        queried = await graph.http.get(f"/graphql?{urlencode(TYPENAME)}", headers=headers)

    assert (shown.status_code, shown.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert hidden.status_code in (400, 406)
    assert hidden.headers["Content-Type"] == "application/json; charset=utf-8"
    assert queried.headers["Content-Type"] == "application/json; charset=utf-8"


def client(app: Starlette) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://abgraph")
