"""What is not there, or not of the schema, is told as that, and nothing is written."""

from base64 import b64encode
from typing import Any

import pytest

from tests.graphql_api.conftest import Graph
from tests.graphql_api.writing import arm, document, draft, refusals
from tests.persistence.contents import everything

METRIC = {"name": "orders", "eventType": "order", "aggregation": "SUM", "role": "PRIMARY"}


def shown_id(text: str) -> str:
    return b64encode(text.encode()).decode()


NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "is not an id of this server"),
        ("nonsense", "is not an id of this server"),
        ("é\0", "is not an id of this server"),
        ("x" * 10_000, "is not an id of this server"),
        (shown_id("Experiment"), "is not an id of this server"),
        (shown_id("Experiment:7"), "is not an id of this server"),
        (shown_id(f"Metric:{NOBODY}"), "is of the type Metric, not {}"),
        (shown_id(f"experiment:{NOBODY}"), "is of the type experiment, not {}"),
    ],
    ids=["empty", "nonsense", "NUL", "long", "a type alone", "no UUID", "another type", "case"],
)
async def test_an_id_must_be_one_of_the_right_kind(
    graph: Graph, database_url: str, given: str, message: str
) -> None:
    await draft(graph)
    before = await everything(database_url)

    for mutation in ("experimentUpdate", "experimentStart", "experimentDelete"):
        told = await refusals(graph, mutation, experiment={"id": given})
        assert told == [("INVALID", "input.experiment.id", message.format("Experiment"))]
    for mutation in ("variantUpdate", "variantDeactivate", "variantReactivate", "variantDelete"):
        told = await refusals(graph, mutation, id=given)
        assert told == [("INVALID", "input.id", message.format("Variant"))]

    assert await everything(database_url) == before


async def test_ids_of_what_is_not_there_are_not_found(graph: Graph, database_url: str) -> None:
    made = await draft(graph)
    before = await everything(database_url)

    experiment, variant = shown_id(f"Experiment:{NOBODY}"), shown_id(f"Variant:{NOBODY}")
    told = [
        *await refusals(graph, "experimentStart", experiment={"id": experiment}),
        *await refusals(graph, "experimentStart", experiment={"name": "a\0"}),
        *await refusals(graph, "experimentStart", experiment={"id": arm(made, "a")["id"]}),
        *await refusals(graph, "variantDelete", id=variant),
        *await refusals(graph, "variantDelete", id=made["id"]),
    ]

    assert told == [
        ("NOT_FOUND", "input.experiment", f"there is no experiment {NOBODY}"),
        ("INVALID", "input.experiment.name", "must not hold the character NUL"),
        ("INVALID", "input.experiment.id", "is of the type Variant, not Experiment"),
        ("NOT_FOUND", "input.id", "there is no such variant"),
        ("INVALID", "input.id", "is of the type Experiment, not Variant"),
    ]
    assert await everything(database_url) == before


MISFITS: list[tuple[str, dict[str, Any], str]] = [
    ("experimentCreate", {"name": "x", "correction": "MAYBE"}, "correction"),
    ("experimentCreate", {"name": "x", "correction": "holm"}, "correction"),
    ("experimentCreate", {"name": "x", "allocation": 1}, "allocation"),
    ("experimentCreate", {"name": "x", "colour": "red"}, "colour"),
    ("experimentCreate", {"name": "x", "status": "ACTIVE"}, "status"),
    ("experimentCreate", {"name": "x", "alpha": None}, "alpha"),
    ("experimentCreate", {"name": "x", "alpha": "0.05"}, "alpha"),
    ("experimentCreate", {"name": "x", "minimumSampleSize": 2**31}, "minimumSampleSize"),
    ("experimentCreate", {"name": "x", "minimumSampleSize": 1.5}, "minimumSampleSize"),
    ("experimentCreate", {"name": 7}, "name"),
    ("experimentCreate", {}, "name"),
    ("experimentCreate", {"name": "x", "variants": [None]}, "variants"),
    (
        "experimentCreate",
        {"name": "x", "variants": [{"name": "a", "isControl": 1}]},
        "isControl",
    ),
    ("experimentCreate", {"name": "x", "metrics": [METRIC | {"role": "KING"}]}, "role"),
    ("experimentStart", {"experiment": {}}, "ExperimentBy"),
    ("experimentStart", {"experiment": {"id": "a", "name": "b"}}, "ExperimentBy"),
    ("experimentStart", {"experiment": {"id": None}}, "id"),
    ("experimentStart", {"experiment": None}, "experiment"),
    ("variantUpdate", {"id": None}, "id"),
    ("variantUpdate", {"id": "x", "position": 2**31}, "position"),
    ("variantUpdate", {"id": "x", "isActive": False}, "isActive"),
]


async def test_what_the_schema_does_not_know_is_a_bad_request(
    graph: Graph, database_url: str
) -> None:
    before = await everything(database_url)

    for mutation, wanted, named in MISFITS:
        response = await graph.send(document(mutation), input=wanted)
        [error] = response.json()["errors"]
        assert (response.status_code, error["extensions"]["code"]) == (200, "BAD_USER_INPUT")
        assert named in error["message"]

    assert await everything(database_url) == before


@pytest.mark.parametrize("time", ["yesterday", "2026-02-07T12:30:00", "2026-13-01T00:00:00Z", ""])
async def test_a_date_that_is_wrong_further_down_leaves_all_unwritten(
    graph: Graph, database_url: str, time: str
) -> None:
    before = await everything(database_url)

    [error] = await graph.errors(
        """mutation($time: DateTime) {
          experimentCreate(input: {name: "x"}) {
            query { experiments(filter: {createdAfter: $time}) { totalCount } }
          }
        }""",
        time=time,
    )

    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert await everything(database_url) == before


async def test_a_request_beyond_a_mebibyte_is_refused(graph: Graph, database_url: str) -> None:
    before = await everything(database_url)

    response = await graph.send(document("experimentCreate"), input={"name": "x" * 2**20})

    assert response.status_code == 413
    assert await everything(database_url) == before
