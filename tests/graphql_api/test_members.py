"""Who belongs to the project, what their role allows, and that it always has an owner."""

import asyncio
from typing import Any

import pytest

from domain.ids import NIL
from domain.people import UserChanges
from graphql_api.types.view import global_id
from persistence.engine import Database
from persistence.people import People
from tests.factories import NOON, make_deed
from tests.graphql_api.conftest import EMAIL, Graph
from tests.graphql_api.people import (
    THEIR_PASSWORD,
    added,
    change,
    changed,
    is_known,
    logged_in,
    member,
    refusals,
    scopes,
    user_id,
)

BOB = "bob@shop.example"
LAST_OWNER = (
    "IN_USE",
    "input.user",
    "a project keeps at least one OWNER: make somebody else one first",
)
MEMBERS = "{ viewer { project { members { role user { email } } } } }"


async def members(graph: Graph) -> list[tuple[str, str]]:
    found = (await graph(MEMBERS))["viewer"]["project"]["members"]
    return [(one["user"]["email"], one["role"]) for one in found]


async def test_a_new_member_is_made_a_user_who_can_log_in(graph: Graph) -> None:
    made = await added(graph, "EDITOR", "Bob@Shop.Example")

    assert (made["role"], made["user"]["email"], made["user"]["name"]) == ("EDITOR", BOB, "bob")
    assert await members(graph) == [(EMAIL, "OWNER"), (BOB, "EDITOR")]
    await logged_in(graph, BOB, THEIR_PASSWORD)


async def test_a_known_user_is_let_in_with_the_password_they_have(graph: Graph) -> None:
    bob = await user_id(await member(graph, "EDITOR"))
    await changed(graph, "memberRemove", user=bob)

    payload = await changed(graph, "memberAdd", email=BOB, role="VIEWER")

    assert payload["membership"]["user"]["id"] == bob
    assert await scopes(await logged_in(graph, BOB, THEIR_PASSWORD)) == ["READ"]


async def test_a_member_cannot_be_added_twice(graph: Graph) -> None:
    assert await refusals(graph, "memberAdd", email=EMAIL, role="VIEWER") == [
        ("INVALID", "input.email", "is a member already")
    ]
    assert await members(graph) == [(EMAIL, "OWNER")]


async def test_of_twenty_who_add_the_same_address_at_once_one_does(graph: Graph) -> None:
    asked = {"email": BOB, "role": "VIEWER", "password": THEIR_PASSWORD}

    found = await asyncio.gather(*(change(graph, "memberAdd", **asked) for _ in range(20)))

    assert sum(payload["membership"] is not None for payload in found) == 1
    assert await members(graph) == [(EMAIL, "OWNER"), (BOB, "VIEWER")]


@pytest.mark.parametrize(
    ("input", "faults"),
    [
        ({}, [("input.password", "a new user needs one")]),
        ({"password": "short"}, [("input.password", "must have 10 to 1000 characters")]),
        (
            {"email": "e\0@ve", "name": "", "password": "short"},
            [
                ("input.email", "must not hold the character NUL"),
                ("input.name", "must not be empty"),
                ("input.password", "must have 10 to 1000 characters"),
            ],
        ),
    ],
    ids=["no password", "short password", "all"],
)
async def test_all_that_is_wrong_is_said_at_once(
    graph: Graph, input: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    found = await refusals(graph, "memberAdd", **{"email": BOB, "role": "VIEWER"} | input)

    assert found == [("INVALID", *fault) for fault in faults]
    assert await members(graph) == [(EMAIL, "OWNER")]


@pytest.mark.parametrize(
    ("role", "allows"),
    [
        ("OWNER", ["TRACK", "READ", "WRITE", "ADMIN"]),
        ("EDITOR", ["TRACK", "READ", "WRITE"]),
        ("VIEWER", ["READ"]),
    ],
)
async def test_what_a_role_allows(graph: Graph, role: str, allows: list[str]) -> None:
    bob = await member(graph, role)

    assert await scopes(bob) == allows
    create = 'mutation { experimentCreate(input: {name: "x"}) { errors { code } } }'
    assert (await bob.send(create)).status_code == (200 if "WRITE" in allows else 403)
    keys = "{ viewer { project { apiKeys { name } } } }"
    assert (await bob.send(keys)).status_code == (200 if "ADMIN" in allows else 403)


async def test_a_role_that_is_changed_is_felt_at_once(graph: Graph) -> None:
    bob = await member(graph, "OWNER")
    assert "ADMIN" in await scopes(bob)

    payload = await changed(graph, "memberUpdate", user=await user_id(bob), role="VIEWER")

    assert payload["membership"]["role"] == "VIEWER"
    assert await scopes(bob) == ["READ"]


async def test_who_is_removed_is_out_at_once_and_stays_out(graph: Graph) -> None:
    bob = await member(graph, "EDITOR")
    whom = await user_id(bob)

    assert (await changed(graph, "memberRemove", user=whom))["deletedId"] == whom

    assert not await is_known(bob)
    assert await members(graph) == [(EMAIL, "OWNER")]
    login = await change(graph, "sessionCreate", email=BOB, password=THEIR_PASSWORD)
    assert [error["code"] for error in login["errors"]] == ["WRONG_CREDENTIALS"]
    await changed(graph, "memberAdd", email=BOB, role="OWNER")
    assert not await is_known(bob)  # let in again, but not with that session


async def test_the_last_owner_is_neither_removed_nor_demoted(graph: Graph) -> None:
    await added(graph, "EDITOR", BOB)
    ada = await user_id(await logged_in(graph))

    assert await refusals(graph, "memberRemove", user=ada) == [LAST_OWNER]
    assert await refusals(graph, "memberUpdate", user=ada, role="EDITOR") == [LAST_OWNER]

    assert await members(graph) == [(EMAIL, "OWNER"), (BOB, "EDITOR")]
    await changed(graph, "memberUpdate", user=ada, role="OWNER")


@pytest.mark.parametrize("attempt", range(5))
async def test_of_two_owners_who_demote_each_other_at_once_one_stays(
    graph: Graph, attempt: int
) -> None:
    ada, bob = await logged_in(graph), await member(graph, "OWNER")
    whom = [await user_id(bob), await user_id(ada)]

    payloads = await asyncio.gather(
        change(graph, "memberUpdate", user=whom[0], role="VIEWER"),
        change(graph, "memberRemove", user=whom[1]),
    )

    assert sorted(len(payload["errors"]) for payload in payloads) == [0, 1]
    assert [role for _, role in await members(graph)].count("OWNER") == 1


async def test_an_owner_who_is_disabled_does_not_count(graph: Graph, database: Database) -> None:
    ada, bob = await user_id(await logged_in(graph)), await member(graph, "OWNER")
    user = await People(database).by_email(BOB)
    assert user is not None
    changes, deed = UserChanges(disabled_at=NOON), make_deed(action="user.disable")
    await People(database).change_anywhere(user.id, changes, deed)

    assert await refusals(graph, "memberRemove", user=ada) == [LAST_OWNER]
    await changed(graph, "memberRemove", user=global_id("User", user.id))
    assert not await is_known(bob)


@pytest.mark.parametrize(
    ("mutation", "more"), [("memberUpdate", {"role": "OWNER"}), ("memberRemove", {})]
)
async def test_who_is_no_member_is_not_there(
    graph: Graph, mutation: str, more: dict[str, str]
) -> None:
    found = await refusals(graph, mutation, user=global_id("User", NIL), **more)

    assert found == [("NOT_FOUND", "input.user", "the project has no such member")]
