from dataclasses import replace
from typing import Any

import pytest

from domain.access import Role
from domain.accounts import Accounts, NewMember
from domain.errors import Invalid
from tests.domain.household import ADA, BOB, World
from tests.domain.stored import ELSEWHERE, HOME, US
from tests.factories import NOON


def new_member(**changes: Any) -> NewMember:
    new = NewMember(email="Eve@shop.example", role=Role.VIEWER, password="what Eve knows")  # noqa: S106
    return replace(new, **changes)


async def test_a_new_member_becomes_a_user(world: World, accounts: Accounts) -> None:
    added = await accounts.add_member(HOME, US.actor, new_member())

    user = world.people.users[added.user_id]
    assert (user.email, user.name, user.password_hash) == (
        "eve@shop.example",
        "eve",
        "1:what Eve knows",
    )
    assert world.people.memberships[HOME, user.id] == added
    assert (added.role, added.created_at) == (Role.VIEWER, NOON)
    assert [deed.action for deed in world.people.deeds] == ["member.add"]


async def test_a_known_user_keeps_name_and_password(world: World, accounts: Accounts) -> None:
    new = new_member(email=ADA.email, name="Eve")

    added = await accounts.add_member(ELSEWHERE, US.actor, new)

    assert (added.user_id, added.project_id) == (ADA.id, ELSEWHERE)
    assert world.people.users[ADA.id] == ADA


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"password": None}, [("password", "a new user needs one")]),
        ({"password": "short"}, [("password", "must have 10 to 1000 characters")]),
        ({"email": "eve"}, [("email", "is no e-mail address")]),
        ({"email": "e@v\0e"}, [("email", "must not hold the character NUL")]),
        ({"name": ""}, [("name", "must not be empty")]),
    ],
    ids=["no password", "short password", "no address", "nul", "empty name"],
)
async def test_a_member_that_cannot_be_added(
    world: World, accounts: Accounts, changes: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    with pytest.raises(Invalid) as invalid:
        await accounts.add_member(HOME, US.actor, new_member(**changes))

    assert [(one.path[0], one.message) for one in invalid.value.refusals] == faults
    assert world.people.deeds == []


async def test_a_role_changes_and_a_member_goes(world: World, accounts: Accounts) -> None:
    changed = await accounts.set_role(US, BOB.id, Role.OWNER)
    gone = await accounts.remove_member(US, BOB.id)

    assert (changed.role, gone) == (Role.OWNER, BOB.id)
    assert list(world.people.memberships) == [(HOME, ADA.id)]
    assert [deed.action for deed in world.people.deeds] == ["member.update", "member.remove"]
