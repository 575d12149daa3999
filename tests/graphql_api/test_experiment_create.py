from typing import Any

import pytest

from persistence.engine import Database
from tests.graphql_api.conftest import Graph
from tests.graphql_api.writing import (
    arm,
    change,
    changed,
    draft,
    refusals,
    shown,
    weights,
)
from tests.persistence.contents import everything
from tests.persistence.graphs import stored_experiment, stored_project

METRIC = {
    "name": "latency",
    "eventType": "page_load",
    "aggregation": "MEAN",
    "role": "GUARDRAIL",
    "direction": "DECREASE",
    "scale": "ABSOLUTE",
    "capLow": -1.5,
    "capHigh": 250.25,
    "windowHours": 36.5,
    "nonInferiorityMargin": 12.75,
}
PRIMARY = {"name": "orders", "eventType": "order", "aggregation": "BINARY", "role": "PRIMARY"}
VARIANT = {
    "name": "one-page",
    "label": "One page — ünïcode 🎯",
    "description": "All on one page",
    "responseTemplate": "Hello {name}\n\tline two",
    "systemPrompt": "You sell shoes.",
    "configOverrides": {"steps": [1, 2.5, None, True, {"deep": "er"}]},
    "content": [{"headline": "Pay now"}],
    "trafficWeight": 0.25,
    "isControl": True,
}
EXPERIMENT = {
    "name": "checkout ünïcode 🎯",
    "description": "Fewer steps\nto pay",
    "hypothesis": "Fewer steps, more orders",
    "targetBot": "shop-bot",
    "targetUrl": "https://shop.example/checkout?*",
    "metricType": "revenue",
    "minimumSampleSize": 1_000_000_000,
    "alpha": 0.01,
    "power": 0.95,
    "correction": "BENJAMINI_HOCHBERG",
    "allocation": "THOMPSON",
    "hashAlgorithm": "UNLEASH",
    "hashSeed": "another seed",
    "trafficAllocation": 0.625,
    "metadata": {"team": "payments", "empty": {}, "list": []},
}


async def test_every_field_of_an_experiment_arrives_and_is_read_back(graph: Graph) -> None:
    created = await changed(graph, "experimentCreate", **EXPERIMENT)

    read = await shown(graph, created["id"])
    assert read == created
    assert {name: read[name] for name in EXPERIMENT} == EXPERIMENT


async def test_every_field_of_a_metric_arrives_and_is_read_back(graph: Graph) -> None:
    created = await draft(graph, metrics=[METRIC, PRIMARY])

    [first, second] = (await shown(graph, created["id"]))["metricDefinitions"]
    assert first == METRIC
    assert second == {
        **PRIMARY,
        "direction": "INCREASE",
        "scale": "RELATIVE",
        "capLow": None,
        "capHigh": None,
        "windowHours": None,
        "nonInferiorityMargin": None,
    }


async def test_every_field_of_a_variant_arrives_and_is_read_back(graph: Graph) -> None:
    created = await draft(graph, variants=[VARIANT])

    [variant] = (await shown(graph, created["id"]))["variants"]
    assert {name: variant[name] for name in VARIANT} == VARIANT
    assert (variant["isActive"], variant["position"]) == (True, 0)


async def test_what_is_left_out_has_its_default(graph: Graph) -> None:
    created = await changed(graph, "experimentCreate", name="checkout")

    times = {name: created.pop(name) for name in ("createdAt", "updatedAt")}
    assert times["createdAt"] == times["updatedAt"]
    assert created.pop("id")
    assert created == {
        "name": "checkout",
        "description": None,
        "hypothesis": None,
        "targetBot": None,
        "targetUrl": None,
        "metricType": "conversion",
        "minimumSampleSize": 1000,
        "alpha": 0.05,
        "power": 0.8,
        "correction": "HOLM",
        "status": "DRAFT",
        "allowedTransitions": ["ACTIVE", "ARCHIVED"],
        "allocation": "FIXED",
        "hashAlgorithm": "GROWTHBOOK_V2",
        "hashSeed": "checkout",
        "trafficAllocation": 1.0,
        "defaultTrafficSplit": {},
        "metadata": {},
        "statisticalSignificance": None,
        "phase": 0,
        "startedAt": None,
        "completedAt": None,
        "version": 1,
        "winner": None,
        "metricDefinitions": [],
        "variants": [],
        "elements": [],
        "phases": [],
    }


async def test_a_variant_of_only_a_name_has_defaults(graph: Graph) -> None:
    created = await draft(graph, variants=[{"name": "a"}])

    variant = arm(created, "a")
    assert {name: variant[name] for name in variant if name not in ("id", "createdAt")} == {
        "name": "a",
        "label": None,
        "description": None,
        "responseTemplate": None,
        "systemPrompt": None,
        "configOverrides": {},
        "content": {},
        "trafficWeight": 1.0,
        "isControl": False,
        "isActive": True,
        "position": 0,
        "impressions": 0,
        "conversions": 0,
        "conversionRate": 0.0,
        "totalValue": 0.0,
        "updatedAt": variant["createdAt"],
    }


async def test_null_is_what_leaving_out_is(graph: Graph) -> None:
    nulls = dict.fromkeys(
        ("description", "hypothesis", "targetBot", "targetUrl", "hashSeed", "metadata", "metrics")
    )
    bare = dict.fromkeys(name for name in VARIANT if name != "name")
    created = await changed(
        graph, "experimentCreate", name="x", variants=[{"name": "a"} | bare], **nulls
    )
    plain = await changed(graph, "experimentCreate", name="y", variants=[{"name": "a"}])

    told = {name: created[name] for name in (*nulls, "variants") if name in created}
    assert told["hashSeed"] == "x"
    assert told["metadata"] == {}
    assert {**arm(created, "a"), **_own(arm(plain, "a"))} == arm(plain, "a")
    assert await change(graph, "experimentCreate", name="z", variants=None) != {}


def _own(variant: dict[str, Any]) -> dict[str, Any]:
    return {name: variant[name] for name in ("id", "createdAt", "updatedAt")}


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({"a": None, "b": None}, {"a": 0.5, "b": 0.5}),
        ({"a": None, "b": 0.8}, {"a": 0.19999999999999996, "b": 0.8}),
        ({"a": 0.25, "b": None, "c": None}, {"a": 0.25, "b": 0.375, "c": 0.375}),
        ({"a": 1.0, "b": None}, {"a": 1.0, "b": 0.0}),
        ({"a": 0.1, "b": 0.2}, {"a": 0.1, "b": 0.2}),
        ({"a": 1.0, "b": 1.0, "c": None}, {"a": 1.0, "b": 1.0, "c": 0.0}),
        ({"a": 0.0, "b": 0.0}, {"a": 0.0, "b": 0.0}),
    ],
    ids=str,
)
async def test_weights_left_out_share_what_the_others_leave(
    graph: Graph, given: dict[str, float | None], made: dict[str, float]
) -> None:
    created = await draft(graph, given)

    assert weights(created) == made
    assert created["defaultTrafficSplit"] == made


async def test_variants_keep_the_order_in_which_they_were_written(graph: Graph) -> None:
    names = [f"arm-{number * 37 % 100}" for number in range(100)]

    created = await draft(graph, dict.fromkeys(names))

    assert [variant["name"] for variant in created["variants"]] == names
    assert [variant["position"] for variant in created["variants"]] == list(range(100))
    assert weights(created) == dict.fromkeys(names, 0.01)


async def test_a_name_is_taken_once_in_a_project(graph: Graph, database_url: str) -> None:
    await draft(graph, name="checkout")
    before = await everything(database_url)

    assert await refusals(graph, "experimentCreate", name="checkout") == [
        ("NAME_TAKEN", "input.name", "another experiment of this project has that name")
    ]
    assert await everything(database_url) == before


async def test_names_differ_by_case_and_by_code_point(graph: Graph) -> None:
    for name in ("checkout", "Checkout", "café", "cafe\u0301"):
        created = await changed(graph, "experimentCreate", name=name)

        assert (await shown(graph, created["id"]))["name"] == name


async def test_what_another_project_has_takes_no_name(graph: Graph, database: Database) -> None:
    await stored_experiment(database, await stored_project(database), name="checkout")

    created = await changed(graph, "experimentCreate", name="checkout")

    assert created["name"] == "checkout"


async def test_the_name_of_an_archived_experiment_stays_taken(graph: Graph) -> None:
    made = await draft(graph)
    await changed(graph, "experimentArchive", experiment={"id": made["id"]})

    [(code, path, _)] = await refusals(graph, "experimentCreate", name="checkout")

    assert (code, path) == ("NAME_TAKEN", "input.name")
