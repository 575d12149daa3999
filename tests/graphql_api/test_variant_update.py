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
    tried,
    weights,
)
from tests.persistence.contents import everything

STATUSES = ("DRAFT", "ACTIVE", "PAUSED", "COMPLETED", "ARCHIVED")
CLOSED = ("COMPLETED", "ARCHIVED")
NEW = {
    "name": "renamed",
    "label": "Other",
    "description": "Other words",
    "responseTemplate": "Bye",
    "systemPrompt": "You buy shoes.",
    "configOverrides": [1, 2.5],
    "content": {"headline": "Later"},
    "trafficWeight": 0.125,
    "isControl": True,
    "position": 7,
}
DRAFT_ONLY = {"name", "isControl", "position"}
CLEARED: dict[str, object] = {
    **dict.fromkeys(("label", "description", "responseTemplate", "systemPrompt")),
    "configOverrides": {},
    "content": {},
}


def differing(before: Shown, after: Shown) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def is_one_more(before: Shown, after: Shown) -> bool:
    return bool(after["version"] == before["version"] + 1)


async def test_a_field_arrives_and_leaves_the_others_alone(graph: Graph) -> None:
    made = await draft(graph, variants=[{"name": "a", "isControl": True}, VARIANT])
    before = arm(made, "c")

    for name, value in NEW.items():
        payload = await change(graph, "variantUpdate", id=before["id"], **{name: value})
        [after] = payload["variants"]
        assert differing(before, after) == {name, "updatedAt"}
        assert after[name] == value
        assert is_one_more(made, payload["experiment"])
        assert payload["experiment"] == await shown(graph, made["id"])
        made, before = payload["experiment"], after


async def test_all_fields_arrive_at_once(graph: Graph) -> None:
    made = await draft(graph)

    payload = await change(graph, "variantUpdate", id=arm(made, "b")["id"], **NEW)

    [after] = payload["variants"]
    assert {name: after[name] for name in NEW} == NEW
    assert payload["experiment"]["defaultTrafficSplit"] == {"a": 0.5, "renamed": 0.125}


async def test_null_clears_a_field_and_leaving_it_out_keeps_it(graph: Graph) -> None:
    made = await draft(graph, variants=[VARIANT])
    before = arm(made, "c")

    for name, cleared in CLEARED.items():
        kept = await change(graph, "variantUpdate", id=before["id"])
        payload = await change(graph, "variantUpdate", id=before["id"], **{name: None})
        [after] = payload["variants"]
        assert kept["variants"] == [before]
        assert differing(before, after) == {name, "updatedAt"}
        assert after[name] == cleared
        before = after


async def test_null_is_refused_where_there_must_be_a_value(graph: Graph, database_url: str) -> None:
    made = await draft(graph)
    before = await everything(database_url)
    nulls = dict.fromkeys(("name", "trafficWeight", "isControl", "position"))

    refused = await refusals(graph, "variantUpdate", id=arm(made, "b")["id"], **nulls)

    assert refused == [("INVALID", f"input.{name}", "must not be null") for name in nulls]
    assert await everything(database_url) == before


@pytest.mark.parametrize("status", STATUSES)
async def test_what_may_be_changed_depends_on_the_status(graph: Graph, status: str) -> None:
    made = await moved(graph, status)
    known = arm(made, "b")["id"]

    for name, value in NEW.items():
        payload = await tried(graph, "variantUpdate", id=known, **{name: value})
        told = [(".".join(error["path"]), error["message"]) for error in payload["errors"]]
        expected = []
        if status in CLOSED:
            message = f"the experiment is {status}: its variants cannot be changed"
            expected = [("input.id", message)]
        elif status != "DRAFT" and name in DRAFT_ONLY:
            expected = [(f"input.{name}", "can only be changed in a DRAFT")]
        assert told == expected, name


@pytest.mark.parametrize("status", ["ACTIVE", "PAUSED"])
async def test_while_it_runs_the_other_weights_give_in_proportion(
    graph: Graph, status: str
) -> None:
    made = await draft(graph, {"a": 0.5, "b": 0.375, "c": 0.125})
    for step in ("Start", "Pause")[: 1 + (status == "PAUSED")]:
        await changed(graph, f"experiment{step}", experiment={"id": made["id"]})

    payload = await change(graph, "variantUpdate", id=arm(made, "a")["id"], trafficWeight=0.0)

    new = {"a": 0.0, "b": 0.75, "c": 0.25}
    assert weights(payload["experiment"]) == new
    assert phases(payload["experiment"]) == [
        (1, {"a": 0.5, "b": 0.375, "c": 0.125}, 1.0),
        (2, new, 1.0),
    ]
    assert [one["name"] for one in payload["variants"]] == ["a"]


async def test_a_weight_of_one_takes_all_and_gives_it_back(graph: Graph) -> None:
    made = await running(graph)
    known = arm(made, "b")["id"]

    await change(graph, "variantUpdate", id=known, trafficWeight=1.0)
    payload = await change(graph, "variantUpdate", id=known, trafficWeight=0.25)

    assert weights(payload["experiment"]) == {"a": 0.75, "b": 0.25}
    assert [number for number, _, _ in phases(payload["experiment"])] == [1, 2, 3]


async def test_the_same_weight_opens_no_phase(graph: Graph) -> None:
    made = await running(graph)

    payload = await change(
        graph, "variantUpdate", id=arm(made, "b")["id"], trafficWeight=0.5, label="new"
    )

    assert (payload["experiment"]["phase"], len(payload["experiment"]["phases"])) == (1, 1)
    assert is_one_more(made, payload["experiment"])


async def test_in_a_draft_a_new_control_relieves_the_old_one(graph: Graph) -> None:
    made = await draft(graph)

    payload = await change(graph, "variantUpdate", id=arm(made, "b")["id"], isControl=True)

    assert [one["isControl"] for one in payload["experiment"]["variants"]] == [False, True]


async def test_places_decide_the_order(graph: Graph) -> None:
    made = await draft(graph, {"a": None, "b": None, "c": None})

    payload = await change(graph, "variantUpdate", id=arm(made, "a")["id"], position=9)

    assert [one["name"] for one in payload["experiment"]["variants"]] == ["b", "c", "a"]


async def test_a_variant_of_another_experiment_stays_as_it_is(graph: Graph) -> None:
    one, other = await running(graph, name="one"), await running(graph, name="other")

    await change(graph, "variantUpdate", id=arm(one, "b")["id"], trafficWeight=0.1, label="x")

    assert await shown(graph, other["id"]) == other
