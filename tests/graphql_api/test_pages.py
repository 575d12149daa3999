"""Pages of a list: bounded, and told what lies on both sides of them."""

from dataclasses import replace

import pytest
from starlette.applications import Starlette

from tests.factories import NOON, make_assignment, make_experiment
from tests.graphql_api.conftest import Graph
from tests.graphql_api.paging import EXPERIMENTS, NESTED, page
from tests.graphql_api.rows import MINUTE, Rows, ids_of, populate, put, put_experiments


@pytest.mark.parametrize(
    ("count", "place", "flags"),
    [
        ({"first": 3}, None, (False, False)),
        ({"first": 2}, None, (True, False)),
        ({"last": 3}, None, (False, False)),
        ({"last": 2}, None, (False, True)),
        ({"first": 1}, "after", (True, True)),
        ({"first": 2}, "after", (False, True)),
        ({"last": 1}, "before", (True, True)),
        ({"last": 2}, "before", (True, False)),
        ({"first": 0}, None, (True, False)),
        ({"last": 0}, None, (False, True)),
    ],
    ids=str,
)
async def test_page_info_tells_what_lies_on_both_sides(
    app: Starlette,
    graph: Graph,
    count: dict[str, int],
    place: str | None,
    flags: tuple[bool, bool],
) -> None:
    await populate(app, experiments=3, variants=0)
    whole = await page(graph, EXPERIMENTS)
    ends = {"after": whole["pageInfo"]["startCursor"], "before": whole["pageInfo"]["endCursor"]}

    part = await page(graph, EXPERIMENTS, **count, **({place: ends[place]} if place else {}))

    told = part["pageInfo"]
    assert (told["hasNextPage"], told["hasPreviousPage"]) == flags


async def test_after_and_before_together_cut_a_part_out(app: Starlette, graph: Graph) -> None:
    rows = await populate(app, experiments=5, variants=0)
    cursors = [
        edge["cursor"]
        for edge in (await graph("{ experiments { edges { cursor } } }"))["experiments"]["edges"]
    ]
    between = {"after": cursors[0], "before": cursors[4]}

    middle = await page(graph, EXPERIMENTS, **between)
    start = await page(graph, EXPERIMENTS, first=1, **between)
    end = await page(graph, EXPERIMENTS, last=1, **between)

    newest_first = ids_of(rows.experiments[::-1])
    assert [node["id"] for node in middle["nodes"]] == newest_first[1:4]
    assert [node["id"] for node in start["nodes"]] == newest_first[1:2]
    assert [node["id"] for node in end["nodes"]] == newest_first[3:4]


async def test_an_empty_page_has_no_cursors(graph: Graph) -> None:
    assert await page(graph, EXPERIMENTS) == {
        "nodes": [],
        "pageInfo": {
            "hasNextPage": False,
            "hasPreviousPage": False,
            "startCursor": None,
            "endCursor": None,
        },
    }


async def test_the_cursors_of_the_page_are_those_of_its_edges(app: Starlette, graph: Graph) -> None:
    await populate(app, experiments=3, variants=0)

    answer = await graph(
        "{ experiments { edges { cursor node { id } } nodes { id } "
        "pageInfo { startCursor endCursor } } }"
    )

    found = answer["experiments"]
    assert [edge["node"] for edge in found["edges"]] == found["nodes"]
    assert found["pageInfo"] == {
        "startCursor": found["edges"][0]["cursor"],
        "endCursor": found["edges"][2]["cursor"],
    }


@pytest.mark.parametrize("query", [EXPERIMENTS, NESTED % "assignments", NESTED % "metrics"])
async def test_a_page_has_20_entries_unless_more_are_asked_for(
    app: Starlette, graph: Graph, query: str
) -> None:
    rows = await populate(app, variants=1, assignments=1, metrics=101)
    [known] = rows.assignments
    more = [replace(make_assignment(), experiment_id=known.experiment_id,
        variant_id=known.variant_id) for _ in range(100)]  # fmt: skip
    await put(app, Rows(assignments=more))
    await put_experiments(app, *(make_experiment(created_at=NOON - MINUTE) for _ in range(100)))

    sizes = [
        len((await page(graph, query, **count))["nodes"])
        for count in ({}, {"first": None}, {"first": 0}, {"first": 100}, {"last": 100}, {"last": 0})
    ]

    assert sizes == [20, 20, 0, 100, 100, 0]
