"""An experiment with an element of a page, and what is put there."""

from typing import Any

from tests.graphql_api.conftest import Graph
from tests.graphql_api.tracking import assign
from tests.graphql_api.writing import BUY, Shown, advanced, arm, change, draft, shown

TEXT = {"text": "Go to payment"}


async def with_element(graph: Graph, status: str = "DRAFT") -> Shown:
    """That has come as far as that, and whose variant `b` puts a text into the element."""
    made = await draft(graph)
    created = await change(graph, "elementCreate", experiment={"id": made["id"]}, **BUY)
    element, variant = created["element"]["id"], arm(made, "b")["id"]
    await change(graph, "elementVariantSet", element=element, variant=variant, content=TEXT)
    return await advanced(graph, await shown(graph, made["id"]), status)


def filling(made: Shown, variant: str = "b", /, **fields: Any) -> dict[str, Any]:
    [element] = made["elements"]
    return {"element": element["id"], "variant": arm(made, variant)["id"], "content": TEXT} | fields


async def given(graph: Graph, made: Shown, variant: str = "b") -> str:
    """The first user who is given that variant."""
    for number in range(100):
        if await assign(graph, f"user-{number}", experiment=made["id"]) == ("NEW", variant):
            return f"user-{number}"
    raise AssertionError(f"nobody of a hundred is given {variant}")
