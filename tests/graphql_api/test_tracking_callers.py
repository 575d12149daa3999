"""Who may report, from which pages, and for whose experiments."""

import httpx
import pytest
from starlette.applications import Starlette

from domain.access import Scope
from domain.projects import Project
from persistence.engine import Database
from tests.graphql_api.conftest import TRACKER_KEY, Graph
from tests.graphql_api.neighbours import Estate, key_of, settle
from tests.graphql_api.tracking import TRACKING, ask, assign, document, refusals, written
from tests.graphql_api.writing import running

NOTHING = (0, 0, 0, 0)
SHOP = "https://shop.example"
TRACKED = {"eventType": "order"}
SINGLE = {"assign": {}, "convert": {}, "track": TRACKED}


@pytest.fixture
async def theirs(database: Database) -> Estate:
    """Of another project: with a `checkout` of its own and a user-1 in it."""
    return await settle(database)


def given(mutation: str) -> object:
    item = {"userId": "ada", "experiment": "checkout"}
    if mutation == "assignAll":
        return {"userId": "ada"}
    item |= TRACKED if mutation.startswith("track") else {}
    return [item] if mutation.endswith("Batch") else item


async def post(graph: Graph, mutation: str, origin: str) -> httpx.Response:
    body = {"query": document(mutation), "variables": {"input": given(mutation)}}
    return await graph.http.post("/graphql", json=body, headers={"Origin": origin})


@pytest.mark.parametrize("mutation", TRACKING)
async def test_a_trackers_key_is_enough(app: Starlette, graph: Graph, mutation: str) -> None:
    await running(graph)
    tracker = graph.showing(TRACKER_KEY)
    await assign(tracker)

    payload = (await tracker(document(mutation), input=given(mutation)))[mutation]

    [answer] = payload.get("results", [payload])
    assert (payload["errors"], answer["errors"]) == ([], [])


@pytest.mark.parametrize("mutation", TRACKING)
@pytest.mark.parametrize("scope", [Scope.READ, Scope.WRITE])
async def test_keys_of_people_who_read_and_write_do_not_track(
    app: Starlette, graph: Graph, database: Database, project: Project, mutation: str, scope: Scope
) -> None:
    await running(graph)
    other = graph.showing(await key_of(database, project.id, scope))

    [error] = await other.errors(document(mutation), input=given(mutation))

    assert error["extensions"]["code"] == "FORBIDDEN"
    assert error["message"] == f"Mutation.{mutation} needs the scope TRACK"
    assert await written(app) == NOTHING


@pytest.mark.parametrize("mutation", TRACKING)
async def test_only_pages_that_the_key_allows_may_report(
    app: Starlette, graph: Graph, database: Database, project: Project, mutation: str
) -> None:
    await running(graph)
    key = await key_of(database, project.id, Scope.TRACK, allowed_origins=[SHOP])
    before = await written(app)

    foreign = await post(graph.showing(key), mutation, "https://evil.example")

    assert (foreign.status_code, "data" in foreign.json()) == (403, False)
    assert await written(app) == before == NOTHING
    own = await post(graph.showing(key), mutation, SHOP)
    assert (own.status_code, own.headers["access-control-allow-origin"]) == (200, SHOP)
    assert "errors" not in own.json()


@pytest.mark.parametrize("mutation", SINGLE)
async def test_what_another_project_has_does_not_exist(
    app: Starlette, graph: Graph, database: Database, theirs: Estate, mutation: str
) -> None:
    await assign(graph.showing(await key_of(database, theirs.project.id, Scope.TRACK)))
    before = await written(app)

    for named in ("checkout", theirs.ids["Experiment"]):
        payload = await ask(graph, mutation, experiment=named, **SINGLE[mutation])
        [(code, place, _)] = refusals(payload)
        assert (code, place) == ("NOT_FOUND", "input.experiment")

    assert await written(app) == before


async def test_two_projects_may_each_have_a_checkout(
    graph: Graph, database: Database, theirs: Estate
) -> None:
    made = await running(graph)
    them = graph.showing(await key_of(database, theirs.project.id, Scope.TRACK))

    ours, other = await assign(graph), await assign(them)

    assert ours[1] in [one["name"] for one in made["variants"]]
    assert other[1] in ("control", "treatment")
    assert await assign(graph) == ("STICKY", ours[1])


async def test_a_tracker_cannot_read_what_others_gave(graph: Graph) -> None:
    await running(graph)
    tracker = graph.showing(TRACKER_KEY)

    for hidden in ("context", "metadata", "sessionId", "metrics { totalCount }"):
        asked = document("assign", f"assignment {{ {hidden} }}")
        [error] = await tracker.errors(asked, input=given("assign"))
        assert error["message"].endswith(" needs the scope READ")
