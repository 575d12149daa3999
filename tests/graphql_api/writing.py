"""What tests of mutations send, and how they see what came of it."""

from collections.abc import Mapping
from typing import Any

from tests.graphql_api.conftest import Graph

Shown = dict[str, Any]

_WHOLE = """
fragment Arm on Variant {
  id name label description responseTemplate systemPrompt configOverrides content trafficWeight
  isControl isActive position impressions conversions conversionRate totalValue createdAt updatedAt
}
fragment Place on Element {
  id name selectorType selectorValue elementType position
  variants { id name content isControl isActive position variant { name } }
}
fragment Whole on Experiment {
  id name description hypothesis targetBot targetUrl metricType minimumSampleSize alpha power
  correction status allowedTransitions allocation hashAlgorithm hashSeed trafficAllocation
  defaultTrafficSplit metadata statisticalSignificance phase startedAt completedAt createdAt
  updatedAt version winner { name }
  metricDefinitions {
    name eventType aggregation role direction scale capLow capHigh windowHours nonInferiorityMargin
  }
  variants(includeInactive: true) { ...Arm }
  elements { ...Place }
  phases { number weights trafficAllocation openedAt }
}
"""
_ERRORS = """
errors {
  __typename message path code
  ... on IllegalTransition { from to allowed }
  ... on VersionConflict { currentVersion }
}
"""
_SHOWN = {
    "ExperimentPayload": "experiment { ...Whole }",
    "VariantPayload": "variants { ...Arm } experiment { ...Whole }",
    "ElementPayload": "element { ...Place } experiment { ...Whole }",
    "DeletePayload": "deletedId",
}
_NAMED = {
    "ExperimentPayload": "experiment { id }",
    "VariantPayload": "variants { id } experiment { id }",
    "ElementPayload": "element { id } experiment { id }",
    "DeletePayload": "deletedId",
}
_MUTATIONS = {
    "experimentCreate": ("ExperimentCreateInput", "ExperimentPayload"),
    "experimentUpdate": ("ExperimentUpdateInput", "ExperimentPayload"),
    "experimentStart": ("ExperimentTransitionInput", "ExperimentPayload"),
    "experimentPause": ("ExperimentTransitionInput", "ExperimentPayload"),
    "experimentResume": ("ExperimentTransitionInput", "ExperimentPayload"),
    "experimentComplete": ("ExperimentCompleteInput", "ExperimentPayload"),
    "experimentArchive": ("ExperimentTransitionInput", "ExperimentPayload"),
    "experimentDelete": ("ExperimentDeleteInput", "DeletePayload"),
    "variantCreate": ("VariantCreateInput", "VariantPayload"),
    "variantUpdate": ("VariantUpdateInput", "VariantPayload"),
    "variantDeactivate": ("VariantInput", "VariantPayload"),
    "variantReactivate": ("VariantInput", "VariantPayload"),
    "variantDelete": ("VariantInput", "DeletePayload"),
    "elementCreate": ("ElementCreateInput", "ElementPayload"),
    "elementUpdate": ("ElementUpdateInput", "ElementPayload"),
    "elementDelete": ("ElementInput", "DeletePayload"),
    "elementVariantSet": ("ElementVariantSetInput", "ElementPayload"),
}
MUTATIONS = tuple(_MUTATIONS)
VARIANT = {
    "name": "c",
    "label": "Third",
    "description": "Another one",
    "responseTemplate": "Hello {name}",
    "systemPrompt": "You sell shoes.",
    "configOverrides": {"steps": 3},
    "content": ["Pay", {"now": None}],
    "trafficWeight": 0.0,
    "isControl": False,
}
BUY = {
    "name": "buy",
    "selectorType": "CSS",
    "selectorValue": "#buy",
    "elementType": "button",
}


def document(mutation: str) -> str:
    """That asks for ids and errors: checked in a tenth of the time that all fields take."""
    kind, payload = _MUTATIONS[mutation]
    return _document(mutation, kind, _NAMED[payload])


def _whole_document(mutation: str) -> str:
    kind, payload = _MUTATIONS[mutation]
    fragments = "" if payload == "DeletePayload" else _WHOLE
    return _document(mutation, kind, _SHOWN[payload]) + fragments


def _document(mutation: str, kind: str, selection: str) -> str:
    return f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {selection} {_ERRORS} }} }}"


async def change(graph: Graph, mutation: str, **input: Any) -> Shown:
    """The payload, with whatever it refuses."""
    payload: Shown = (await graph(_whole_document(mutation), input=input))[mutation]
    return payload


async def tried(graph: Graph, mutation: str, **input: Any) -> Shown:
    """The payload, with ids alone and whatever it refuses."""
    payload: Shown = (await graph(document(mutation), input=input))[mutation]
    return payload


async def changed(graph: Graph, mutation: str, **input: Any) -> Shown:
    """The experiment after a change that nothing stood against."""
    payload = await change(graph, mutation, **input)
    assert payload["errors"] == []
    experiment: Shown = payload["experiment"]
    return experiment


async def refusals(graph: Graph, mutation: str, **input: Any) -> list[tuple[str, str, str]]:
    """Code, place in the input and sentence of each."""
    payload = await tried(graph, mutation, **input)
    assert not any(value for name, value in payload.items() if name != "errors")
    return [
        (error["code"], ".".join(error["path"]), error["message"]) for error in payload["errors"]
    ]


async def draft(
    graph: Graph, weights: Mapping[str, float | None] | None = None, **fields: Any
) -> Shown:
    """With these variants, the first of them the control."""
    weights = {"a": 0.5, "b": 0.5} if weights is None else weights
    variants = [
        {"name": name, "trafficWeight": weight, "isControl": place == 0}
        for place, (name, weight) in enumerate(weights.items())
    ]
    given = {"name": "checkout", "variants": variants} | fields
    return await changed(graph, "experimentCreate", **given)


async def running(
    graph: Graph, weights: Mapping[str, float | None] | None = None, **fields: Any
) -> Shown:
    made = await draft(graph, weights, **fields)
    return await changed(graph, "experimentStart", experiment={"id": made["id"]})


async def moved(graph: Graph, status: str, **fields: Any) -> Shown:
    """An experiment that has come as far as that."""
    return await advanced(graph, await draft(graph, **fields), status)


async def advanced(graph: Graph, made: Shown, status: str) -> Shown:
    steps = {
        "DRAFT": (),
        "ACTIVE": ("Start",),
        "PAUSED": ("Start", "Pause"),
        "COMPLETED": ("Start", "Complete"),
        "ARCHIVED": ("Archive",),
    }
    for step in steps[status]:
        made = await changed(graph, f"experiment{step}", experiment={"id": made["id"]})
    return made


async def shown(graph: Graph, id: str) -> Shown:
    """As anybody reads it now."""
    query = "query($id: ID!) { experiment(by: {id: $id}) { ...Whole } }"
    experiment: Shown = (await graph(query + _WHOLE, id=id))["experiment"]
    return experiment


def arm(experiment: Shown, name: str) -> Shown:
    found: Shown = next(one for one in experiment["variants"] if one["name"] == name)
    return found


def weights(experiment: Shown) -> dict[str, float]:
    return {one["name"]: one["trafficWeight"] for one in experiment["variants"] if one["isActive"]}


def phases(experiment: Shown) -> list[tuple[int, dict[str, float], float]]:
    return [
        (phase["number"], phase["weights"], phase["trafficAllocation"])
        for phase in experiment["phases"]
    ]
