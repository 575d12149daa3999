import pytest

from graphql_api.types.view import parse_id
from persistence.engine import Database
from tests.factories import make_assignment, make_metric
from tests.graphql_api.conftest import Graph
from tests.graphql_api.writing import (
    Shown,
    change,
    draft,
    moved,
    refusals,
    running,
)
from tests.persistence.contents import everything
from tests.putting import put_assignments, put_metrics

STATUSES = ("DRAFT", "ACTIVE", "PAUSED", "COMPLETED", "ARCHIVED")
PRIMARY = {"name": "orders", "eventType": "order", "aggregation": "SUM", "role": "PRIMARY"}


async def visited(database: Database, experiment: Shown) -> None:
    """By a user who did something."""
    _, owner = parse_id(experiment["id"], ())
    _, variant = parse_id(experiment["variants"][0]["id"], ())
    assignment = make_assignment(experiment_id=owner, variant_id=variant)
    metric = make_metric(
        experiment_id=owner,
        variant_id=variant,
        assignment_id=assignment.id,
        user_id=assignment.user_id,
    )
    await put_assignments(database, [assignment])
    await put_metrics(database, [metric])


async def test_all_that_hangs_on_it_goes_too(
    graph: Graph, database: Database, database_url: str
) -> None:
    kept = await running(graph, name="kept", metrics=[PRIMARY])
    await visited(database, kept)
    before = await everything(database_url, besides="ab_audit")
    doomed = await running(graph, name="doomed", metrics=[PRIMARY])
    await visited(database, doomed)
    filled = await everything(database_url, besides="ab_audit")

    payload = await change(graph, "experimentDelete", experiment={"id": doomed["id"]})

    assert payload == {"deletedId": doomed["id"], "errors": []}
    assert await everything(database_url, besides="ab_audit") == before
    grown = {table for table in before if len(filled[table]) > len(before[table])}
    assert grown == {
        "ab_assignments",
        "ab_experiments",
        "ab_metric_definitions",
        "ab_metrics",
        "ab_phases",
        "ab_snapshots",
        "ab_variants",
    }


@pytest.mark.parametrize("status", STATUSES)
async def test_an_experiment_of_any_status_can_go(graph: Graph, status: str) -> None:
    made = await moved(graph, status)

    payload = await change(graph, "experimentDelete", experiment={"name": "checkout"})

    assert payload == {"deletedId": made["id"], "errors": []}


async def test_what_is_gone_is_found_nowhere(graph: Graph) -> None:
    made = await running(graph)
    await change(graph, "experimentDelete", experiment={"id": made["id"]})

    answer = await graph(
        """query($id: ID!, $variant: ID!) {
          experiment(by: {id: $id}) { id }
          experiments(filter: {status: [DRAFT, ACTIVE, PAUSED, COMPLETED, ARCHIVED]}) { totalCount }
          nodes(ids: [$id, $variant]) { id }
          activeExperiments { id }
        }""",
        id=made["id"],
        variant=made["variants"][0]["id"],
    )

    assert answer == {
        "experiment": None,
        "experiments": {"totalCount": 0},
        "nodes": [None, None],
        "activeExperiments": [],
    }


async def test_its_name_is_free_again(graph: Graph) -> None:
    made = await draft(graph)
    await change(graph, "experimentDelete", experiment={"id": made["id"]})

    again = await draft(graph)

    assert again["name"] == made["name"]
    assert again["id"] != made["id"]


async def test_what_is_gone_cannot_go_again(graph: Graph, database_url: str) -> None:
    made = await draft(graph)
    await change(graph, "experimentDelete", experiment={"id": made["id"]})
    before = await everything(database_url)

    [(code, path, _)] = await refusals(graph, "experimentDelete", experiment={"id": made["id"]})

    assert (code, path) == ("NOT_FOUND", "input.experiment")
    assert await everything(database_url) == before


async def test_a_version_that_is_not_the_present_one_keeps_it(
    graph: Graph, database_url: str
) -> None:
    made = await running(graph)
    before = await everything(database_url)

    payload = await change(
        graph, "experimentDelete", experiment={"id": made["id"]}, expectedVersion=1
    )

    [error] = payload["errors"]
    assert payload["deletedId"] is None
    assert (error["code"], error["currentVersion"]) == ("VERSION_CONFLICT", 2)
    assert await everything(database_url) == before


async def test_the_present_version_lets_it_go(graph: Graph) -> None:
    made = await running(graph)

    payload = await change(
        graph, "experimentDelete", experiment={"id": made["id"]}, expectedVersion=2
    )

    assert payload == {"deletedId": made["id"], "errors": []}
