"""Anything by its id: `node` and `nodes`."""

from base64 import b64encode
from uuid import UUID

import pytest
from starlette.applications import Starlette

from domain.ids import new_id
from tests.graphql_api.conftest import Graph
from tests.graphql_api.rows import (
    AUTHENTICATION,
    database_of,
    id_of,
    ids_of,
    other_project,
    populate,
)
from tests.persistence.statements import counted

NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
KINDS = ["Experiment", "Variant", "Assignment", "Metric"]


def global_id(text: str) -> str:
    return b64encode(text.encode()).decode()


async def test_all_four_types_are_found_by_their_id(app: Starlette, graph: Graph) -> None:
    rows = await populate(app, variants=1, assignments=1, metrics=1)
    ids = ids_of([*rows.experiments, *rows.variants, *rows.assignments, *rows.metrics])

    together = (await graph(NODES, ids=ids))["nodes"]
    alone = [(await graph(NODE, id=one))["node"] for one in ids]

    expected = [{"__typename": kind, "id": one} for kind, one in zip(KINDS, ids, strict=True)]
    assert together == alone == expected


async def test_a_node_shows_the_fields_of_its_type(app: Starlette, graph: Graph) -> None:
    rows = await populate(app, variants=1, assignments=1, metrics=1)
    [variant], [metric] = rows.variants, rows.metrics

    answer = await graph(
        """query ($ids: [ID!]!) { nodes(ids: $ids) {
        ... on Variant { name assignments { totalCount } }
        ... on Metric { eventType assignment { userId } } } }""",
        ids=ids_of([variant, metric]),
    )

    assert answer["nodes"] == [
        {"name": "v0", "assignments": {"totalCount": 1}},
        {"eventType": "order", "assignment": {"userId": "v0-u0"}},
    ]


async def test_many_nodes_are_one_statement_for_each_type(app: Starlette, graph: Graph) -> None:
    rows = await populate(app, variants=5, assignments=2, metrics=1)
    ids = ids_of([*rows.experiments, *rows.variants, *rows.assignments, *rows.metrics])

    async with counted(database_of(app), besides=AUTHENTICATION) as seen:
        answer = await graph(NODES, ids=ids)

    assert [node["id"] for node in answer["nodes"]] == ids
    assert len(seen) == 4


async def test_nodes_keep_order_and_repetition_and_leave_gaps(app: Starlette, graph: Graph) -> None:
    [experiment] = (await populate(app)).experiments
    known, unknown = id_of(experiment), global_id(f"Variant:{new_id()}")

    answer = await graph(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=[known, unknown, known]
    )

    assert answer["nodes"] == [{"id": known}, None, {"id": known}]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_unknown_id_is_null(graph: Graph, kind: str) -> None:
    assert await graph(NODE, id=global_id(f"{kind}:{new_id()}")) == {"node": None}


@pytest.mark.parametrize("kind", KINDS)
async def test_an_id_of_one_type_finds_nothing_of_another(
    app: Starlette, graph: Graph, kind: str
) -> None:
    rows = await populate(app, variants=1, assignments=1, metrics=1)
    own = [rows.experiments[0].id, rows.variants[0].id, rows.assignments[0].id, rows.metrics[0].id]
    others = (row for name, row in zip(KINDS, own, strict=True) if name != kind)
    ids = [global_id(f"{kind}:{row}") for row in others]

    assert await graph(NODES, ids=ids) == {"nodes": [None, None, None]}


@pytest.mark.parametrize(
    "id",
    [
        "",
        "nonsense",
        "5",
        "RXhwZXJpbWVudA",
        "ü",
        "\0",
        "x" * 1_000_000,
        str(UUID(int=1)),
        global_id("Experiment"),
        global_id("Experiment:"),
        global_id("Experiment:5"),
        global_id(f"Experiment:{UUID(int=1)}:2"),
        global_id(f"experiment:{UUID(int=1)}"),
        global_id(f"Nobody:{UUID(int=1)}"),
        global_id(f":{UUID(int=1)}"),
        global_id(f"Mutation:{UUID(int=1)}"),
        global_id(f"MetricDefinition:{UUID(int=1)}"),
        global_id("Experiment:\0"),
        b64encode(b"\xff\xfe:").decode(),
    ],
    ids=lambda text: f"{text[:30]!a} {len(text)}",
)
async def test_what_is_no_id_of_this_server_is_refused(graph: Graph, id: str) -> None:
    errors = await graph.errors(NODE, id=id) + await graph.errors(NODES, ids=[id])

    assert [error["message"] for error in errors] == ["id: is not an id of this server"] * 2
    assert [error["extensions"]["code"] for error in errors] == ["BAD_USER_INPUT"] * 2


async def test_at_most_a_hundred_nodes_are_read_at_once(app: Starlette, graph: Graph) -> None:
    [experiment] = (await populate(app)).experiments
    async with counted(database_of(app), besides=AUTHENTICATION) as seen:
        [error] = await graph.errors(NODES, ids=[id_of(experiment)] * 101)

    assert error["message"] == "ids has 101 entries: at most 100 are allowed"
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert seen == []
    assert len((await graph(NODES, ids=[id_of(experiment)] * 100))["nodes"]) == 100
    assert (await graph(NODES, ids=[])) == {"nodes": []}


async def test_what_belongs_to_another_project_does_not_exist(app: Starlette, graph: Graph) -> None:
    stranger = await other_project(app)
    rows = await populate(app, variants=1, assignments=1, metrics=1, project=stranger)
    ids = ids_of([*rows.experiments, *rows.variants, *rows.assignments, *rows.metrics])

    answers = [await graph(NODE, id=one) for one in ids]

    assert await graph(NODES, ids=ids) == {"nodes": [None] * 4}
    assert answers == [{"node": None}] * 4


async def test_a_stranger_hides_among_our_own(app: Starlette, graph: Graph) -> None:
    stranger = await other_project(app)
    theirs = await populate(app, variants=1, assignments=1, metrics=1, project=stranger)
    ours = await populate(app, variants=1, assignments=1, metrics=1)

    answer = await graph(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }",
        ids=ids_of([*theirs.metrics, *ours.metrics, *theirs.variants, *ours.variants]),
    )

    assert answer["nodes"] == [
        None, {"id": id_of(ours.metrics[0])}, None, {"id": id_of(ours.variants[0])}
    ]  # fmt: skip
