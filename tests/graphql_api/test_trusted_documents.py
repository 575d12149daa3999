"""Where an operator has a manifest, nothing else is run."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette

from graphql_api.app import create_app
from graphql_api.settings import Settings, WrongSetting
from tests.graphql_api.bounded import bounded
from tests.graphql_api.conftest import Graph
from tests.graphql_api.posting import CREATE, codes, post

TRUSTED = "query Mine { viewer { scopes } }"
NAME = "a1b2"
HASH = hashlib.sha256(TRUSTED.encode()).hexdigest()
MANIFESTS = {
    "of Relay": {NAME: TRUSTED},
    "of Apollo": {
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": [{"id": NAME, "name": "Mine", "type": "query", "body": TRUSTED}],
    },
}
WRONG: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"{", "it is no JSON"),
    "no text": (b"\xff", "it is no JSON"),
    "a list": (b"[]", "it must be an object of documents by their ids"),
    "a number for a document": (b'{"a": 5}', "it must be an object of documents by their ids"),
    "no document": (b'{"a": ""}', "it must be an object of documents by their ids"),
    "no id": (
        b'{"operations": [{"body": "{ a }"}]}',
        "it must be an object of documents by their ids",
    ),
    "no body": (
        b'{"operations": [{"id": "a"}]}',
        "it must be an object of documents by their ids",
    ),
    "operations that are none": (
        b'{"operations": [5]}',
        "it must be an object of documents by their ids",
    ),
}


def written(folder: Path, content: object) -> Path:
    path = folder / "manifest.json"
    path.write_bytes(content if isinstance(content, bytes) else orjson.dumps(content))
    return path


@pytest.fixture(params=MANIFESTS)
async def trusting(
    request: pytest.FixtureRequest, app: Starlette, database_url: str, tmp_path: Path
) -> AsyncIterator[Graph]:
    path = written(tmp_path, MANIFESTS[request.param])
    async with bounded(database_url, trusted_documents=path) as graph:
        yield graph


@pytest.mark.parametrize(
    "asked",
    [
        {"documentId": NAME},
        {"documentId": HASH},
        {"documentId": f"sha256:{HASH}"},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": HASH}}},
        {"query": TRUSTED},
    ],
    ids=["by id", "by hash", "by a hash that is called one", "as Apollo's clients", "by text"],
)
async def test_a_trusted_document_is_run(trusting: Graph, asked: dict[str, Any]) -> None:
    response = await post(trusting, asked)

    assert response.json()["data"]["viewer"]["scopes"]


@pytest.mark.parametrize("text", [CREATE, TRUSTED + " ", "{ __typename }", "{", "{ __schema"])
async def test_nothing_else_is_run(graph: Graph, trusting: Graph, text: str) -> None:
    response = await post(trusting, {"query": text})

    assert (response.status_code, codes(response)) == (403, ["FORBIDDEN"])
    assert response.json()["errors"][0]["message"] == "only documents of the manifest are run here"
    assert await graph("{ experiments { totalCount } }") == {"experiments": {"totalCount": 0}}


async def test_a_document_cannot_be_added_by_its_hash(trusting: Graph) -> None:
    text = "{ __typename }"
    name = hashlib.sha256(text.encode()).hexdigest()

    sent = await post(trusting, {"query": text, "documentId": name})
    by_name = await post(trusting, {"documentId": name})

    assert codes(sent) == ["FORBIDDEN"]
    assert codes(by_name) == ["PERSISTED_QUERY_NOT_FOUND"]


async def test_the_id_of_a_trusted_document_does_not_lend_trust_to_another(trusting: Graph) -> None:
    response = await post(trusting, {"query": CREATE, "documentId": NAME})

    assert codes(response) == ["FORBIDDEN"]


@pytest.mark.parametrize("name", WRONG)
def test_a_manifest_that_cannot_be_understood_stops_the_start(tmp_path: Path, name: str) -> None:
    content, reason = WRONG[name]
    path = written(tmp_path, content)

    with pytest.raises(WrongSetting) as refused:
        create_app(Settings(trusted_documents=path), "postgresql://nobody@nowhere/none")

    assert str(refused.value) == f"ABGRAPH_TRUSTED_DOCUMENTS is '{path}': {reason}"


def test_a_manifest_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "none.json"

    with pytest.raises(WrongSetting) as refused:
        create_app(Settings(trusted_documents=path), "postgresql://nobody@nowhere/none")

    assert str(refused.value) == (
        f"ABGRAPH_TRUSTED_DOCUMENTS is '{path}': No such file or directory"
    )
