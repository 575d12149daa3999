"""What a member's going takes along, and that a project sees its own."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from domain.access import Role
from domain.errors import NotFound
from domain.ids import ProjectId, new_id
from domain.people import LastOwner, User, UserChanges
from domain.projects import Plan
from domain.setup import Setup, Wanted
from persistence import setup
from persistence.engine import Database
from persistence.models import MEMBERSHIPS, USERS
from persistence.people import People
from persistence.people_tables import sessions
from persistence.projects import Projects
from tests.factories import NOON, make_deed, make_membership, make_session, make_user
from tests.fake_people import Clock, FakePasswords
from tests.persistence.contents import everything
from tests.persistence.graphs import stored
from tests.persistence.statements import counted

DEED = make_deed(at=NOON)


@pytest.fixture
def people(database: Database) -> People:
    return People(database)


async def open_sessions(database: Database) -> set[UUID]:
    rows = await database.rows(select(sessions.c.id).where(sessions.c.revoked_at.is_(None)))
    return {row[0] for row in rows}


async def test_another_project_sees_and_changes_nobody(
    database: Database, database_url: str, ada: User, elsewhere: ProjectId
) -> None:
    before, people = await everything(database_url), People(database)
    changes = UserChanges(name="Eve")

    assert await people.by_ids(elsewhere, [ada.id]) == {}
    assert await people.members(elsewhere) == []
    assert await people.change(elsewhere, ada.id, changes, DEED, keeping=None) is None
    with pytest.raises(NotFound):
        await people.set_role(elsewhere, ada.id, Role.VIEWER, DEED)
    [session] = await open_sessions(database)
    assert await people.end_session(elsewhere, session, DEED) is False

    assert await everything(database_url) == before


async def started(people: People, home: ProjectId, user: User) -> bool:
    session = make_session(project_id=home, user_id=user.id)
    return await people.start_session(session, user, DEED)


@pytest.mark.parametrize(
    "seen",
    [{"password_hash": "1:another"}, {"id": new_id()}],
    ids=["another password", "unknown"],
)
async def test_a_session_starts_for_the_user_that_was_seen_only(
    people: People, home: ProjectId, ada: User, seen: dict[str, Any]
) -> None:
    assert await started(people, home, ada)
    assert not await started(people, home, replace(ada, **seen))


async def test_a_session_starts_neither_for_the_disabled_nor_elsewhere(
    people: People, home: ProjectId, elsewhere: ProjectId, ada: User
) -> None:
    assert not await started(people, elsewhere, ada)

    await people.change_anywhere(ada.id, UserChanges(disabled_at=NOON), DEED)

    assert not await started(people, home, ada)


@pytest.mark.parametrize("attempt", range(5))
async def test_no_session_of_the_old_password_outlives_its_change(
    people: People, database: Database, home: ProjectId, ada: User, attempt: int
) -> None:
    changes = UserChanges(password_hash="1:new")  # noqa: S106

    await asyncio.gather(
        *(started(people, home, ada) for _ in range(5)),
        people.change(home, ada.id, changes, DEED, keeping=None),
        *(started(people, home, ada) for _ in range(5)),
    )

    assert await open_sessions(database) == set()


@pytest.mark.parametrize("attempt", range(5))
async def test_no_session_outlives_a_removal(
    people: People, database: Database, home: ProjectId, ada: User, attempt: int
) -> None:
    owner = make_user(email="owner@shop.example")
    await stored(database, USERS, owner)
    await stored(database, MEMBERSHIPS, make_membership(project_id=home, user_id=owner.id))

    await asyncio.gather(
        *(started(people, home, ada) for _ in range(5)),
        people.set_role(home, ada.id, None, DEED),
        *(started(people, home, ada) for _ in range(5)),
    )

    assert await open_sessions(database) == set()


async def test_of_many_owners_who_leave_at_once_one_stays(
    people: People, database: Database, home: ProjectId, ada: User
) -> None:
    others = [make_user(email=f"{number}@shop.example") for number in range(9)]
    for user in others:
        await stored(database, USERS, user)
        await stored(database, MEMBERSHIPS, make_membership(project_id=home, user_id=user.id))

    found = await asyncio.gather(
        *(people.set_role(home, user.id, None, DEED) for user in (ada, *others)),
        return_exceptions=True,
    )

    assert [type(one) for one in found].count(LastOwner) == 1
    assert len(await people.members(home)) == 1


async def test_a_rehash_never_undoes_a_new_password(people: People, ada: User) -> None:
    await people.rehash(ada.id, "1:seen before", "2:old")
    assert await people.by_email(ada.email) == ada

    await people.rehash(ada.id, ada.password_hash, "2:same")

    assert await people.by_email(ada.email) == replace(ada, password_hash="2:same")  # noqa: S106


async def test_a_change_of_the_command_line_is_written_down_in_each_project(
    people: People, database: Database, home: ProjectId, elsewhere: ProjectId, ada: User
) -> None:
    await stored(database, MEMBERSHIPS, make_membership(project_id=elsewhere, user_id=ada.id))

    async with counted(database) as statements:
        await people.change_anywhere(ada.id, UserChanges(disabled_at=NOON), DEED)

    assert sum("INSERT INTO ab_audit" in statement for statement in statements) == 2
    assert await open_sessions(database) == set()


async def test_a_plan_is_changed_by_name(database: Database, home: ProjectId) -> None:
    changed = await Projects(database).set_plan(home, Plan.PRO, DEED)

    assert changed is not None
    assert changed.plan is Plan.PRO
    assert await Projects(database).set_plan(ProjectId(new_id()), Plan.PRO, DEED) is None


@pytest.mark.parametrize("attempt", range(3))
async def test_of_many_servers_that_begin_at_once_one_does(
    database: Database, people: People, attempt: int
) -> None:
    begins = Setup(setup.Setup(database), FakePasswords(), Clock().now)

    found = await asyncio.gather(
        *(begins.begin(Wanted(email=f"{number}@shop.example")) for number in range(8))
    )

    assert sum(beginning is not None for beginning in found) == 1
    assert len(await people.all()) == 1
    assert len(await Projects(database).all()) == 1
