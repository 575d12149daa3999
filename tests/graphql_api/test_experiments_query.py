"""Experiments by id, by name and in filtered lists."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson
import pytest
from starlette.applications import Starlette

from domain.experiments import ExperimentStatus
from domain.ids import new_id
from graphql_api.types.view import global_id
from tests.factories import NOON, make_experiment, make_variant
from tests.graphql_api.conftest import Graph
from tests.graphql_api.rows import (
    MINUTE,
    Rows,
    id_of,
    metric_of,
    other_project,
    populate,
    put,
    put_experiments,
)

ONE = "query ($by: ExperimentBy!) { experiment(by: $by) { id name } }"
LIST = """query ($filter: ExperimentFilter) { experiments(filter: $filter) {
    nodes { name } totalCount } }"""
NESTED = """query ($assignments: AssignmentFilter, $metrics: MetricFilter) {
    experiments { nodes {
        assignments(filter: $assignments) { nodes { userId } totalCount }
        metrics(filter: $metrics) { nodes { eventValue } totalCount } } } }"""
UNSTORABLE = "a text holds NUL or half a character, as no text here can"
AUTHOR = UUID(int=7)


async def names(graph: Graph, filter: Mapping[str, object] | None) -> set[str]:
    """The count agrees with them."""
    found = (await graph(LIST, filter=filter))["experiments"]
    assert found["totalCount"] == len(found["nodes"])
    return {node["name"] for node in found["nodes"]}


async def test_an_experiment_is_found_by_id_and_by_name(app: Starlette, graph: Graph) -> None:
    experiment = make_experiment(name="checkout")
    await put_experiments(app, experiment)
    expected = {"experiment": {"id": id_of(experiment), "name": "checkout"}}

    assert await graph(ONE, by={"id": id_of(experiment)}) == expected
    assert await graph(ONE, by={"name": "checkout"}) == expected


@pytest.mark.parametrize(
    "by",
    [{"name": "nobody"}, {"name": ""}, {"name": "CHECKOUT"}, {"name": "checkou_"},
     {"name": "x" * 1_000_000}, {"id": global_id("Experiment", UUID(int=1))}],
    ids=lambda by: str(by)[:30],
)  # fmt: skip
async def test_an_experiment_that_is_not_there_is_null(
    app: Starlette, graph: Graph, by: dict[str, str]
) -> None:
    await put_experiments(app, make_experiment(name="checkout"))

    assert await graph(ONE, by=by) == {"experiment": None}


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ({"id": "5"}, "by.id: is not an id of this server"),
        (
            {"id": global_id("Variant", UUID(int=1))},
            "by.id: is of the type Variant, not Experiment",
        ),
        ({"name": "\0"}, "by.name: must not hold the character NUL"),
    ],
)
async def test_a_key_that_cannot_be_one_is_refused(
    graph: Graph, by: dict[str, str], message: str
) -> None:
    [error] = await graph.errors(ONE, by=by)

    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == message


@pytest.mark.parametrize("by", [{}, {"id": "a", "name": "b"}, {"id": None}, {"name": None}])
async def test_an_experiment_is_named_in_exactly_one_way(
    graph: Graph, by: dict[str, object]
) -> None:
    [error] = await graph.errors(ONE, by=by)

    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_all_fields_of_an_experiment_are_shown(app: Starlette, graph: Graph) -> None:
    experiment = make_experiment(
        name="checkout", status=ExperimentStatus.ACTIVE, started_at=NOON + MINUTE, phase=1
    )
    await put_experiments(app, experiment)

    answer = await graph(
        """{ experiment(by: { name: "checkout" }) { description hypothesis targetBot targetUrl
        metricType minimumSampleSize alpha power correction status allowedTransitions allocation
        hashAlgorithm hashSeed trafficAllocation defaultTrafficSplit metadata phase
        statisticalSignificance startedAt completedAt createdAt updatedAt version } }"""
    )

    assert answer["experiment"] == {
        "description": "Fewer steps to pay",
        "hypothesis": "Fewer steps, more orders",
        "targetBot": "shop-bot",
        "targetUrl": "https://shop.example/checkout",
        "metricType": "conversion",
        "minimumSampleSize": 1000,
        "alpha": 0.05,
        "power": 0.8,
        "correction": "HOLM",
        "status": "ACTIVE",
        "allowedTransitions": ["PAUSED", "COMPLETED", "ARCHIVED"],
        "allocation": "FIXED",
        "hashAlgorithm": "GROWTHBOOK_V2",
        "hashSeed": experiment.hash_seed,
        "trafficAllocation": 1.0,
        "defaultTrafficSplit": {"control": 0.5, "treatment": 0.5},
        "metadata": {"team": "payments"},
        "phase": 1,
        "statisticalSignificance": None,
        "startedAt": "2026-11-20T12:01:00+00:00",
        "completedAt": None,
        "createdAt": "2026-11-20T12:00:00+00:00",
        "updatedAt": "2026-11-20T12:00:00+00:00",
        "version": 1,
    }


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
    ("filter", "expected"),
    [
        (None, {"draft", "active", "paused", "completed"}),
        ({}, {"draft", "active", "paused", "completed"}),
        ({"status": None}, {"draft", "active", "paused", "completed"}),
        ({"status": []}, set()),
        ({"status": ["ACTIVE"]}, {"active"}),
        ({"status": ["ACTIVE", "ARCHIVED"]}, {"active", "archived"}),
        ({"status": ["ARCHIVED", "ARCHIVED"]}, {"archived"}),
    ],
    ids=str,
)
async def test_archived_experiments_hide_unless_they_are_asked_for(
    app: Starlette, graph: Graph, filter: dict[str, object] | None, expected: set[str]
) -> None:
    await put_experiments(
        app, *(make_experiment(name=status.value, status=status) for status in ExperimentStatus)
    )

    assert await names(graph, filter) == expected


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({"targetBot": "shop-bot"}, {"a"}),
        ({"targetBot": "shop"}, set()),
        ({"targetBot": ""}, {"b"}),
        ({"targetBot": None}, {"a", "b", "c"}),
        ({"createdBy": global_id("User", AUTHOR)}, {"a"}),
        ({"createdBy": global_id("User", UUID(int=8))}, set()),
        ({"createdBy": None}, {"a", "b", "c"}),
        ({"createdAfter": "2026-11-20T12:01:00Z"}, {"b", "c"}),
        ({"createdBefore": "2026-11-20T12:01:00Z"}, {"a"}),
        ({"createdAfter": "2026-11-20T13:01:00+01:00"}, {"b", "c"}),
        ({"createdAfter": "2026-11-20T12:01:00Z", "createdBefore": "2026-11-20T12:02:00Z"}, {"b"}),
        ({"createdAfter": None, "createdBefore": None}, {"a", "b", "c"}),
        ({"createdAfter": "9999-12-31T23:59:59.999999Z"}, set()),
        ({"createdBefore": "0001-01-01T00:00:00Z"}, set()),
        ({"targetBot": "shop-bot", "search": "b"}, set()),
    ],
    ids=str,
)  # fmt: skip
async def test_a_list_holds_what_its_filter_asks_for(
    app: Starlette, graph: Graph, filter: dict[str, object], expected: set[str]
) -> None:
    plain = make_experiment(description=None, hypothesis=None)
    await put_experiments(
        app,
        replace(plain, name="a", created_by=AUTHOR),
        replace(plain, id=new_id(), name="b", target_bot="", created_at=NOON + MINUTE),
        replace(plain, id=new_id(), name="c", target_bot=None, created_at=NOON + 2 * MINUTE),
    )

    assert await names(graph, filter) == expected


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("checkout", {"Checkout 100%", "by description", "by hypothesis"}),
        ("CHECKOUT", {"Checkout 100%", "by description", "by hypothesis"}),
        ("100%", {"Checkout 100%"}),
        ("%", {"Checkout 100%"}),
        ("_", {"under_score"}),
        ("r_s", {"under_score"}),
        ("r.s", set()),
        ("\\", {"back\\slash"}),
        ("\\s", {"back\\slash"}),
        ("/", set()),
        ("'", set()),
        ("ÄRGER", {"Ärger"}),
        ("", {"Checkout 100%", "under_score", "back\\slash", "by description", "by hypothesis",
              "Ärger"}),
        ("x" * 900_000, set()),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) else "",
)  # fmt: skip
async def test_search_takes_every_character_literally(
    app: Starlette, graph: Graph, search: str, expected: set[str]
) -> None:
    texts: dict[str, dict[str, Any]] = {
        "Checkout 100%": {},
        "under_score": {},
        "back\\slash": {},
        "Ärger": {},
        "by description": {"description": "the checkout page"},
        "by hypothesis": {"hypothesis": "a short CheckOut"},
    }
    nothing: dict[str, Any] = {"description": None, "hypothesis": None}
    await put_experiments(
        app, *(make_experiment(name=name, **(nothing | text)) for name, text in texts.items())
    )

    assert await names(graph, {"search": search}) == expected


@pytest.mark.parametrize(
    ("filter", "message"),
    [
        ({"createdBy": "5"}, "filter.createdBy: is not an id of this server"),
        (
            {"createdBy": global_id("Experiment", AUTHOR)},
            "filter.createdBy: is of the type Experiment, not User",
        ),
        ({"search": "\0"}, UNSTORABLE),
        ({"targetBot": "a\0b"}, UNSTORABLE),
    ],
)
async def test_a_filter_that_cannot_be_asked_is_refused(
    graph: Graph, filter: dict[str, object], message: str
) -> None:
    for error in await graph.errors(LIST, filter=filter):
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert error["message"] == message


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


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (None, ["u2", "u1", "u0"]),
        ({}, ["u2", "u1", "u0"]),
        ({"userId": None, "hasConverted": None, "assignedAfter": None}, ["u2", "u1", "u0"]),
        ({"userId": "v0-u1"}, ["u1"]),
        ({"userId": "u1"}, []),
        ({"userId": ""}, []),
        ({"userId": "v0-u_"}, []),
        ({"userId": "x" * 900_000}, []),
        ({"hasConverted": True}, ["u1"]),
        ({"hasConverted": False}, ["u2", "u0"]),
        ({"assignedAfter": "2026-11-20T12:01:00Z"}, ["u2", "u1"]),
        ({"assignedBefore": "2026-11-20T12:01:00Z"}, ["u0"]),
        (
            {"assignedAfter": "2026-11-20T12:01:00Z", "assignedBefore": "2026-11-20T12:02:00Z"},
            ["u1"],
        ),
        ({"userId": "v0-u1", "hasConverted": False}, []),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_assignments_are_filtered(
    app: Starlette, graph: Graph, filter: dict[str, object] | None, expected: list[str]
) -> None:
    await put_assignments_of_which_the_second_converted(app)

    answer = await graph(NESTED, assignments=filter)

    [node] = answer["experiments"]["nodes"]
    assert [one["userId"] for one in node["assignments"]["nodes"]] == [f"v0-{u}" for u in expected]
    assert node["assignments"]["totalCount"] == len(expected)


async def put_assignments_of_which_the_second_converted(app: Starlette) -> None:
    made = await populate(app, project=await other_project(app), variants=1, assignments=3)
    experiment = replace(made.experiments[0], id=new_id())
    variant = replace(made.variants[0], id=new_id(), experiment_id=experiment.id)
    assignments = [
        replace(one, id=new_id(), experiment_id=experiment.id, variant_id=variant.id,
                has_converted=place == 1)
        for place, one in enumerate(made.assignments)
    ]  # fmt: skip
    await put(app, Rows(experiments=[experiment], variants=[variant], assignments=assignments))


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (None, [3, 2, 1]),
        ({}, [3, 2, 1]),
        ({"eventType": None, "source": None, "after": None, "before": None}, [3, 2, 1]),
        ({"eventType": "order"}, [2, 1]),
        ({"eventType": "ORDER"}, []),
        ({"eventType": "orde_"}, []),
        ({"eventType": "x" * 900_000}, []),
        ({"source": "app"}, [2]),
        ({"source": ""}, []),
        ({"after": "2026-11-20T12:01:00Z"}, [3, 2]),
        ({"before": "2026-11-20T12:01:00Z"}, [1]),
        ({"after": "2026-11-20T12:01:00Z", "before": "2026-11-20T12:02:00Z"}, [2]),
        ({"eventType": "view", "source": "app"}, []),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_metrics_are_filtered(
    app: Starlette, graph: Graph, filter: dict[str, object] | None, expected: list[int]
) -> None:
    [known] = (await populate(app, variants=1, assignments=1)).assignments
    kinds = [("order", "web"), ("order", "app"), ("view", None)]
    metrics = [
        metric_of(known, event_type=kind, source=source, event_value=place + 1.0,
                  event_timestamp=NOON + place * MINUTE)
        for place, (kind, source) in enumerate(kinds)
    ]  # fmt: skip
    await put(app, Rows(metrics=metrics))

    answer = await graph(NESTED, metrics=filter)

    [node] = answer["experiments"]["nodes"]
    assert [one["eventValue"] for one in node["metrics"]["nodes"]] == expected
    assert node["metrics"]["totalCount"] == len(expected)


@pytest.mark.parametrize(
    ("name", "field"),
    [("assignments", "userId"), ("metrics", "eventType"), ("metrics", "source")],
)
async def test_a_nested_filter_with_nul_is_refused(
    app: Starlette, graph: Graph, name: str, field: str
) -> None:
    await populate(app, assignments=1, metrics=1)

    errors = await graph.errors(NESTED, **{name: {field: "a\0"}})

    assert {error["extensions"]["code"] for error in errors} == {"BAD_USER_INPUT"}
    assert {error["message"] for error in errors} == {UNSTORABLE}


@pytest.mark.parametrize("name", ["\0", "a\0", "x" * 900_000, "🙂", "'; DROP TABLE ab_variants"])
async def test_a_variant_of_an_impossible_name_is_null(
    app: Starlette, graph: Graph, name: str
) -> None:
    await populate(app)
    query = "query ($name: String!) { experiments { nodes { variant(name: $name) { id } } } }"

    assert await graph(query, name=name) == {"experiments": {"nodes": [{"variant": None}]}}


async def test_experiments_of_another_project_do_not_exist(app: Starlette, graph: Graph) -> None:
    stranger = await other_project(app)
    rows = await populate(app, variants=1, assignments=1, metrics=1, project=stranger, name="a")
    [theirs] = rows.experiments

    assert await graph(ONE, by={"id": id_of(theirs)}) == {"experiment": None}
    assert await graph(ONE, by={"name": "a"}) == {"experiment": None}
    for asked in (None, {"search": "a"}, {"status": ["DRAFT"]}, {"targetBot": "shop-bot"}):
        assert await names(graph, asked) == set()
    assert await graph("{ experimentCounts { status count } }") == {"experimentCounts": []}


async def test_two_projects_may_use_one_name(app: Starlette, graph: Graph) -> None:
    await populate(app, project=await other_project(app), name="a", assignments=2, metrics=1)
    [ours] = (await populate(app, name="a", variants=1, assignments=1)).experiments

    answer = await graph(NESTED)

    assert (await graph(ONE, by={"name": "a"}))["experiment"]["id"] == id_of(ours)
    [node] = answer["experiments"]["nodes"]
    assert node["assignments"]["totalCount"] == 1
    assert node["metrics"] == {"nodes": [], "totalCount": 0}


async def test_a_cursor_of_another_project_shows_nothing_of_it(
    app: Starlette, graph: Graph
) -> None:
    query = (
        "query ($after: String) { experiments(after: $after) { edges { cursor } nodes { name } } }"
    )
    await populate(app, name="ours", created_at=NOON + MINUTE)
    ours = (await graph(query))["experiments"]["edges"][0]["cursor"]
    await populate(app, project=await other_project(app), name="theirs", created_at=NOON)

    assert (await graph(query, after=ours))["experiments"]["nodes"] == []


async def test_experiments_are_counted_by_status(app: Starlette, graph: Graph) -> None:
    statuses = [ExperimentStatus.DRAFT, ExperimentStatus.DRAFT, ExperimentStatus.ARCHIVED]
    await put_experiments(app, *(make_experiment(status=status) for status in statuses))

    counts = (await graph("{ experimentCounts { status count } }"))["experimentCounts"]

    assert {one["status"]: one["count"] for one in counts} == {"DRAFT": 2, "ARCHIVED": 1}


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
