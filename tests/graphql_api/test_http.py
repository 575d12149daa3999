"""GraphQL over HTTP: media types, methods, bodies, and what a client hears of a fault."""

import io
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
import pytest
from sqlalchemy.schema import DropTable
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from domain.authoring import Authoring
from domain.errors import Unavailable
from domain.experiments import Experiment, ExperimentFilter
from domain.ids import ProjectId
from domain.paging import Page, Window
from domain.projects import Project
from graphql_api import logs
from graphql_api.app import create_app
from graphql_api.context import Context, Services
from graphql_api.documents import MAX_BODY
from graphql_api.request_log import RequestLog
from graphql_api.schema import schema
from graphql_api.settings import Settings
from graphql_api.transport import GraphQLEndpoint
from persistence.engine import Database
from persistence.people_tables import api_keys
from tests.factories import NOON, make_caller
from tests.fakes import FakeExperiments, FakeVariants, Memory
from tests.graphql_api.conftest import Graph

OLD, NEW = "application/json", "application/graphql-response+json"
TYPENAME = {"query": "{ __typename }"}
QUERY = {"data": {"__typename": "Query"}}
CREATE = 'mutation { experimentCreate(input: { name: "a" }) { experiment { name } } }'


async def post(graph: Graph, body: object, **headers: str) -> httpx.Response:
    """Headers with _ for -."""
    content = body if isinstance(body, str | bytes) else orjson.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await graph.http.post("/graphql", content=content, headers={"Content-Type": OLD} | named)


def codes(response: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in response.json()["errors"]]


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


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     "application/jsonfoo", "application/json, text/plain", "application/graphql", "json", NEW],
)  # fmt: skip
async def test_a_body_of_another_media_type_is_415(graph: Graph, content_type: str) -> None:
    response = await post(graph, {"query": CREATE}, Content_Type=content_type)

    assert (response.status_code, codes(response)) == (415, ["BAD_USER_INPUT"])
    assert await graph("{ experiments { totalCount } }") == {"experiments": {"totalCount": 0}}


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', "utf8"])
async def test_a_body_may_say_that_it_is_utf_8(graph: Graph, charset: str) -> None:
    response = await post(graph, TYPENAME, Content_Type=f"application/json; charset={charset}")

    assert response.json() == QUERY


@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-16", "bogus", "\x01", "utf-7"])
async def test_a_body_in_another_charset_is_400(graph: Graph, charset: str) -> None:
    response = await post(graph, TYPENAME, Content_Type=f"application/json; charset={charset}")

    assert (response.status_code, codes(response)) == (400, ["BAD_USER_INPUT"])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is no valid JSON"),
        (b"[[[", "the body is no valid JSON"),
        (b"[" * 200_000, "the body is no valid JSON"),
        (b'{"query": "{ __typename \xff }"}', "the body is no valid JSON"),
        (b'{"query": "{ a }", "variables": {"a": "\\ud800"}}', "the body is no valid JSON"),
        (b'{"query": "{ __typename }", "variables": {"a": NaN}}', "the body is no valid JSON"),
        (b'{"query": "{ __typename }"} x', "the body is no valid JSON"),
        (b"5", "the body must be a JSON object"),
        (b"null", "the body must be a JSON object"),
        (b'"x"', "the body must be a JSON object"),
        (b"[]", "the body must be a JSON object"),
        (b'[{"query": "{ __typename }"}]', "the body must be a JSON object"),
        (b"{}", "query must be a text that is not empty"),
        (b'{"query": ""}', "query must be a text that is not empty"),
        (b'{"query": null}', "query must be a text that is not empty"),
        (b'{"query": {}}', "query must be a text that is not empty"),
        (b'{"query": "{ __typename }", "variables": []}', "variables must be an object"),
        (b'{"query": "{ __typename }", "variables": "{}"}', "variables must be an object"),
        (b'{"query": "{ __typename }", "variables": 0}', "variables must be an object"),
        (b'{"query": "{ __typename }", "extensions": "x"}', "extensions must be an object"),
        (b'{"query": "{ __typename }", "operationName": {}}', "operationName must be a text"),
        (b'{"query": "{ __typename }", "operationName": 0}', "operationName must be a text"),
        (b'{"query": "{ __typename }", "operationName": false}', "operationName must be a text"),
        (b'{"query": "{ __typename }", "operationName": "B"}', 'Unknown operation named "B".'),
        (b'{"query": "fragment A on Query { __typename }"}', "Can't get GraphQL operation type"),
        (b'{"query": "subscription { a }"}', "subscriptions are not served over plain HTTP"),
    ],
    ids=lambda value: str(value)[:70],
)  # fmt: skip
async def test_a_body_that_is_no_request_is_400(graph: Graph, body: bytes, message: str) -> None:
    for accept in (OLD, NEW):
        response = await post(graph, body, Accept=accept)

        assert (response.status_code, codes(response)) == (400, ["BAD_USER_INPUT"])
        assert response.json().keys() == {"errors"}
        assert response.json()["errors"][0]["message"] == message


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "query must be a text that is not empty"),
        ({"query": ""}, "query must be a text that is not empty"),
        ({"query": "{ __typename }", "variables": "{"}, "variables is no valid JSON"),
        ({"query": "{ __typename }", "variables": "[]"}, "variables must be an object"),
        ({"query": "{ a }", "variables": '{"a": "\\ud800"}'}, "variables is no valid JSON"),
        ({"query": "{ __typename }", "extensions": "5"}, "extensions must be an object"),
        ({"query": "{ __typename }", "operationName": "B"}, 'Unknown operation named "B".'),
        ({"query": "subscription { a }"}, "subscriptions are not served over plain HTTP"),
    ],
    ids=str,
)  # fmt: skip
async def test_a_url_that_is_no_request_is_400(
    graph: Graph, parameters: dict[str, str], message: str
) -> None:
    response = await graph.http.get("/graphql", params=parameters)

    assert (response.status_code, codes(response)) == (400, ["BAD_USER_INPUT"])
    assert response.json()["errors"][0]["message"] == message


@pytest.mark.parametrize("query", [b"%7B__typename%7D%FF", b"%ED%A0%80", b"%00", b"%"])
async def test_a_url_with_bytes_that_are_no_text_is_answered(graph: Graph, query: bytes) -> None:
    response = await graph.http.get(f"/graphql?query={query.decode()}")

    assert codes(response) == ["GRAPHQL_PARSE_FAILED"]


@pytest.mark.parametrize(
    "empty",
    [{"operationName": None}, {"operationName": ""}, {"variables": None}, {"variables": {}},
     {"extensions": {}}, {"unknown": 5}],
    ids=str,
)  # fmt: skip
async def test_what_is_empty_or_unknown_in_a_body_is_left_alone(
    graph: Graph, empty: dict[str, object]
) -> None:
    assert (await post(graph, TYPENAME | empty)).json() == QUERY


async def test_of_several_operations_the_named_one_runs(graph: Graph) -> None:
    query = 'query A { __typename } query B { experiment(by: { name: "a" }) { id } }'

    first = await post(graph, {"query": query, "operationName": "A"})
    second = await post(graph, {"query": query, "operationName": "B"})
    neither = await post(graph, {"query": query}, Accept=NEW)

    assert first.json() == QUERY
    assert second.json() == {"data": {"experiment": None}}
    assert neither.status_code == 400
    assert neither.json()["errors"][0]["message"] == "name one of the operations by operationName"


async def test_a_body_may_have_a_mebibyte_and_no_more(graph: Graph) -> None:
    exact = orjson.dumps(TYPENAME).ljust(MAX_BODY)

    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b" " * (MAX_BODY // 8)

    fits, larger = await post(graph, exact), await post(graph, exact + b" ")
    pieces = await graph.http.post(
        "/graphql", content=in_pieces(), headers={"Content-Type": "application/json"}
    )

    assert fits.json() == QUERY
    assert [larger.status_code, pieces.status_code] == [413, 413]
    assert larger.json()["errors"][0]["message"] == "the body is larger than 1048576 bytes"


async def test_head_is_answered_as_get_is(graph: Graph) -> None:
    response = await graph.http.head("/graphql", params=TYPENAME)
    typed = await graph.http.request("HEAD", "/graphql", json=TYPENAME, params=TYPENAME)

    assert (response.status_code, typed.status_code) == (200, 200)
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"


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


class BrokenExperiments(FakeExperiments):
    """`page` fails as a driver might, `count` as a database that is away."""

    async def page(
        self, project: ProjectId, window: Window, filter: ExperimentFilter
    ) -> Page[Experiment]:
        raise RuntimeError("SELECT secret FROM ab_experiments")

    async def count(self, project: ProjectId, filter: ExperimentFilter) -> int:
        raise Unavailable


@pytest.fixture
def broken(app: Starlette, project: Project) -> Graph:
    experiments, variants = BrokenExperiments(Memory()), FakeVariants(Memory())
    whole: Services = app.state.services
    services = replace(
        whole,
        stores=replace(whole.stores, experiments=experiments, variants=variants),
        authoring=Authoring(experiments, variants, lambda: NOON),
    )
    caller = make_caller(project.id)
    endpoint = GraphQLEndpoint(
        schema, lambda _: Context(services, caller, "127.0.0.1"), is_open=True
    )
    routes = [Route("/graphql", endpoint.answer, methods=["GET", "POST"])]
    bare = Starlette(routes=routes, middleware=[Middleware(RequestLog)])
    return Graph(httpx.ASGITransport(bare, raise_app_exceptions=False), None)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged, as it is written."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logs.JsonLines())
    logger = logging.getLogger("graphql_api")
    logger.addHandler(handler)
    yield text
    logger.removeHandler(handler)


async def test_a_fault_of_ours_is_masked_and_logged_under_the_id_of_the_request(
    broken: Graph, log: io.StringIO
) -> None:
    response = await post(broken, {"query": "{ experiments { nodes { id } } }"}, X_Request_Id="r-1")

    assert response.status_code == 200
    assert response.json() == {
        "data": None,
        "errors": [
            {
                "message": "something went wrong on our side",
                "locations": [{"line": 1, "column": 17}],
                "path": ["experiments", "nodes"],
                "extensions": {"code": "INTERNAL_SERVER_ERROR", "requestId": "r-1"},
            }
        ],
    }
    [line] = [orjson.loads(line) for line in log.getvalue().splitlines()]
    assert (line["level"], line["requestId"]) == ("ERROR", "r-1")
    assert "RuntimeError: SELECT secret FROM ab_experiments" in line["exception"]


async def test_a_typo_of_a_client_is_not_logged_as_a_fault(broken: Graph, log: io.StringIO) -> None:
    for query in ("{", "{ nobody }", '{ node(id: "5") { id } }'):
        await broken.errors(query)

    assert log.getvalue() == ""


async def test_a_database_that_is_away_is_503_where_nothing_was_answered(broken: Graph) -> None:
    alone = await post(broken, {"query": "{ experiments { totalCount } }"})
    beside = await post(broken, {"query": '{ __typename experiment(by: { name: "a" }) { id } }'})

    assert (alone.status_code, codes(alone)) == (503, ["UNAVAILABLE"])
    assert alone.json()["errors"][0]["message"] == (
        "the database cannot be reached for now: try again"
    )
    assert beside.status_code == 200


async def test_a_fault_outside_of_an_operation_is_500_and_masked_too(
    graph: Graph, database: Database, log: io.StringIO
) -> None:
    async with database.begin() as connection:
        await connection.execute(DropTable(api_keys))

    response = await graph.http.post("/graphql", json=TYPENAME, headers={"X-Request-Id": "r-2"})

    assert response.status_code == 500
    [error] = response.json()["errors"]
    assert error["message"] == "something went wrong on our side"
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "requestId": "r-2"}
    assert response.headers["X-Request-Id"] == "r-2"
    [line] = [orjson.loads(line) for line in log.getvalue().splitlines()]
    assert line["requestId"] == "r-2"


async def test_an_operation_is_logged_by_its_name_cut_to_size(
    graph: Graph, caplog: pytest.LogCaptureFixture
) -> None:
    name = "A" * 500_000
    with caplog.at_level(logging.INFO, "abgraph.requests"):
        await post(graph, {"query": f"query {name} {{ __typename }}", "operationName": name})

    [record] = caplog.records
    assert vars(record)["operation"] == "A" * 200
