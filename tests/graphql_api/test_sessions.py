"""Logging in and out, and what ends a session."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from domain.access import Role
from domain.accounts import Accounts, NewMember
from domain.administration import Administration, Directory
from domain.attempts import ALLOWED, Attempts
from domain.ids import NIL
from domain.projects import Plan, Project
from graphql_api.types.view import global_id
from persistence.engine import Database
from persistence.keys import Keys
from persistence.passwords import Passwords
from persistence.people import People
from persistence.people_tables import sessions
from persistence.projects import Projects
from tests.graphql_api.conftest import EMAIL, PASSWORD, Graph
from tests.graphql_api.people import (
    REVOKE,
    THEIR_PASSWORD,
    added,
    change,
    changed,
    document,
    is_known,
    logged_in,
    member,
    refusals,
)


@pytest.fixture
def nobody(graph: Graph) -> Graph:
    return graph.showing(None)


@pytest.fixture
def administration(database: Database) -> Administration:
    people, passwords = People(database), Passwords()
    accounts = Accounts(people, passwords, Attempts(lambda: 0.0), lambda: datetime.now(UTC))
    directory = Directory(people=people, projects=Projects(database), keys=Keys(database))
    return Administration(directory, passwords, accounts, "root", lambda: datetime.now(UTC))


@pytest.mark.parametrize("email", [EMAIL, "ADA@Shop.Example", f" {EMAIL} "])
async def test_logging_in_gives_a_token_that_is_used_as_a_bearer(nobody: Graph, email: str) -> None:
    done = await changed(nobody, "sessionCreate", email=email, password=PASSWORD)

    assert done["token"].startswith("abs_")
    assert done["user"] == {"id": done["user"]["id"], "email": EMAIL, "name": "ada"}
    ends_in = datetime.fromisoformat(done["expiresAt"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < ends_in <= timedelta(days=30)
    viewer = "{ viewer { user { email } apiKey { id } scopes project { name } } }"
    assert (await nobody.showing(done["token"])(viewer))["viewer"] == {
        "user": {"email": EMAIL},
        "apiKey": None,
        "scopes": ["TRACK", "READ", "WRITE", "ADMIN"],
        "project": {"name": "Default"},
    }


async def test_whatever_is_wrong_the_answer_is_the_same_word_for_word(
    graph: Graph, nobody: Graph, administration: Administration
) -> None:
    await added(graph, "VIEWER", "bob@shop.example")
    await administration.disable_user("bob@shop.example")
    other = await administration.create_project("Other", Plan.FREE)
    right = {"email": EMAIL, "password": PASSWORD}
    wrong: list[dict[str, Any]] = [
        right | {"email": "nobody@shop.example"},
        right | {"email": "no\0body"},
        right | {"email": ""},
        right | {"password": "a wrong password"},
        right | {"password": ""},
        right | {"project": global_id("Project", other.id)},
        {"email": "bob@shop.example", "password": THEIR_PASSWORD},
    ]

    bodies = {(await nobody.send(document("sessionCreate"), input=one)).text for one in wrong}

    assert len(bodies) == 1
    assert await refusals(nobody, "sessionCreate", **wrong[0]) == [
        ("WRONG_CREDENTIALS", "input.email", "the address or the password is wrong")
    ]


async def test_a_project_may_be_chosen_among_ones_own(
    nobody: Graph, project: Project, administration: Administration
) -> None:
    other = await administration.create_project("Other", Plan.FREE)
    await administration.create_user(
        str(other.id),
        NewMember(email="bob@shop.example", role=Role.VIEWER, password=THEIR_PASSWORD),
    )
    right = {"email": "bob@shop.example", "password": THEIR_PASSWORD}

    chosen = await changed(nobody, "sessionCreate", project=global_id("Project", other.id), **right)

    assert chosen["user"]["email"] == "bob@shop.example"
    home = global_id("Project", project.id)
    assert (await change(nobody, "sessionCreate", project=home, **right))["token"] is None


async def test_a_token_of_another_kind_is_no_project(nobody: Graph) -> None:
    wrong = {"email": EMAIL, "password": PASSWORD, "project": global_id("User", NIL)}

    assert await refusals(nobody, "sessionCreate", **wrong) == [
        ("INVALID", "input.project", "is of the type User, not Project")
    ]


async def test_the_eleventh_attempt_has_to_wait(nobody: Graph) -> None:
    wrong = {"email": EMAIL, "password": "a guess"}
    for _ in range(ALLOWED):
        await change(nobody, "sessionCreate", **wrong)

    response = await nobody.send(document("sessionCreate"), input=wrong | {"password": PASSWORD})

    [error] = response.json()["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert error["message"].startswith("too many attempts: try again in ")
    assert response.status_code == 429


async def test_a_session_that_is_over_is_not_known(graph: Graph, database: Database) -> None:
    ada = await logged_in(graph)
    assert await is_known(ada)

    over = {"expires_at": datetime.now(UTC) - timedelta(seconds=1)}
    async with database.begin() as connection:
        await connection.execute(update(sessions).values(over))
    await graph(REVOKE)  # a key has none to revoke, but what is remembered is forgotten

    assert not await is_known(ada)


async def test_logging_out_ends_this_session_and_no_other(graph: Graph) -> None:
    ada, other = await logged_in(graph), await logged_in(graph)

    assert await ada(REVOKE) == {"sessionRevoke": {"revoked": True, "errors": []}}

    assert not await is_known(ada)
    assert await is_known(other)
    [error] = await ada.errors(REVOKE)
    assert error["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_key_has_no_session_to_end(graph: Graph) -> None:
    assert await graph(REVOKE) == {"sessionRevoke": {"revoked": False, "errors": []}}


async def test_the_sessions_of_a_disabled_user_end(
    graph: Graph, administration: Administration
) -> None:
    bob = await member(graph, "EDITOR")

    await administration.disable_user("BOB@shop.example")
    await graph(REVOKE)  # what is remembered is forgotten

    assert not await is_known(bob)
    refused = await change(
        graph, "sessionCreate", email="bob@shop.example", password=THEIR_PASSWORD
    )
    assert refused["token"] is None


async def test_a_password_change_ends_the_other_sessions(graph: Graph) -> None:
    bob = await member(graph, "VIEWER")
    other = await logged_in(graph, "bob@shop.example", THEIR_PASSWORD)
    ada = await logged_in(graph)

    await changed(
        bob, "passwordChange", currentPassword=THEIR_PASSWORD, newPassword="a better password"
    )

    assert [await is_known(one) for one in (bob, other, ada)] == [True, False, True]
    await logged_in(graph, "bob@shop.example", "a better password")
    old = await change(graph, "sessionCreate", email="bob@shop.example", password=THEIR_PASSWORD)
    assert old["token"] is None


@pytest.mark.parametrize(
    ("current", "new", "refusal"),
    [
        (
            "a wrong password",
            "a better password",
            ("WRONG_CREDENTIALS", "input.currentPassword", "the current password is wrong"),
        ),
        (PASSWORD, "short", ("INVALID", "input.newPassword", "must have 10 to 1000 characters")),
    ],
    ids=["wrong", "short"],
)
async def test_a_password_change_that_is_refused_changes_nothing(
    graph: Graph, current: str, new: str, refusal: tuple[str, str, str]
) -> None:
    ada, other = await logged_in(graph), await logged_in(graph)

    found = await refusals(ada, "passwordChange", currentPassword=current, newPassword=new)

    assert found == [refusal]
    assert await is_known(other)
    await logged_in(graph)


async def test_a_new_password_set_by_the_operator_ends_all_sessions(
    graph: Graph, administration: Administration
) -> None:
    bob = await member(graph, "VIEWER")

    await administration.set_password("bob@shop.example", "given by the operator")
    await graph(REVOKE)

    assert not await is_known(bob)
    await logged_in(graph, "bob@shop.example", "given by the operator")


async def test_ones_own_data_change_at_once(graph: Graph) -> None:
    bob = await member(graph, "VIEWER")

    done = await changed(bob, "userUpdate", name="Bob B.", email="Bob@Home.Example")

    assert (done["user"]["name"], done["user"]["email"]) == ("Bob B.", "bob@home.example")
    await logged_in(graph, "BOB@home.example", THEIR_PASSWORD)
    assert await refusals(bob, "userUpdate", email=EMAIL) == [
        ("NAME_TAKEN", "input.email", "another user has that address")
    ]


@pytest.mark.parametrize(
    ("input", "faults"),
    [
        ({"name": None}, [("INVALID", "input.name", "must not be null")]),
        ({"name": ""}, [("INVALID", "input.name", "must not be empty")]),
        ({"email": "bob"}, [("INVALID", "input.email", "is no e-mail address")]),
    ],
    ids=["null", "empty", "no address"],
)
async def test_data_that_cannot_be_kept_are_refused(
    graph: Graph, input: dict[str, Any], faults: list[tuple[str, str, str]]
) -> None:
    ada = await logged_in(graph)

    assert await refusals(ada, "userUpdate", **input) == faults
    assert (await changed(ada, "userUpdate"))["user"]["email"] == EMAIL


async def test_a_key_is_no_user(graph: Graph) -> None:
    no_user = [("INVALID", "input", "an API key is no user: log in first")]

    assert await refusals(graph, "userUpdate", name="x") == no_user
    assert (
        await refusals(graph, "passwordChange", currentPassword="x", newPassword="a better one")
        == no_user
    )
