"""Requests as bytes and headers, where a test is about these."""

import httpx
import orjson

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
