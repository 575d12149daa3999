from typing import Any

import pytest

from tests.graphql_api.conftest import Graph
from tests.graphql_api.writing import (
    VARIANT,
    Shown,
    arm,
    change,
    changed,
    draft,
    moved,
    phases,
    refusals,
    running,
    shown,
    weights,
)
from tests.persistence.contents import everything

STATUSES = ("DRAFT", "ACTIVE", "PAUSED", "COMPLETED", "ARCHIVED")
OPEN = ("DRAFT", "ACTIVE", "PAUSED")
CLOSED = ("COMPLETED", "ARCHIVED")


def is_one_more(before: Shown, after: Shown) -> bool:
    return bool(after["version"] == before["version"] + 1)


@pytest.mark.parametrize("status", OPEN)
async def test_a_new_variant_arrives_with_all_its_fields(graph: Graph, status: str) -> None:
    made = await moved(graph, status)

    payload = await change(
        graph, "variantCreate", experiment={"id": made["id"]}, variants=[VARIANT]
    )

    [added] = payload["variants"]
    assert {name: added[name] for name in VARIANT} == VARIANT
    assert (added["isActive"], added["position"]) == (True, 2)
    assert is_one_more(made, payload["experiment"])
    assert payload["experiment"] == await shown(graph, made["id"])


async def test_only_the_new_ones_are_told_in_the_order_written(graph: Graph) -> None:
    made = await draft(graph)
    new = [{"name": "z"}, {"name": "c"}, {"name": "m"}]

    payload = await change(graph, "variantCreate", experiment={"id": made["id"]}, variants=new)

    assert [(one["name"], one["position"]) for one in payload["variants"]] == [
        ("z", 2),
        ("c", 3),
        ("m", 4),
    ]
    assert len(payload["experiment"]["variants"]) == 5


@pytest.mark.parametrize(
    ("before", "new", "after"),
    [
        ({}, {"a": None}, {"a": 1.0}),
        ({"a": 0.5}, {"b": None}, {"a": 0.5, "b": 0.5}),
        ({"a": 1.0}, {"b": None}, {"a": 0.5, "b": 0.5}),
        ({"a": 0.5, "b": 0.5}, {"c": 0.25}, {"a": 0.5, "b": 0.5, "c": 0.25}),
        ({"a": 0.75, "b": 0.25}, {"c": None, "d": None}, {"a": 0.375, "b": 0.125}),
    ],
    ids=["the first", "what is left", "room made", "as written", "two"],
)
async def test_in_a_draft_newcomers_without_a_weight_get_a_share(
    graph: Graph,
    before: dict[str, float],
    new: dict[str, float | None],
    after: dict[str, float],
) -> None:
    made = await draft(graph, dict(before))
    variants = [{"name": name, "trafficWeight": weight} for name, weight in new.items()]

    payload = await change(graph, "variantCreate", experiment={"id": made["id"]}, variants=variants)

    shares = weights(payload["experiment"])
    assert shares == dict.fromkeys(shares, 0.25) | after
    assert payload["experiment"]["defaultTrafficSplit"] == shares
    assert payload["experiment"]["phases"] == []


@pytest.mark.parametrize("status", ["ACTIVE", "PAUSED"])
async def test_while_it_runs_the_others_make_room(graph: Graph, status: str) -> None:
    made = await moved(graph, status)

    payload = await change(
        graph,
        "variantCreate",
        experiment={"id": made["id"]},
        variants=[{"name": "c", "trafficWeight": 0.5}, {"name": "d"}],
    )

    new = {"a": 0.25, "b": 0.25, "c": 0.5, "d": 0.0}
    assert weights(payload["experiment"]) == new
    assert phases(payload["experiment"]) == [(1, {"a": 0.5, "b": 0.5}, 1.0), (2, new, 1.0)]
    assert payload["experiment"]["defaultTrafficSplit"] == {"a": 0.5, "b": 0.5}


async def test_a_new_control_takes_over_in_a_draft(graph: Graph) -> None:
    made = await draft(graph)

    payload = await change(
        graph,
        "variantCreate",
        experiment={"id": made["id"]},
        variants=[{"name": "c", "isControl": True}],
    )

    controls = [one["name"] for one in payload["experiment"]["variants"] if one["isControl"]]
    assert controls == ["c"]


@pytest.mark.parametrize("status", CLOSED)
async def test_nothing_is_added_when_it_is_over(
    graph: Graph, database_url: str, status: str
) -> None:
    made = await moved(graph, status)
    before = await everything(database_url)

    assert await refusals(
        graph, "variantCreate", experiment={"id": made["id"]}, variants=[{"name": "c"}]
    ) == [
        (
            "INVALID",
            "input.experiment",
            f"the experiment is {status}: its variants cannot be changed",
        )
    ]
    assert await everything(database_url) == before


@pytest.mark.parametrize("status", ["ACTIVE", "PAUSED"])
async def test_a_variant_set_aside_gives_its_share_and_takes_it_back(
    graph: Graph, status: str
) -> None:
    given = {"a": 0.25, "b": 0.25, "c": 0.5}
    made = await running(graph, given)
    if status == "PAUSED":
        made = await changed(graph, "experimentPause", experiment={"id": made["id"]})
    known = arm(made, "c")["id"]

    gone = await change(graph, "variantDeactivate", id=known)
    back = await change(graph, "variantReactivate", id=known)

    assert [(one["name"], one["isActive"]) for one in gone["variants"]] == [("c", False)]
    assert weights(gone["experiment"]) == {"a": 0.5, "b": 0.5}
    assert [(one["name"], one["isActive"]) for one in back["variants"]] == [("c", True)]
    assert phases(back["experiment"]) == [
        (1, given, 1.0),
        (2, {"a": 0.5, "b": 0.5}, 1.0),
        (3, given, 1.0),
    ]


async def test_in_a_draft_the_other_weights_stay(graph: Graph) -> None:
    made = await draft(graph)
    known = arm(made, "b")["id"]

    gone = await change(graph, "variantDeactivate", id=known)
    back = await change(graph, "variantReactivate", id=known)

    assert gone["experiment"]["defaultTrafficSplit"] == {"a": 0.5}
    assert back["experiment"]["defaultTrafficSplit"] == {"a": 0.5, "b": 0.5}
    assert back["experiment"]["phases"] == []


@pytest.mark.parametrize("mutation", ["variantDeactivate", "variantReactivate"])
async def test_doing_it_twice_changes_nothing_more(
    graph: Graph, database_url: str, mutation: str
) -> None:
    made = await running(graph)
    known = arm(made, "b")["id"]
    first = await change(graph, mutation, id=known)
    before = await everything(database_url)

    assert await change(graph, mutation, id=known) == first
    assert await everything(database_url) == before


async def test_the_control_of_a_running_experiment_stays(graph: Graph, database_url: str) -> None:
    made = await running(graph)
    before = await everything(database_url)

    payload = await change(graph, "variantDeactivate", id=arm(made, "a")["id"])

    assert payload["errors"] == [
        {
            "__typename": "Refused",
            "message": "the control of a running experiment cannot be deactivated",
            "path": ["input", "id"],
            "code": "IN_USE",
        }
    ]
    assert await everything(database_url) == before


@pytest.mark.parametrize("mutation", ["variantDeactivate", "variantReactivate"])
@pytest.mark.parametrize("status", CLOSED)
async def test_when_it_is_over_nothing_is_set_aside(
    graph: Graph, database_url: str, mutation: str, status: str
) -> None:
    made = await moved(graph, status)
    before = await everything(database_url)

    assert await refusals(graph, mutation, id=arm(made, "b")["id"]) == [
        ("INVALID", "input.id", f"the experiment is {status}: its variants cannot be changed")
    ]
    assert await everything(database_url) == before


async def test_a_variant_of_a_draft_can_go(graph: Graph) -> None:
    made = await draft(graph, {"a": 0.5, "b": 0.25, "c": 0.25})
    known = arm(made, "b")["id"]

    payload = await change(graph, "variantDelete", id=known)

    after = await shown(graph, made["id"])
    assert payload == {"deletedId": known, "errors": []}
    assert weights(after) == after["defaultTrafficSplit"] == {"a": 0.5, "c": 0.25}
    assert is_one_more(made, after)


@pytest.mark.parametrize("status", STATUSES[1:])
async def test_later_on_a_variant_stays(graph: Graph, database_url: str, status: str) -> None:
    made = await moved(graph, status)
    before = await everything(database_url)

    hint = ": deactivate it instead" if status in OPEN else ""
    assert await refusals(graph, "variantDelete", id=arm(made, "b")["id"]) == [
        ("IN_USE", "input.id", f"the experiment is {status} and keeps its variants{hint}")
    ]
    assert await everything(database_url) == before


MUTATIONS: list[tuple[str, dict[str, Any]]] = [
    ("variantUpdate", {"label": "x"}),
    ("variantDeactivate", {}),
    ("variantReactivate", {}),
    ("variantDelete", {}),
]


@pytest.mark.parametrize(("mutation", "wanted"), MUTATIONS, ids=[name for name, _ in MUTATIONS])
async def test_a_variant_that_is_gone_is_not_found(
    graph: Graph, mutation: str, wanted: dict[str, Any]
) -> None:
    made = await draft(graph)
    known = arm(made, "b")["id"]
    await change(graph, "variantDelete", id=known)

    assert await refusals(graph, mutation, id=known, **wanted) == [
        ("NOT_FOUND", "input.id", "there is no such variant")
    ]
