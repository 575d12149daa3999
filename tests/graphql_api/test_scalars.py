"""Times, numbers, JSON and enums, as they are taken and as they are shown."""

import re

import orjson
import pytest
from starlette.applications import Starlette

from tests.factories import NOON, make_experiment, make_variant
from tests.graphql_api.conftest import Graph
from tests.graphql_api.lists import LIST, names
from tests.graphql_api.rows import Rows, put, put_experiments


async def test_numbers_beyond_32_bits_and_odd_json_are_shown_exactly(
    app: Starlette, graph: Graph
) -> None:
    experiment = make_experiment(metadata=[1, {"": None, "ü": [2**53, -0.5, "🙂"]}])
    variant = make_variant(
        experiment_id=experiment.id, impressions=2**53, conversions=2**31, content={},
        confidence_interval_lower=0.25, confidence_interval_upper=0.75,
    )  # fmt: skip
    await put(app, Rows(experiments=[experiment], variants=[variant]))

    answer = await graph(
        """{ experiments { nodes { metadata variants { impressions conversions content
        confidenceInterval { lower upper level } } } } }"""
    )

    [node] = answer["experiments"]["nodes"]
    assert node["metadata"] == [1, {"": None, "ü": [2**53, -0.5, "🙂"]}]
    assert node["variants"] == [
        {
            "impressions": 2**53,
            "conversions": 2**31,
            "content": {},
            "confidenceInterval": {"lower": 0.25, "upper": 0.75, "level": 0.95},
        }
    ]


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        ("2026-11-20T12:00:00Z", {"a"}),
        ("2026-11-20t12:00:00.000000z", {"a"}),
        ("2026-11-20 07:00:00-05:00", {"a"}),
        ("2026-11-20T12:00:00.000001Z", set()),
    ],
)
async def test_a_time_is_taken_at_its_offset(
    app: Starlette, graph: Graph, moment: str, shown: set[str]
) -> None:
    await put_experiments(app, make_experiment(name="a", created_at=NOON))

    assert await names(graph, {"createdAfter": moment}) == shown


@pytest.mark.parametrize(
    "moment",
    ["2026-11-20T12:00:00", "2026-11-20", "12:00", "", "now", "2026-13-01T00:00:00Z",
     "2026-11-20T25:00:00Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00",
     "2026-11-20T12:00:00+25:00", "infinity", 1_763_640_000, True, ["2026-11-20T12:00:00Z"]],
    ids=str,
)  # fmt: skip
async def test_a_time_without_an_offset_is_refused(graph: Graph, moment: object) -> None:
    literal = orjson.dumps(moment).decode()
    query = f"{{ experiments(filter: {{ createdAfter: {literal} }}) {{ totalCount }} }}"

    errors = await graph.errors(LIST, filter={"createdAfter": moment}) + await graph.errors(query)

    assert [error["extensions"]["code"] for error in errors] == ["BAD_USER_INPUT"] * 2
    for error in errors:
        assert re.search("is no RFC 3339 time with an offset|is no time of", error["message"])


async def test_an_enum_is_taken_as_itself(graph: Graph) -> None:
    created = await graph(
        """mutation { experimentCreate(input: { name: "a", correction: BONFERRONI,
        hashAlgorithm: EPPO, metrics: [{ name: "m", eventType: "e", aggregation: SUM,
        role: PRIMARY, direction: DECREASE, scale: ABSOLUTE }] }) {
        experiment { correction hashAlgorithm
        metricDefinitions { aggregation role direction scale } } errors { message } } }"""
    )

    assert created["experimentCreate"] == {
        "experiment": {
            "correction": "BONFERRONI",
            "hashAlgorithm": "EPPO",
            "metricDefinitions": [
                {
                    "aggregation": "SUM",
                    "role": "PRIMARY",
                    "direction": "DECREASE",
                    "scale": "ABSOLUTE",
                }
            ],
        },
        "errors": [],
    }


JSON_ECHO = """mutation { experimentCreate(input: { name: "a", metadata: %s }) {
    experiment { metadata } errors { message } } }"""


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("{ a: 1, b: [true, null, 1.5, \"x\"] }", {"a": 1, "b": [True, None, 1.5, "x"]}),
        ("[]", []),
        ("{ big: 9007199254740993 }", {"big": 9007199254740993}),
        ("{ nested: { deep: [[{}]] } }", {"nested": {"deep": [[{}]]}}),
    ],
)  # fmt: skip
async def test_json_is_the_same_as_a_literal_and_as_a_variable(
    graph: Graph, literal: str, value: object
) -> None:
    by_literal = await graph(JSON_ECHO % literal)
    by_variable = await graph(
        """mutation ($metadata: JSON) { experimentCreate(input: { name: "b",
        metadata: $metadata }) { experiment { metadata } errors { message } } }""",
        metadata=value,
    )

    expected = {"experiment": {"metadata": value}, "errors": []}
    assert by_literal["experimentCreate"] == by_variable["experimentCreate"] == expected


@pytest.mark.parametrize("number", ["2147483648", "9007199254740993", "9" * 5000, "-1e3", "1.5"])
async def test_an_int_beyond_32_bits_is_refused_in_our_own_words(graph: Graph, number: str) -> None:
    [error] = await graph.errors(f"{{ experiments(first: {number}) {{ totalCount }} }}")

    assert error["extensions"]["code"] in ("BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED")
    assert "sys." not in error["message"]
