"""Numbers and documents that cannot be kept are told with their place, and nothing is written."""

import json
from typing import Any

import pytest

from tests.graphql_api.conftest import Graph
from tests.graphql_api.writing import arm, change, document, draft, refusals
from tests.persistence.contents import everything

SHARES = (-1, -1e-9, 1.0000001, 1.5, 1e308, -1e308, 2**53)
LARGEST = {"a": "x" * (64 * 1024 - len('{"a":""}'))}
DOCUMENTS: dict[str, tuple[Any, str]] = {
    "21 levels": (json.loads("[" * 21 + "]" * 21), "is nested deeper than 20 levels"),
    "900 levels": (json.loads("[" * 900 + "]" * 900), "is nested deeper than 20 levels"),
    "21 objects": (json.loads('{"a":' * 20 + "{}" + "}" * 20), "is nested deeper than 20 levels"),
    "too large": ({"a": LARGEST["a"] + "x"}, "has more than 65536 bytes as JSON"),
    "too many": ([0] * 32_769, "has more than 65536 bytes as JSON"),
    "NUL": ({"a": ["\0"]}, "must not hold the character NUL"),
    "NUL in a key": ([{"\0": 1}], "must not hold the character NUL"),
    "65 bits": ({"a": 2**63}, "must not hold an integer of more than 64 bits"),
    "100 bits": ({"a": 2**100}, "must not hold an integer of more than 64 bits"),
    "a text": ("text", "must be a JSON object or list"),
    "a number": (7, "must be a JSON object or list"),
    "a truth": (True, "must be a JSON object or list"),
}
METRIC = {"name": "orders", "eventType": "order", "aggregation": "SUM", "role": "PRIMARY"}


@pytest.mark.parametrize("share", SHARES)
async def test_a_share_is_from_0_to_1(graph: Graph, database_url: str, share: float) -> None:
    made = await draft(graph)
    before = await everything(database_url)
    by, heavy = {"experiment": {"id": made["id"]}}, {"name": "c", "trafficWeight": share}

    for mutation, wanted, place in (
        ("experimentCreate", {"name": "x", "variants": [heavy]}, "variants.0.trafficWeight"),
        ("experimentCreate", {"name": "x", "trafficAllocation": share}, "trafficAllocation"),
        ("experimentUpdate", by | {"trafficAllocation": share}, "trafficAllocation"),
        ("variantCreate", by | {"variants": [heavy]}, "variants.0.trafficWeight"),
        ("variantUpdate", {"id": arm(made, "b")["id"], "trafficWeight": share}, "trafficWeight"),
    ):
        [(code, path, message)] = await refusals(graph, mutation, **wanted)
        assert (code, path) == ("INVALID", f"input.{place}")
        assert message.endswith("it must be from 0 to 1")

    assert await everything(database_url) == before


async def test_a_plan_must_be_possible(graph: Graph, database_url: str) -> None:
    before = await everything(database_url)
    sizes = [("minimumSampleSize", value) for value in (0, -1, 1_000_000_001, 2**31 - 1)]
    shares = [(field, value) for field in ("alpha", "power") for value in (0, 1, -0.1, 1e308)]

    for field, value in [*sizes, *shares]:
        [(code, path, _)] = await refusals(graph, "experimentCreate", name="x", **{field: value})
        assert (code, path) == ("INVALID", f"input.{field}")

    assert await everything(database_url) == before


@pytest.mark.parametrize("literal", ["1e999", "-1e999", "1" + "0" * 5000])
async def test_a_number_beyond_all_bounds_in_a_document_is_refused(
    graph: Graph, database_url: str, literal: str
) -> None:
    before = await everything(database_url)

    answer = await graph(
        f"""mutation {{
          experimentCreate(input: {{
            name: "x", trafficAllocation: {literal}, alpha: {literal}, metadata: {{a: {literal}}},
            variants: [{{name: "a", trafficWeight: {literal}}}]
          }}) {{ errors {{ path code }} }}
        }}"""
    )

    assert answer["experimentCreate"]["errors"] == [
        {"path": ["input", *path], "code": "INVALID"}
        for path in (
            ["trafficAllocation"],
            ["metadata"],
            ["alpha"],
            ["variants", "0", "trafficWeight"],
        )
    ]
    assert await everything(database_url) == before


@pytest.mark.parametrize(
    "value",
    ["1e999", "NaN", "Infinity", "1" + "0" * 400, '"\\ud800"', "[" * 100_000 + "]" * 100_000],
    ids=["1e999", "NaN", "Infinity", "400 digits", "half a character", "100000 levels"],
)
async def test_what_is_no_json_is_no_request(graph: Graph, database_url: str, value: str) -> None:
    before = await everything(database_url)
    query = json.dumps(document("experimentCreate"))
    body = f'{{"query": {query}, "variables": {{"input": {{"name": "x", "metadata": [{value}]}}}}}}'

    response = await graph.http.post(
        "/graphql", content=body, headers={"content-type": "application/json"}
    )

    [error] = response.json()["errors"]
    assert (response.status_code, error["extensions"]["code"]) == (400, "BAD_USER_INPUT")
    assert await everything(database_url) == before


@pytest.mark.parametrize("levels", [400, 100_000])
async def test_a_document_nested_without_end_is_not_parsed(
    graph: Graph, database_url: str, levels: int
) -> None:
    before = await everything(database_url)
    deep = "[" * levels + "]" * levels
    wanted = f'{{name: "x", metadata: {deep}}}'

    [error] = await graph.errors(
        f"mutation {{ experimentCreate(input: {wanted}) {{ errors {{ code }} }} }}"
    )

    assert error["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"
    assert await everything(database_url) == before


@pytest.mark.parametrize("kind", DOCUMENTS)
async def test_a_document_must_be_one_that_can_be_kept(
    graph: Graph, database_url: str, kind: str
) -> None:
    value, message = DOCUMENTS[kind]
    made = await draft(graph)
    before = await everything(database_url)
    both = {"configOverrides": value, "content": value}

    told = [
        *await refusals(graph, "experimentCreate", name="x", metadata=value),
        *await refusals(graph, "experimentUpdate", experiment={"id": made["id"]}, metadata=value),
        *await refusals(graph, "variantUpdate", id=arm(made, "b")["id"], **both),
        *await refusals(graph, "experimentCreate", name="x", variants=[{"name": "a"} | both]),
    ]

    assert told == [
        ("INVALID", f"input.{path}", message)
        for path in (
            "metadata",
            "metadata",
            "configOverrides",
            "content",
            "variants.0.configOverrides",
            "variants.0.content",
        )
    ]
    assert await everything(database_url) == before


@pytest.mark.parametrize(
    "value",
    [
        LARGEST,
        json.loads("[" * 20 + "]" * 20),
        {"": None, "a": [True, -(2**63), 2**63 - 1, 1e308, 5e-324, -0.5]},
        {"\u202e🎯": "\x01\x7f\ufffe"},
    ],
    ids=["64 KiB", "20 levels", "numbers", "characters"],
)
async def test_a_document_within_the_bounds_is_kept(graph: Graph, value: object) -> None:
    made = await draft(graph, metadata=value)

    updated = await change(
        graph, "variantUpdate", id=arm(made, "b")["id"], content=value, configOverrides=value
    )

    [variant] = updated["variants"]
    assert updated["experiment"]["metadata"] == value
    assert variant["content"] == variant["configOverrides"] == value


async def test_metrics_must_make_sense_together(graph: Graph, database_url: str) -> None:
    before = await everything(database_url)
    metrics = [
        METRIC | {"capLow": 2.0, "capHigh": 1.0, "windowHours": 0},
        METRIC | {"name": "m", "nonInferiorityMargin": 0.5},
        METRIC | {"name": "n", "role": "GUARDRAIL", "nonInferiorityMargin": -1},
    ]

    told = await refusals(graph, "experimentCreate", name="x", metrics=metrics)

    assert [path for _, path, _ in told] == [
        "input.metrics",
        "input.metrics.0.capLow",
        "input.metrics.0.windowHours",
        "input.metrics.1.nonInferiorityMargin",
        "input.metrics.2.nonInferiorityMargin",
    ]
    assert await everything(database_url) == before


async def test_a_place_must_be_one_in_a_list(graph: Graph, database_url: str) -> None:
    made = await draft(graph)
    before = await everything(database_url)

    for place in (-1, 10_001, 2**31 - 1):
        [(code, path, _)] = await refusals(
            graph, "variantUpdate", id=arm(made, "b")["id"], position=place
        )
        assert (code, path) == ("INVALID", "input.position")

    assert await everything(database_url) == before
