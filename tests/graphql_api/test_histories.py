"""What a line of the audit says of a change, and how the lines are read page by page."""

from graphql_api.types.view import global_id
from persistence.engine import Database
from tests.graphql_api.conftest import PASSWORD, Graph
from tests.graphql_api.people import added, changed, key, logged_in
from tests.graphql_api.trail import entries, sent
from tests.graphql_api.writing import arm, draft, running


async def test_the_change_is_said(graph: Graph, database: Database) -> None:
    made = await draft(graph)
    started = {"experiment": {"id": made["id"]}}
    wanted = {"description": "shorter", "hypothesis": "faster"}
    await sent(graph, "experimentUpdate", started | wanted)
    await sent(graph, "experimentStart", started)
    await sent(graph, "variantUpdate", {"id": arm(made, "b")["id"], "label": "B"})

    created, updated, start, labelled = (await entries(database))[1:]

    assert created.changes == {"variants": ["a", "b"]}
    assert updated.changes == wanted
    assert isinstance(start.changes, dict)
    assert (start.changes["status"], start.changes["phase"]) == ("ACTIVE", 1)
    assert isinstance(labelled.changes, dict)
    [variant] = labelled.changes["variants"].values()
    assert variant == {"label": "B"}
    assert {entry.subject_name for entry in (created, updated, start)} == {"checkout"}


async def test_what_is_done_to_people_and_keys_is_said_without_secrets(
    graph: Graph, database: Database
) -> None:
    membership = await added(graph, "VIEWER", "bob@shop.example")
    await changed(graph, "memberUpdate", user=membership["user"]["id"], role="EDITOR")
    await changed(graph, "memberRemove", user=membership["user"]["id"])
    _, known = await key(graph, "READ", allowedOrigins=["https://shop.example"])
    ada = await logged_in(graph)
    await changed(ada, "passwordChange", currentPassword=PASSWORD, newPassword="a better one")

    add, update, remove, create, login, password = (await entries(database))[1:]

    assert [one.changes for one in (add, update, remove, login, password)] == [
        {"role": "VIEWER"},
        {"role": "EDITOR"},
        {"role": None},
        {},
        {},
    ]
    assert {one.subject_name for one in (add, update, remove)} == {"bob@shop.example"}
    assert global_id("User", add.subject_id) == membership["user"]["id"]
    assert create.changes == {
        "prefix": known["prefix"],
        "scopes": ["READ"],
        "allowed_origins": ["https://shop.example"],
        "expires_at": None,
    }


async def test_a_known_user_who_is_added_is_named(graph: Graph, database: Database) -> None:
    membership = await added(graph, "VIEWER", "bob@shop.example")
    await changed(graph, "memberRemove", user=membership["user"]["id"])

    await changed(graph, "memberAdd", email="bob@shop.example", role="VIEWER")

    assert (await entries(database))[-1].subject_name == "bob@shop.example"


EXPERIMENT_HISTORY = """
query($id: ID!, $first: Int, $after: String) {
  experiment(by: {id: $id}) {
    history(first: $first, after: $after) {
      totalCount pageInfo { hasNextPage endCursor }
      nodes { action actorKind actorName subjectName changes happenedAt }
    }
  }
}
"""
PROJECT_HISTORY = """
query($first: Int, $after: String) {
  viewer { project {
    history(first: $first, after: $after) {
      totalCount pageInfo { hasNextPage endCursor } nodes { action subjectName }
    }
  } }
}
"""


async def test_the_history_of_an_experiment_is_read_page_by_page(graph: Graph) -> None:
    made = await running(graph)
    await draft(graph, name="another")

    first = (await graph(EXPERIMENT_HISTORY, id=made["id"], first=1))["experiment"]["history"]
    cursor = first["pageInfo"]["endCursor"]
    rest = (await graph(EXPERIMENT_HISTORY, id=made["id"], after=cursor))["experiment"]["history"]

    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (2, True)
    assert [one["action"] for one in first["nodes"]] == ["experiment.start"]
    [created] = rest["nodes"]
    assert rest["pageInfo"]["hasNextPage"] is False
    assert (created["action"], created["actorKind"]) == ("experiment.create", "API_KEY")
    assert (created["actorName"], created["subjectName"]) == ("server", "checkout")


async def test_the_history_of_a_project_outlives_its_experiments(graph: Graph) -> None:
    made = await draft(graph)
    await sent(graph, "experimentDelete", {"experiment": {"id": made["id"]}})

    history = (await graph(PROJECT_HISTORY, first=2))["viewer"]["project"]["history"]

    assert history["totalCount"] == 3
    assert history["nodes"] == [
        {"action": "experiment.delete", "subjectName": "checkout"},
        {"action": "experiment.create", "subjectName": "checkout"},
    ]
    cursor = history["pageInfo"]["endCursor"]
    rest = (await graph(PROJECT_HISTORY, after=cursor))["viewer"]["project"]["history"]
    assert rest["nodes"] == [{"action": "project.create", "subjectName": "Default"}]
