"""Which bodies and which addresses are a request, and what is said of the others."""

from collections.abc import AsyncIterator

import orjson
import pytest

from graphql_api.bounds import Bounds
from tests.graphql_api.conftest import Graph
from tests.graphql_api.posting import CREATE, NEW, OLD, QUERY, TYPENAME, codes, post

SUBSCRIBE = "subscribe over WebSocket (graphql-transport-ws), or accept text/event-stream"


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
        (b"[" * 1_000 + b"9" * 20 + b"]" * 1_000, "the body is nested too deeply"),
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
        (b'{"query": "subscription { a }"}', SUBSCRIBE),
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
        ({"query": "subscription { a }"}, SUBSCRIBE),
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
    exact = orjson.dumps(TYPENAME).ljust(Bounds().max_body)

    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b" " * (Bounds().max_body // 8)

    fits, larger = await post(graph, exact), await post(graph, exact + b" ")
    pieces = await graph.http.post(
        "/graphql", content=in_pieces(), headers={"Content-Type": "application/json"}
    )

    assert fits.json() == QUERY
    assert [larger.status_code, pieces.status_code] == [413, 413]
    assert larger.json()["errors"][0]["message"] == "the body is larger than 1048576 bytes"
