"""What is no funnel: all that is wrong is said at once, and nothing is written."""

from typing import Any

import pytest

from tests.graphql_api.conftest import Graph
from tests.graphql_api.funnels import STEPS, made, refusals, shown

INVALID = "INVALID"


def link(source: str, target: str) -> dict[str, str]:
    return {"source": source, "target": target}


LINE = [link("seen", "chosen"), link("chosen", "paid")]
MANY = [{"name": f"step {number}", "eventType": "view"} for number in range(21)]
LINKS: list[tuple[list[dict[str, str]], list[tuple[str, str]]]] = [
    (
        [*LINE, link("seen", "nowhere"), link("never", "paid")],
        [("2.target", "there is no step 'nowhere'"), ("3.source", "there is no step 'never'")],
    ),
    ([*LINE, link("paid", "paid")], [("2", "leads from 'paid' to itself")]),
    ([*LINE, LINE[0]], [("2", "'seen' and 'chosen' are linked twice")]),
    ([*LINE, link("paid", "seen")], [("", "lead in a circle: ")]),
    ([LINE[0]], [("", "none leads to or from the step 'paid'")]),
]
INPUTS: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"name": " "}, [("name", "must not be empty")]),
    ({"steps": STEPS[:1]}, [("steps", "has 1 entries: 2 to 20 are allowed")]),
    ({"steps": MANY}, [("steps", "has 21 entries: 2 to 20 are allowed")]),
    ({"links": [LINE[0]] * 61}, [("links", "has 61 entries: at most 60")]),
    (
        {
            "name": "",
            "description": "\0",
            "steps": [{"name": "a", "eventType": " "}, {"name": "a", "eventType": "x"}],
            "links": [link("a", "b")],
        },
        [
            ("name", "must not be empty"),
            ("description", "must not hold the character NUL"),
            ("steps.0.eventType", "must not be empty"),
            ("steps.1.name", "'a' is named twice"),
            ("links.0.target", "there is no step 'b'"),
        ],
    ),
]


@pytest.mark.parametrize(("fields", "faults"), INPUTS)
async def test_what_cannot_be_is_refused_with_its_place(
    graph: Graph, fields: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    given = {"name": "orders", "steps": STEPS} | fields

    found = await refusals(graph, "funnelCreate", **given)

    assert found == [(INVALID, f"input.{place}", message) for place, message in faults]
    assert await graph("{ funnels { totalCount } }") == {"funnels": {"totalCount": 0}}


@pytest.mark.parametrize(("links", "faults"), LINKS)
async def test_links_that_lead_nowhere_are_refused(
    graph: Graph, links: list[dict[str, str]], faults: list[tuple[str, str]]
) -> None:
    funnel = await made(graph)

    for mutation, given in (
        ("funnelCreate", {"name": "other", "steps": STEPS}),
        ("funnelUpdate", {"id": funnel["id"]}),
    ):
        found = await refusals(graph, mutation, **given, links=links)
        places = [f"input.links.{place}".rstrip(".") for place, _ in faults]
        assert [(code, place) for code, place, _ in found] == [(INVALID, one) for one in places]
        for (_, _, message), (_, said) in zip(found, faults, strict=True):
            assert message.startswith(said)

    assert await shown(graph, funnel["id"]) == funnel


async def test_a_circle_is_named(graph: Graph) -> None:
    circle = [*LINE, link("paid", "chosen")]

    [(_, _, message)] = await refusals(
        graph, "funnelCreate", name="orders", steps=STEPS, links=circle
    )

    assert message in {
        "lead in a circle: 'chosen' to 'paid' to 'chosen'",
        "lead in a circle: 'paid' to 'chosen' to 'paid'",
    }


async def test_a_name_is_taken_once_in_a_project(graph: Graph) -> None:
    await made(graph, name="orders")
    other = await made(graph, name="visits")
    taken = ("NAME_TAKEN", "input.name", "another funnel of this project has that name")

    assert await refusals(graph, "funnelCreate", name="orders", steps=STEPS) == [taken]
    assert await refusals(
        graph, "funnelUpdate", id=other["id"], name="orders", steps=STEPS[:2]
    ) == [taken]

    assert await shown(graph, other["id"]) == other


async def test_what_must_be_there_is_not_null(graph: Graph) -> None:
    funnel = await made(graph)

    found = await refusals(graph, "funnelUpdate", id=funnel["id"], name=None, steps=None)

    assert found == [
        (INVALID, "input.name", "must not be null"),
        (INVALID, "input.steps", "must not be null"),
    ]
