"""What a plan allows, however many ask at once."""

import asyncio

import pytest

from domain.projects import Plan, Project
from persistence.engine import Database
from persistence.experiments import Experiments
from persistence.projects import Projects
from tests.factories import make_deed, make_experiment, make_project
from tests.graphql_api.conftest import Graph
from tests.graphql_api.people import Shown, change, changed

COUNTS = "{ viewer { project { plan experimentLimit experimentCount } } }"


@pytest.fixture
async def free(database: Database, project: Project) -> Project:
    return await on_plan(database, project, Plan.FREE)


async def on_plan(database: Database, project: Project, plan: Plan) -> Project:
    changed = await Projects(database).set_plan(project.id, plan, make_deed())
    assert changed is not None
    return changed


async def counts(graph: Graph) -> tuple[str, int | None, int]:
    found = (await graph(COUNTS))["viewer"]["project"]
    return found["plan"], found["experimentLimit"], found["experimentCount"]


async def created(graph: Graph, name: str) -> Shown:
    payload = await changed(graph, "experimentCreate", name=name)
    made: Shown = payload["experiment"]
    return made


@pytest.mark.parametrize(
    ("plan", "limit"), [(Plan.FREE, 3), (Plan.PRO, 50), (Plan.UNLIMITED, None)]
)
async def test_a_project_says_what_it_may_have(
    graph: Graph, database: Database, project: Project, plan: Plan, limit: int | None
) -> None:
    await on_plan(database, project, plan)

    assert await counts(graph) == (plan.name, limit, 0)


async def test_of_fifty_creations_at_once_a_free_project_keeps_three(
    graph: Graph, free: Project
) -> None:
    names = [f"checkout-{number}" for number in range(50)]

    payloads = await asyncio.gather(
        *(change(graph, "experimentCreate", name=name) for name in names)
    )

    refused = [payload["errors"] for payload in payloads if payload["errors"]]
    assert len(refused) == 47
    assert {str(errors) for errors in refused} == {str([PLAN_LIMIT])}
    assert await counts(graph) == ("FREE", 3, 3)


PLAN_LIMIT = {
    "__typename": "PlanLimitReached",
    "message": "the plan allows 3 experiments that are not archived: archive one, or upgrade",
    "path": ["input"],
    "code": "PLAN_LIMIT",
    "limit": 3,
}


async def test_what_is_archived_does_not_count(graph: Graph, free: Project) -> None:
    first, *_ = [await created(graph, name) for name in "abc"]
    assert (await change(graph, "experimentCreate", name="d"))["errors"] == [PLAN_LIMIT]

    await changed(graph, "experimentArchive", experiment={"id": first["id"]})
    await created(graph, "d")

    assert await counts(graph) == ("FREE", 3, 3)
    assert (await change(graph, "experimentCreate", name="e"))["errors"] == [PLAN_LIMIT]


async def test_what_is_deleted_makes_room(graph: Graph, free: Project) -> None:
    first, *_ = [await created(graph, name) for name in "abc"]

    await graph(DELETE, input={"experiment": {"id": first["id"]}})

    assert (await created(graph, "d"))["id"] != first["id"]
    assert await counts(graph) == ("FREE", 3, 3)


DELETE = """
mutation($input: ExperimentDeleteInput!) { experimentDelete(input: $input) { deletedId } }
"""


async def test_a_creation_that_is_refused_uses_up_nothing(graph: Graph, free: Project) -> None:
    await created(graph, "a")
    for _ in range(5):
        assert (await change(graph, "experimentCreate", name="a"))["experiment"] is None

    assert await counts(graph) == ("FREE", 3, 1)


async def test_a_smaller_plan_leaves_what_is_there(
    graph: Graph, database: Database, project: Project
) -> None:
    for name in "abcd":
        await created(graph, name)

    await on_plan(database, project, Plan.FREE)

    assert await counts(graph) == ("FREE", 3, 4)
    assert (await change(graph, "experimentCreate", name="e"))["errors"] == [PLAN_LIMIT]


async def test_a_full_project_can_still_be_worked_in(graph: Graph, free: Project) -> None:
    made, *_ = [await created(graph, name) for name in "abc"]

    rename = {"experiment": {"id": made["id"]}, "name": "renamed"}
    payload = (await graph(UPDATE, input=rename))["experimentUpdate"]

    assert payload == {"experiment": {"name": "renamed"}, "errors": []}


UPDATE = """
mutation($input: ExperimentUpdateInput!) {
  experimentUpdate(input: $input) { experiment { name } errors { code } }
}
"""


async def test_projects_do_not_fill_each_other(
    graph: Graph, database: Database, free: Project
) -> None:
    other = make_project(plan=Plan.FREE)
    await Projects(database).create(other, make_deed())
    for number in range(3):
        experiment = make_experiment(project_id=other.id, name=f"theirs-{number}")
        await Experiments(database).create(other.id, experiment, (), (), make_deed())

    for name in "abc":
        await created(graph, name)

    assert await counts(graph) == ("FREE", 3, 3)
