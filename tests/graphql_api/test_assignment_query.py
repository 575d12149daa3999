"""Which variant a user has, without enrolling anybody."""

from uuid import UUID

import pytest
from starlette.applications import Starlette

from graphql_api.types.view import global_id
from tests.graphql_api.conftest import Graph
from tests.graphql_api.rows import AUTHENTICATION, database_of, id_of, other_project, populate
from tests.persistence.statements import counted

ASSIGNMENT = """query ($experiment: ExperimentBy!, $userId: String!) {
    assignment(experiment: $experiment, userId: $userId) { id userId } }"""
UNSTORABLE = "a text holds NUL or half a character, as no text here can"
COUNT = "{ experiments { nodes { assignments { totalCount } } } }"


async def test_a_users_assignment_is_found_by_name_and_by_id(app: Starlette, graph: Graph) -> None:
    rows = await populate(app, name="checkout", variants=2, assignments=2)
    [experiment], second = rows.experiments, rows.assignments[1]
    expected = {"assignment": {"id": id_of(second), "userId": "v0-u1"}}

    by_name = await graph(ASSIGNMENT, experiment={"name": "checkout"}, userId="v0-u1")
    by_id = await graph(ASSIGNMENT, experiment={"id": id_of(experiment)}, userId="v0-u1")

    assert by_name == by_id == expected


async def test_all_of_an_assignment_is_shown(app: Starlette, graph: Graph) -> None:
    await populate(app, name="checkout", variants=1, assignments=1)

    answer = await graph(
        """{ assignment(experiment: { name: "checkout" }, userId: "v0-u0") {
        sessionId assignedAt bucketValue propensity hasConverted convertedAt conversionValue context
        metadata variant { name } experiment { name } } }"""
    )

    assert answer["assignment"] == {
        "sessionId": "session-1",
        "assignedAt": "2026-11-20T12:00:00+00:00",
        "bucketValue": 0.25,
        "propensity": 0.5,
        "hasConverted": False,
        "convertedAt": None,
        "conversionValue": None,
        "context": {"country": "CH"},
        "metadata": {"source": "web"},
        "variant": {"name": "v0"},
        "experiment": {"name": "checkout"},
    }


@pytest.mark.parametrize("user", ["nobody", "", "V0-U0", "v0-u_", "🙂", "x" * 900_000],
                         ids=lambda user: user[:9])  # fmt: skip
async def test_an_unknown_user_has_none_and_is_not_enrolled(
    app: Starlette, graph: Graph, user: str
) -> None:
    await populate(app, name="checkout", variants=1, assignments=1)

    answer = await graph(ASSIGNMENT, experiment={"name": "checkout"}, userId=user)

    assert answer == {"assignment": None}
    assert (await graph(COUNT))["experiments"]["nodes"] == [{"assignments": {"totalCount": 1}}]


@pytest.mark.parametrize(
    "experiment", [{"name": "nobody"}, {"id": global_id("Experiment", UUID(int=1))}], ids=str
)
async def test_an_unknown_experiment_has_no_assignments(
    app: Starlette, graph: Graph, experiment: dict[str, str]
) -> None:
    await populate(app, name="checkout", variants=1, assignments=1)

    assert await graph(ASSIGNMENT, experiment=experiment, userId="v0-u0") == {"assignment": None}


@pytest.mark.parametrize(
    ("experiment", "user", "message"),
    [
        ({"name": "checkout"}, "a\0", UNSTORABLE),
        ({"name": "\0"}, "u", "experiment.name: must not hold the character NUL"),
        ({"id": "5"}, "u", "experiment.id: is not an id of this server"),
    ],
)
async def test_what_cannot_be_asked_is_refused(
    app: Starlette, graph: Graph, experiment: dict[str, str], user: str, message: str
) -> None:
    await populate(app, name="checkout")

    [error] = await graph.errors(ASSIGNMENT, experiment=experiment, userId=user)

    assert error["message"] == message
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_it_costs_two_statements(app: Starlette, graph: Graph) -> None:
    await populate(app, name="checkout", variants=1, assignments=1)

    async with counted(database_of(app), besides=AUTHENTICATION) as seen:
        await graph(ASSIGNMENT, experiment={"name": "checkout"}, userId="v0-u0")

    assert len(seen) == 2


async def test_users_of_another_project_have_none(app: Starlette, graph: Graph) -> None:
    rows = await populate(
        app, name="checkout", variants=1, assignments=1, project=await other_project(app)
    )
    [theirs] = rows.experiments

    for experiment in ({"name": "checkout"}, {"id": id_of(theirs)}):
        answer = await graph(ASSIGNMENT, experiment=experiment, userId="v0-u0")
        assert answer == {"assignment": None}
