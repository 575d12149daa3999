"""A stream of server-sent events, of which the first is read."""

import asyncio
import json
from typing import Any

from tests.graphql_api.conftest import Graph

_DATA = b"data: "


async def first_event(graph: Graph, query: str) -> dict[str, Any]:
    """After which the client goes away; what is refused without a stream is taken as it is."""
    request = graph.http.build_request(
        "POST", "/graphql", json={"query": query}, headers={"Accept": "text/event-stream"}
    )
    scope = {
        "type": "http",
        "method": request.method,
        "path": request.url.path,
        "query_string": b"",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 50_000),
        "server": ("abgraph", 80),
    }
    asking = iter([{"type": "http.request", "body": request.content, "more_body": False}])
    read, has_read = bytearray(), asyncio.Event()

    async def receive() -> Any:
        for message in asking:
            return message
        await has_read.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        read.extend(message.get("body", b""))
        if read.endswith((b"}\n\n", b"}")):
            has_read.set()

    async with asyncio.timeout(10):
        await graph.transport.app(scope, receive, send)
    first = bytes(read).partition(b"\n\n")[0].partition(_DATA)[2]
    body: dict[str, Any] = json.loads(first or read)
    return body
