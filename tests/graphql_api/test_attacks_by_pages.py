"""What the page of an attacker can make a browser do, and what browsers are told about ours."""

from urllib.parse import urlencode

import httpx
import pytest
from starlette.applications import Starlette

from tests.graphql_api.bounded import bounded
from tests.graphql_api.conftest import EMAIL, PASSWORD, SERVER_KEY, Graph
from tests.graphql_api.posting import CREATE, TYPENAME, post

EVIL = "https://evil.example"
HOW_MANY = "{ experiments { totalCount } }"
NONE = {"experiments": {"totalCount": 0}}
SIMPLE = {  # what a page may send to another origin without being asked about it
    "application/x-www-form-urlencoded": urlencode({"query": CREATE}),
    "multipart/form-data; boundary=b": '--b\r\nContent-Disposition: form-data; name="query"\r\n\r\n'
    f"{CREATE}\r\n--b--",
    "text/plain": '{"query": "' + CREATE.replace('"', '\\"') + '"}',
}  # fmt: skip
LOG_IN = f'sessionCreate(input: {{ email: "{EMAIL}", password: "{PASSWORD}" }}) {{ token }}'
CLOSED = "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize("media_type", SIMPLE)
@pytest.mark.parametrize("origin", [EVIL, "null", "http://abgraph"])
async def test_a_form_changes_nothing(graph: Graph, origin: str, media_type: str) -> None:
    headers = {"Content-Type": media_type, "Origin": origin}

    response = await graph.http.post("/graphql", content=SIMPLE[media_type], headers=headers)

    assert response.status_code == (415 if origin == "http://abgraph" else 403)
    assert "access-control-allow-origin" not in response.headers
    assert await graph(HOW_MANY) == NONE


@pytest.mark.parametrize("how", ["GET", "HEAD"])
async def test_an_address_changes_nothing(graph: Graph, how: str) -> None:
    response = await graph.http.request(how, "/graphql", params={"query": CREATE})

    assert response.status_code == 405
    assert await graph(HOW_MANY) == NONE


@pytest.mark.parametrize("how", ["PUT", "PATCH", "DELETE", "TRACE"])
async def test_there_are_no_other_methods(graph: Graph, how: str) -> None:
    response = await graph.http.request(how, "/graphql", json={"query": CREATE})

    assert response.status_code == 405
    assert await graph(HOW_MANY) == NONE


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
async def test_a_header_does_not_change_the_method(graph: Graph, name: str) -> None:
    asked = {"query": CREATE}

    response = await graph.http.get("/graphql", params=asked, headers={name: "POST"})

    assert response.status_code == 405
    assert await graph(HOW_MANY) == NONE


@pytest.mark.parametrize("name", ["access_token", "Authorization", "authorization", "token", "key"])
async def test_a_token_in_an_address_is_no_token(graph: Graph, name: str) -> None:
    asked = {"query": HOW_MANY, name: f"Bearer {SERVER_KEY}"}

    by_get = await graph.showing(None).http.get("/graphql", params=asked)
    by_post = await graph.showing(None).http.post(
        "/graphql", params={name: SERVER_KEY}, json={"query": HOW_MANY}
    )

    assert (by_get.status_code, by_post.status_code) == (401, 401)


@pytest.mark.parametrize("name", ["session", "token", "Authorization", "access_token"])
async def test_a_cookie_is_not_read(graph: Graph, name: str) -> None:
    headers = {"Cookie": f"{name}={SERVER_KEY}"}

    response = await graph.showing(None).http.post(
        "/graphql", json={"query": HOW_MANY}, headers=headers
    )

    assert response.status_code == 401


async def test_no_cookie_is_set_not_even_by_logging_in(graph: Graph) -> None:
    in_, out = [
        await graph.send(f"mutation {{ {text} }}")
        for text in (LOG_IN, "sessionRevoke { errors { code } }")
    ]

    assert in_.json()["data"]["sessionCreate"]["token"].startswith("abs_")
    assert "set-cookie" not in in_.headers
    assert "set-cookie" not in out.headers


async def _each_kind(graph: Graph) -> dict[str, httpx.Response]:
    http = graph.http
    origin = {"Origin": EVIL, "Access-Control-Request-Method": "POST"}
    return {
        "an answer": await post(graph, TYPENAME),
        "by GET": await http.get("/graphql", params=TYPENAME),
        "errors": await post(graph, {"query": "{"}),
        "no request": await post(graph, b"5"),
        "no credentials": await graph.showing("abk_wrong").send(HOW_MANY),
        "a stream": await post(graph, TYPENAME, Accept="text/event-stream"),
        "no such method": await http.put("/graphql"),
        "preflight": await http.options("/graphql", headers=origin),
        "no such path": await http.get("/nothing"),
        "the page": await http.get("/graphql", headers={"Accept": "text/html"}),
        "a file": await http.get("/static/graphiql/start.js"),
        "no such file": await http.get("/static/nothing"),
        "the tracker": await http.get("/tracker.js"),
        "its types": await http.get("/tracker.d.ts"),
        "alive": await http.get("/healthz"),
        "ready": await http.get("/readyz"),
    }


async def test_every_answer_tells_browsers_to_be_careful(graph: Graph) -> None:
    found = await _each_kind(graph)

    for kind, response in found.items():
        headers = response.headers
        assert headers["X-Content-Type-Options"] == "nosniff", kind
        assert headers["Referrer-Policy"] == "no-referrer", kind
        assert headers["X-Frame-Options"] == "DENY", kind
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], kind
        assert "server" not in headers, kind
        assert "set-cookie" not in headers, kind


async def test_only_the_page_may_load_anything(graph: Graph) -> None:
    found = await _each_kind(graph)

    page = found.pop("the page").headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; " in page
    assert "unsafe" not in page
    assert {each.headers["Content-Security-Policy"] for each in found.values()} == {CLOSED}


async def test_other_origins_may_embed_the_tracker_alone(graph: Graph) -> None:
    found = await _each_kind(graph)

    policies = {kind: each.headers["Cross-Origin-Resource-Policy"] for kind, each in found.items()}
    assert {kind for kind, policy in policies.items() if policy == "cross-origin"} == {
        "the tracker",
        "its types",
    }
    assert set(policies.values()) == {"cross-origin", "same-origin"}


async def test_answers_are_kept_by_nobody(graph: Graph) -> None:
    found = await _each_kind(graph)

    kept = {kind for kind, each in found.items() if each.headers.get("Cache-Control") != "no-store"}
    assert kept <= {
        "preflight",
        "the page",
        "a file",
        "the tracker",
        "its types",
        "alive",
        "ready",
    }


async def test_in_production_it_is_the_same(app: Starlette, database_url: str) -> None:
    async with bounded(database_url, env="production") as graph:
        answer, page = [
            await graph.http.get("/graphql", params=asked, headers={"Accept": accept})
            for asked, accept in ((TYPENAME, "*/*"), ({}, "text/html"))
        ]

    assert (answer.status_code, page.status_code) == (200, 406)
    for response in (answer, page):
        assert response.headers["Content-Security-Policy"] == CLOSED
