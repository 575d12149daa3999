from typing import Any

import pytest

from tests.graphql_api.conftest import Graph
from tests.graphql_api.writing import (
    Shown,
    change,
    changed,
    document,
    draft,
    moved,
    phases,
    refusals,
    shown,
    tried,
)
from tests.persistence.contents import everything

FULL: dict[str, Any] = {
    "description": "Fewer steps to pay",
    "hypothesis": "Fewer steps, more orders",
    "targetBot": "shop-bot",
    "targetUrl": "https://shop.example/*",
    "metadata": {"team": "payments"},
}
PRIMARY = {"name": "orders", "eventType": "order", "aggregation": "SUM", "role": "PRIMARY"}
DEFINED = PRIMARY | {
    "direction": "INCREASE",
    "scale": "RELATIVE",
    "capLow": None,
    "capHigh": None,
    "windowHours": None,
    "nonInferiorityMargin": None,
}
NEW = {
    "name": "renamed",
    "description": "Other words",
    "hypothesis": "Another guess",
    "targetBot": "other-bot",
    "targetUrl": "https://other.example/",
    "metricType": "revenue",
    "minimumSampleSize": 1,
    "trafficAllocation": 0.0,
    "metadata": [1, {"two": 3}],
}
NOTES = {"description", "hypothesis", "metadata"}
WHILE_RUNNING = NOTES | {"targetBot", "targetUrl", "trafficAllocation"}
EDITABLE = {
    "DRAFT": {*NEW, "metrics"},
    "ACTIVE": WHILE_RUNNING,
    "PAUSED": WHILE_RUNNING,
    "COMPLETED": NOTES,
    "ARCHIVED": set(),
}


def differing(before: Shown, after: Shown) -> set[str]:
    return {name for name in before if before[name] != after[name]}


async def test_a_field_arrives_and_leaves_the_others_alone(graph: Graph) -> None:
    before = await draft(graph, **FULL)

    for name, value in NEW.items():
        after = await changed(
            graph, "experimentUpdate", experiment={"id": before["id"]}, **{name: value}
        )
        follows = {"hashSeed"} if name == "name" else set()
        assert differing(before, after) == {name, "version", "updatedAt"} | follows
        assert (after[name], after["version"]) == (value, before["version"] + 1)
        assert await shown(graph, after["id"]) == after
        before = after


async def test_all_fields_arrive_at_once_under_the_old_name(graph: Graph) -> None:
    await draft(graph, **FULL)

    updated = await changed(graph, "experimentUpdate", experiment={"name": "checkout"}, **NEW)

    assert {name: updated[name] for name in NEW} == NEW
    assert updated["version"] == 2


async def test_metrics_are_replaced_by_those_given(graph: Graph) -> None:
    made = await draft(graph, metrics=[PRIMARY | {"name": "old"}, PRIMARY | {"role": "SECONDARY"}])

    updated = await changed(
        graph, "experimentUpdate", experiment={"id": made["id"]}, metrics=[PRIMARY]
    )

    assert differing(made, updated) == {"metricDefinitions", "version", "updatedAt"}
    assert updated["metricDefinitions"] == [DEFINED]


async def test_null_clears_a_field_and_leaving_it_out_keeps_it(graph: Graph) -> None:
    before = await draft(graph, **FULL)

    for name in FULL:
        kept = await changed(graph, "experimentUpdate", experiment={"id": before["id"]})
        after = await changed(
            graph, "experimentUpdate", experiment={"id": before["id"]}, **{name: None}
        )
        assert kept == before
        assert differing(before, after) == {name, "version", "updatedAt"}
        assert after[name] == ({} if name == "metadata" else None)
        before = after


@pytest.mark.parametrize("given", [None, []], ids=["null", "empty"])
async def test_metrics_are_cleared(graph: Graph, given: object) -> None:
    made = await draft(graph, metrics=[PRIMARY])

    updated = await changed(graph, "experimentUpdate", experiment={"id": made["id"]}, metrics=given)

    assert updated["metricDefinitions"] == []


async def test_null_is_refused_where_there_must_be_a_value(graph: Graph, database_url: str) -> None:
    made = await draft(graph)
    before = await everything(database_url)
    nulls = dict.fromkeys(("name", "metricType", "minimumSampleSize", "trafficAllocation"))

    refused = await refusals(graph, "experimentUpdate", experiment={"id": made["id"]}, **nulls)

    assert refused == [("INVALID", f"input.{name}", "must not be null") for name in nulls]
    assert await everything(database_url) == before


async def test_what_changes_nothing_is_no_new_version(graph: Graph, database_url: str) -> None:
    made = await draft(graph, **FULL)
    before = await everything(database_url)

    updated = await changed(graph, "experimentUpdate", experiment={"id": made["id"]}, **FULL)

    assert updated == made
    assert await everything(database_url) == before


@pytest.mark.parametrize("status", EDITABLE)
async def test_what_may_be_edited_depends_on_the_status(graph: Graph, status: str) -> None:
    made = await moved(graph, status)
    wanted: dict[str, Any] = NEW | {"metrics": [PRIMARY]}

    for name, value in wanted.items():
        payload = await tried(
            graph, "experimentUpdate", experiment={"id": made["id"]}, **{name: value}
        )
        told = [(error["path"], error["message"]) for error in payload["errors"]]
        message = f"cannot be changed: the experiment is {status}"
        expected = [] if name in EDITABLE[status] else [(["input", name], message)]
        assert told == expected, name


async def test_what_is_fixed_may_be_said_again(graph: Graph) -> None:
    made = await moved(graph, "COMPLETED", metricType="revenue", trafficAllocation=0.5)
    same = {name: made[name] for name in NEW}

    assert await changed(graph, "experimentUpdate", experiment={"id": made["id"]}, **same) == made


async def test_all_faults_are_told_at_once_and_nothing_is_written(
    graph: Graph, database_url: str
) -> None:
    made = await moved(graph, "ACTIVE")
    before = await everything(database_url)

    refused = await refusals(
        graph,
        "experimentUpdate",
        experiment={"id": made["id"]},
        name="renamed",
        description="fine",
        targetUrl="",
        trafficAllocation=1.5,
        metadata=7,
    )

    assert refused == [
        ("INVALID", "input.name", "cannot be changed: the experiment is ACTIVE"),
        ("INVALID", "input.targetUrl", "must not be empty"),
        ("INVALID", "input.trafficAllocation", "is 1.5: it must be from 0 to 1"),
        ("INVALID", "input.metadata", "must be a JSON object or list"),
    ]
    assert await everything(database_url) == before


@pytest.mark.parametrize("status", ["ACTIVE", "PAUSED"])
async def test_traffic_opens_a_phase_while_it_runs(graph: Graph, status: str) -> None:
    made = await moved(graph, status)

    updated = await changed(
        graph, "experimentUpdate", experiment={"id": made["id"]}, trafficAllocation=0.25
    )

    split = {"a": 0.5, "b": 0.5}
    assert (updated["phase"], phases(updated)) == (2, [(1, split, 1.0), (2, split, 0.25)])


async def test_the_same_traffic_opens_no_phase(graph: Graph) -> None:
    made = await moved(graph, "ACTIVE", trafficAllocation=0.25)

    updated = await changed(
        graph,
        "experimentUpdate",
        experiment={"id": made["id"]},
        trafficAllocation=0.25,
        description="new",
    )

    assert (updated["phase"], updated["version"], len(updated["phases"])) == (1, 3, 1)


async def test_a_seed_of_its_own_outlives_a_new_name(graph: Graph) -> None:
    made = await draft(graph, hashSeed="seed")

    updated = await changed(graph, "experimentUpdate", experiment={"id": made["id"]}, name="new")

    assert (updated["name"], updated["hashSeed"]) == ("new", "seed")


async def test_a_name_that_is_taken_is_refused(graph: Graph, database_url: str) -> None:
    made, _ = await draft(graph), await draft(graph, name="taken")
    before = await everything(database_url)

    assert await refusals(
        graph, "experimentUpdate", experiment={"id": made["id"]}, name="taken", description="new"
    ) == [("NAME_TAKEN", "input.name", "another experiment of this project has that name")]
    assert await everything(database_url) == before


async def test_the_version_expected_is_let_through(graph: Graph) -> None:
    made = await draft(graph)

    for version in (1, 2, 3):
        updated = await changed(
            graph,
            "experimentUpdate",
            experiment={"id": made["id"]},
            expectedVersion=version,
            description=f"edit {version}",
        )
        assert updated["version"] == version + 1


@pytest.mark.parametrize("version", [-1, 1, 3, 2**31 - 1])
async def test_another_version_is_a_conflict(graph: Graph, database_url: str, version: int) -> None:
    made = await draft(graph)
    await changed(graph, "experimentUpdate", experiment={"id": made["id"]}, description="theirs")
    before = await everything(database_url)

    payload = await change(
        graph,
        "experimentUpdate",
        experiment={"id": made["id"]},
        expectedVersion=version,
        description="mine",
    )

    assert payload["errors"] == [
        {
            "__typename": "VersionConflict",
            "message": f"you expected version {version}, the experiment is at 2: read it again",
            "path": ["input", "expectedVersion"],
            "code": "VERSION_CONFLICT",
            "currentVersion": 2,
        }
    ]
    assert await everything(database_url) == before


async def test_a_version_beyond_an_int_is_a_bad_request(graph: Graph) -> None:
    made = await draft(graph)

    [error] = await graph.errors(
        document("experimentUpdate"),
        input={"experiment": {"id": made["id"]}, "expectedVersion": 2**31},
    )

    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "expectedVersion" in error["message"]


async def test_a_null_for_the_version_expects_nothing(graph: Graph) -> None:
    made = await draft(graph)

    updated = await changed(
        graph,
        "experimentUpdate",
        experiment={"id": made["id"]},
        expectedVersion=None,
        description="mine",
    )

    assert updated["version"] == 2
