"""Funnels made, changed and reported as a client does."""

from typing import Any

from tests.graphql_api.conftest import Graph
from tests.graphql_api.writing import Shown

_WHOLE = """
fragment Whole on Funnel {
  id name description createdAt updatedAt
  steps { id name eventType position }
  links { source { name } target { name } }
}
"""
_KINDS = {
    "funnelCreate": ("FunnelCreateInput", "funnel { ...Whole }"),
    "funnelUpdate": ("FunnelUpdateInput", "funnel { ...Whole }"),
    "funnelDelete": ("FunnelInput", "deletedId"),
}
_REPORT = """query($id: ID!, $by: ExperimentBy!, $hours: Float) { funnel(id: $id) {
  report(experiment: $by, windowHours: $hours) { variants {
    variant { name }
    steps { step { name } users shareOfFirst shareOfPrevious }
    links { link { source { name } target { name } } users share medianSeconds } } } } }"""
MUTATIONS = tuple(_KINDS)
STEPS = [
    {"name": "seen", "eventType": "view"},
    {"name": "chosen", "eventType": "cart"},
    {"name": "paid", "eventType": "conversion"},
]


async def tried(graph: Graph, mutation: str, **input: Any) -> Shown:
    """The payload, with whatever it refuses."""
    kind, shown = _KINDS[mutation]
    asked = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {shown} errors {{ "
    asked += "message path code } } }" + (_WHOLE if "Whole" in shown else "")
    payload: Shown = (await graph(asked, input=input))[mutation]
    return payload


async def made(graph: Graph, **fields: Any) -> Shown:
    return await _written(graph, "funnelCreate", **{"name": "orders", "steps": STEPS} | fields)


async def updated(graph: Graph, **input: Any) -> Shown:
    return await _written(graph, "funnelUpdate", **input)


async def _written(graph: Graph, mutation: str, **input: Any) -> Shown:
    payload = await tried(graph, mutation, **input)
    assert payload["errors"] == []
    funnel: Shown = payload["funnel"]
    return funnel


async def refusals(graph: Graph, mutation: str, **input: Any) -> list[tuple[str, str, str]]:
    """Code, place in the input and sentence of each."""
    payload = await tried(graph, mutation, **input)
    assert not any(value for name, value in payload.items() if name != "errors")
    return [
        (error["code"], ".".join(error["path"]), error["message"]) for error in payload["errors"]
    ]


async def shown(graph: Graph, id: str) -> Shown | None:
    """As anybody reads it now."""
    found: Shown | None = (
        await graph("query($id: ID!) { funnel(id: $id) { ...Whole } }" + _WHOLE, id=id)
    )["funnel"]
    return found


def links(funnel: Shown) -> list[tuple[str, str]]:
    return [(link["source"]["name"], link["target"]["name"]) for link in funnel["links"]]


async def report(graph: Graph, funnel: Shown, hours: float | None = None) -> dict[str, Shown]:
    """Of the experiment `checkout`, by variant."""
    by = {"name": "checkout"}
    answer = await graph(_REPORT, id=funnel["id"], by=by, hours=hours)
    return {one["variant"]["name"]: one for one in answer["funnel"]["report"]["variants"]}


async def report_errors(graph: Graph, funnel: Shown, **asked: Any) -> list[tuple[str, str]]:
    """Code and message of each."""
    errors = await graph.errors(_REPORT, id=funnel["id"], **{"by": {"name": "checkout"}} | asked)
    return [(error["extensions"]["code"], error["message"]) for error in errors]
