"""Funnels as people design, change and remove them."""

import asyncio
from itertools import pairwise
from typing import Any

from starlette.applications import Starlette

from domain.ids import new_id
from graphql_api.types.view import global_id
from tests.graphql_api.conftest import Graph
from tests.graphql_api.funnels import STEPS, links, made, refusals, shown, tried, updated
from tests.graphql_api.paging import PAGE, VARIABLES, walk
from tests.graphql_api.rows import AUTHENTICATION, database_of
from tests.persistence.statements import counted

FUNNELS = f"""query ({VARIABLES}) {{
    list: funnels(first: $first, after: $after, last: $last, before: $before) {{ {PAGE} }} }}"""
DIAMOND = [
    {"source": "chosen", "target": "paid"},
    {"source": "seen", "target": "helped"},
    {"source": "helped", "target": "paid"},
    {"source": "seen", "target": "chosen"},
]
HELPED = {"name": "helped", "eventType": "help"}


async def test_without_links_the_steps_are_a_straight_line(graph: Graph) -> None:
    left_out: list[dict[str, Any]] = [{}, {"links": None}, {"links": []}]
    for absent in left_out:
        funnel = await made(graph, name=f"orders {absent}", description="To the money", **absent)

        assert [(step["name"], step["eventType"]) for step in funnel["steps"]] == [
            ("seen", "view"),
            ("chosen", "cart"),
            ("paid", "conversion"),
        ]
        assert [step["position"] for step in funnel["steps"]] == [0, 1, 2]
        assert links(funnel) == [("seen", "chosen"), ("chosen", "paid")]
        assert funnel["description"] == "To the money"
        assert await shown(graph, funnel["id"]) == funnel


async def test_links_are_told_by_the_places_of_their_steps(graph: Graph) -> None:
    funnel = await made(graph, steps=[*STEPS, HELPED], links=DIAMOND)

    assert links(funnel) == [
        ("seen", "chosen"),
        ("seen", "helped"),
        ("chosen", "paid"),
        ("helped", "paid"),
    ]


async def test_both_kinds_of_nodes_are_found_by_their_id(graph: Graph) -> None:
    funnel = await made(graph)
    ids = [funnel["id"], funnel["steps"][1]["id"]]

    answer = await graph(
        """query ($ids: [ID!]!) { nodes(ids: $ids) {
        ... on Funnel { name } ... on FunnelStep { eventType position } } }""",
        ids=ids,
    )

    assert answer["nodes"] == [{"name": "orders"}, {"eventType": "cart", "position": 1}]


async def test_a_page_of_funnels_with_steps_and_links_is_two_statements(
    app: Starlette, graph: Graph
) -> None:
    for name in "abc":
        await made(graph, name=name)
    page = "nodes { name steps { name } links { source { id name } target { name } } }"

    async with counted(database_of(app), besides=AUTHENTICATION) as seen:
        answer = await graph(f"{{ funnels {{ {page} }} }}")
    async with counted(database_of(app), besides=AUTHENTICATION) as with_count:
        total = await graph(f"{{ funnels(first: 1) {{ totalCount {page} }} }}")

    nodes = answer["funnels"]["nodes"]
    assert [node["name"] for node in nodes] == ["c", "b", "a"]
    assert [links(node) for node in nodes] == [[("seen", "chosen"), ("chosen", "paid")]] * 3
    assert len(seen) == 2
    assert (total["funnels"]["totalCount"], len(with_count)) == (3, 3)


async def test_walks_from_either_end_see_all_funnels_once(graph: Graph) -> None:
    ids = [(await made(graph, name=f"funnel {number}"))["id"] for number in range(5)]

    assert await walk(graph, FUNNELS, 2) == ids[::-1]
    assert await walk(graph, FUNNELS, 2, backwards=True) == ids[::-1]


async def test_what_is_left_out_of_an_update_stays_and_null_clears(graph: Graph) -> None:
    funnel = await made(graph, description="old", links=[*DIAMOND], steps=[*STEPS, HELPED])

    named = await updated(graph, id=funnel["id"], name="sales")
    cleared = await updated(graph, id=funnel["id"], description=None)

    assert named == funnel | {"name": "sales", "updatedAt": named["updatedAt"]}
    assert cleared == named | {"description": None, "updatedAt": cleared["updatedAt"]}
    assert funnel["updatedAt"] < named["updatedAt"] < cleared["updatedAt"]


async def test_new_steps_replace_the_old_ones_save_for_those_that_keep_their_names(
    graph: Graph,
) -> None:
    funnel = await made(graph)
    ids = {step["name"]: step["id"] for step in funnel["steps"]}
    steps = [{"name": "paid", "eventType": "order"}, HELPED, STEPS[0]]

    after = await updated(graph, id=funnel["id"], steps=steps)

    found = {step["name"]: step["id"] for step in after["steps"]}
    assert list(found) == ["paid", "helped", "seen"]
    assert (found["paid"], found["seen"]) == (ids["paid"], ids["seen"])
    assert after["steps"][0]["eventType"] == "order"
    assert links(after) == [("paid", "helped"), ("helped", "seen")]
    node = "query ($id: ID!) { node(id: $id) { id } }"
    assert await graph(node, id=ids["chosen"]) == {"node": None}
    assert await shown(graph, funnel["id"]) == after


async def test_links_alone_are_given_to_the_steps_that_are_there(graph: Graph) -> None:
    funnel = await made(graph)

    turned = await updated(
        graph,
        id=funnel["id"],
        links=[{"source": "paid", "target": "seen"}, {"source": "seen", "target": "chosen"}],
    )
    straight = await updated(graph, id=funnel["id"], links=None)

    assert links(turned) == [("seen", "chosen"), ("paid", "seen")]
    assert turned["steps"] == funnel["steps"] == straight["steps"]
    assert links(straight) == [("seen", "chosen"), ("chosen", "paid")]


async def test_an_update_to_what_there_is_writes_nothing(app: Starlette, graph: Graph) -> None:
    funnel = await made(graph)

    async with counted(database_of(app), besides=AUTHENTICATION) as seen:
        same = await updated(graph, id=funnel["id"], name="orders", steps=STEPS, links=None)

    assert same == funnel
    assert [text for text in seen if not text.lstrip().startswith("SELECT")] == []


async def test_of_updates_at_once_each_is_kept_whole(graph: Graph) -> None:
    funnel = await made(graph)
    wanted = [
        [{"name": f"{turn}-{place}", "eventType": "view"} for place in range(turn + 2)]
        for turn in range(5)
    ]

    payloads = await asyncio.gather(
        *(tried(graph, "funnelUpdate", id=funnel["id"], steps=steps) for steps in wanted),
        tried(graph, "funnelUpdate", id=funnel["id"], name="renamed"),
    )

    after = await shown(graph, funnel["id"])
    assert after is not None
    assert [payload["errors"] for payload in payloads] == [[]] * 6
    names = [step["name"] for step in after["steps"]]
    assert names in [[step["name"] for step in steps] for steps in wanted]
    assert links(after) == list(pairwise(names))
    assert after["name"] == "renamed"


async def test_a_deleted_funnel_is_gone_with_its_steps_and_frees_its_name(graph: Graph) -> None:
    funnel = await made(graph)

    deleted = await tried(graph, "funnelDelete", id=funnel["id"])
    again = await refusals(graph, "funnelDelete", id=funnel["id"])

    assert deleted == {"deletedId": funnel["id"], "errors": []}
    assert again == [("NOT_FOUND", "input.id", "there is no such funnel")]
    node = "query ($id: ID!) { node(id: $id) { id } }"
    assert await graph(node, id=funnel["steps"][0]["id"]) == {"node": None}
    assert (await graph("{ funnels { totalCount } }"))["funnels"] == {"totalCount": 0}
    await made(graph)


async def test_an_unknown_id_finds_nothing_and_one_of_another_type_is_refused(
    graph: Graph,
) -> None:
    unknown, other = global_id("Funnel", new_id()), global_id("Variant", new_id())

    assert await shown(graph, unknown) is None
    (error,) = await graph.errors("query ($id: ID!) { funnel(id: $id) { id } }", id=other)
    assert error["message"] == "id: is of the type Variant, not Funnel"
    assert await refusals(graph, "funnelUpdate", id=unknown, name="x") == [
        ("NOT_FOUND", "input.id", "there is no such funnel")
    ]
