"""Documents that are sent once and then named by their hash."""

import hashlib
from typing import Any

import httpx
import orjson
import pytest

from tests.graphql_api.conftest import Graph
from tests.graphql_api.posting import CREATE, NEW, codes, post

TEXT = "{ viewer { scopes } }"
NOT_FOUND = ["PERSISTED_QUERY_NOT_FOUND"]


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def named(text: str, **rest: Any) -> dict[str, Any]:
    persisted = {"version": 1, "sha256Hash": hash_of(text)}
    return {"extensions": {"persistedQuery": persisted}, **rest}


async def get(graph: Graph, asked: dict[str, Any], **headers: str) -> httpx.Response:
    texts = {
        name: part if isinstance(part, str) else orjson.dumps(part).decode()
        for name, part in asked.items()
    }
    return await graph.http.get("/graphql", params=texts, headers=headers)


async def test_what_is_not_known_is_sent_once_and_then_named(graph: Graph) -> None:
    unknown = await post(graph, named(TEXT))
    sent = await post(graph, named(TEXT, query=TEXT))
    by_name = await post(graph, named(TEXT))

    assert (unknown.status_code, codes(unknown)) == (200, NOT_FOUND)
    assert unknown.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    assert sent.json() == by_name.json()
    assert by_name.json()["data"]["viewer"]["scopes"]


async def test_by_get_it_is_the_same(graph: Graph) -> None:
    unknown = await get(graph, named(TEXT))
    sent = await get(graph, named(TEXT, query=TEXT))
    by_name = await get(graph, named(TEXT))

    assert codes(unknown) == NOT_FOUND
    assert sent.json() == by_name.json()
    assert by_name.json()["data"]["viewer"]["scopes"]


async def test_under_the_new_media_type_what_is_not_known_is_400(graph: Graph) -> None:
    response = await post(graph, named(TEXT), Accept=NEW)

    assert (response.status_code, codes(response)) == (400, NOT_FOUND)
    assert "data" not in response.json()


@pytest.mark.parametrize("prefix", ["", "sha256:"])
async def test_a_document_id_is_its_hash(graph: Graph, prefix: str) -> None:
    asked = {"documentId": prefix + hash_of(TEXT)}

    unknown = await post(graph, asked)
    await post(graph, asked | {"query": TEXT})
    by_name = await post(graph, asked)

    assert codes(unknown) == NOT_FOUND
    assert by_name.json()["data"]["viewer"]["scopes"]


async def test_a_hash_that_is_not_the_documents_is_refused_and_nothing_kept(graph: Graph) -> None:
    wrong = await post(graph, named("{ other }", query=TEXT))
    after = await post(graph, named("{ other }"))

    assert (wrong.status_code, codes(wrong)) == (200, ["BAD_USER_INPUT"])
    assert wrong.json()["errors"][0]["message"] == "the hash is not that of the document"
    assert codes(after) == NOT_FOUND


async def test_a_document_that_is_wrong_says_so_by_its_hash_too(graph: Graph) -> None:
    sent = await post(graph, named("{ nothing }", query="{ nothing }"))
    by_name = await post(graph, named("{ nothing }"))

    assert codes(sent) == codes(by_name) == ["GRAPHQL_VALIDATION_FAILED"]


async def test_variables_and_the_name_of_an_operation_come_with_the_hash(graph: Graph) -> None:
    text = "query A { __typename } query B($n: String!) { experiment(by: { name: $n }) { id } }"
    await post(graph, named(text, query=text, operationName="A"))

    asked = named(text, operationName="B", variables={"n": "a"})
    response = await post(graph, asked)

    assert response.json() == {"data": {"experiment": None}}


async def test_a_mutation_by_its_hash_is_not_run_by_get(graph: Graph) -> None:
    sent = await get(graph, named(CREATE, query=CREATE))
    by_name = await get(graph, named(CREATE))

    assert (sent.status_code, by_name.status_code) == (405, 405)
    assert await graph("{ experiments { totalCount } }") == {"experiments": {"totalCount": 0}}


async def test_a_document_that_one_caller_sent_is_no_right_of_another(graph: Graph) -> None:
    await post(graph, named(TEXT, query=TEXT))

    response = await post(graph.showing(None), named(TEXT))

    assert (response.status_code, codes(response)) == (401, ["UNAUTHENTICATED"])


@pytest.mark.parametrize("wrong", [5, "", None, [], {}, True])
@pytest.mark.parametrize("query", [{}, {"query": TEXT}])
async def test_a_hash_is_a_text(graph: Graph, wrong: object, query: dict[str, str]) -> None:
    asked = {"extensions": {"persistedQuery": {"sha256Hash": wrong}}}

    response = await post(graph, asked | query)

    assert (response.status_code, codes(response)) == (400, ["BAD_USER_INPUT"])


async def test_without_document_and_hash_there_is_nothing_to_do(graph: Graph) -> None:
    response = await post(graph, {"extensions": {"persistedQuery": None}})

    assert response.status_code == 400
    assert response.json()["errors"][0]["message"] == "query must be a text that is not empty"


async def test_an_event_stream_takes_hashes(graph: Graph) -> None:
    events = {"Accept": "text/event-stream"}

    unknown = await post(graph, named(TEXT), **events)
    await post(graph, named(TEXT, query=TEXT), **events)
    by_name = await post(graph, named(TEXT), **events)

    assert "PERSISTED_QUERY_NOT_FOUND" in unknown.text
    assert by_name.text.startswith('event: next\ndata: {"data":{"viewer":{"scopes":[')
    assert by_name.text.endswith("event: complete\ndata: \n\n")


async def test_a_document_that_is_too_long_to_be_kept_is_answered(graph: Graph) -> None:
    long = TEXT.ljust(16_385)

    sent = await post(graph, named(long, query=long))
    by_name = await post(graph, named(long))

    assert sent.json()["data"]["viewer"]["scopes"]
    assert codes(by_name) == NOT_FOUND


async def test_of_2001_documents_the_first_is_forgotten(graph: Graph) -> None:
    texts = [f"{{ a{number} }}" for number in range(2001)]
    for text in texts:
        await post(graph, named(text, query=text))

    first, second = [await post(graph, named(text)) for text in texts[:2]]

    assert codes(first) == NOT_FOUND
    assert codes(second) == ["GRAPHQL_VALIDATION_FAILED"]


async def test_what_is_not_known_costs_nothing_and_says_so(graph: Graph) -> None:
    unknown = await post(graph, named(TEXT), **{"X-GraphQL-Cost": "1"})

    assert codes(unknown) == NOT_FOUND
    assert unknown.json()["extensions"]["cost"] == {"requested": 0, "actual": 0, "remaining": None}
