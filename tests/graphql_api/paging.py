"""A page of a list, and the walk over all pages from either end."""

from typing import Any

from tests.graphql_api.conftest import Graph

PAGE = "nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
ARGUMENTS = "first: $first, after: $after, last: $last, before: $before"
VARIABLES = "$first: Int, $after: String, $last: Int, $before: String"
EXPERIMENTS = f"""query ({VARIABLES}, $order: ExperimentOrder) {{
    list: experiments({ARGUMENTS}, orderBy: $order) {{ {PAGE} }} }}"""
NESTED = f"""query ({VARIABLES}) {{
    experiments {{ nodes {{ list: %s({ARGUMENTS}) {{ {PAGE} }} }} }} }}"""


async def page(graph: Graph, query: str, **variables: Any) -> dict[str, Any]:
    data = await graph(query, **variables)
    found: dict[str, Any] = (
        data["list"] if "list" in data else data["experiments"]["nodes"][0]["list"]
    )
    return found


async def walk(
    graph: Graph, query: str, size: int, *, backwards: bool = False, **variables: Any
) -> list[str]:
    """All ids in the order of the list."""
    count, place, more, cursor = (
        ("last", "before", "hasPreviousPage", "startCursor")
        if backwards
        else ("first", "after", "hasNextPage", "endCursor")
    )
    seen: list[str] = []
    position: dict[str, object] = {}
    for _ in range(100):
        part = await page(graph, query, **{count: size}, **position, **variables)
        ids = [node["id"] for node in part["nodes"]]
        seen = ids + seen if backwards else seen + ids
        if not part["pageInfo"][more]:
            return seen
        position = {place: part["pageInfo"][cursor]}
    raise AssertionError("the walk has no end")
