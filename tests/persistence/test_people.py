"""What authentication asks, what a member's going takes along, and that a project sees its own."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from domain.access import SCOPES_OF_ROLE, Role, Scope
from domain.authentication import Authentication
from domain.errors import NotFound
from domain.ids import ProjectId, new_id
from domain.keys import ApiKey
from domain.people import LastOwner, User, UserChanges
from domain.projects import Plan
from domain.setup import Setup, Wanted
from domain.tokens import new_key, new_session_token
from persistence import setup
from persistence.credentials import Credentials
from persistence.engine import Database
from persistence.keys import Keys
from persistence.models import API_KEYS, MEMBERSHIPS, SESSIONS, USERS
from persistence.people import People
from persistence.people_tables import api_keys, sessions
from persistence.projects import Projects
from tests.factories import (
    NOON,
    make_deed,
    make_key,
    make_membership,
    make_session,
    make_user,
)
from tests.fake_people import Clock, FakePasswords
from tests.persistence.contents import everything
from tests.persistence.graphs import stored, stored_project
from tests.persistence.statements import counted

DEED = make_deed(at=NOON)
MINUTE = timedelta(minutes=1)
KEY, SESSION = new_key(), new_session_token()


@pytest.fixture
async def home(database: Database) -> ProjectId:
    return await stored_project(database)


@pytest.fixture
async def elsewhere(database: Database) -> ProjectId:
    return await stored_project(database)


@pytest.fixture
async def ada(database: Database, home: ProjectId) -> User:
    """Who owns the project and has a session."""
    user = make_user()
    await stored(database, USERS, user)
    await stored(database, MEMBERSHIPS, make_membership(project_id=home, user_id=user.id))
    session = make_session(project_id=home, user_id=user.id, token_hash=SESSION.hash)
    await stored(database, SESSIONS, session)
    return user


@pytest.fixture
async def key(database: Database, home: ProjectId) -> ApiKey:
    key = make_key(project_id=home, key_hash=KEY.hash, allowed_origins=["https://shop.example"])
    await stored(database, API_KEYS, key)
    return key


@pytest.fixture
def people(database: Database) -> People:
    return People(database)


@pytest.fixture
def credentials(database: Database) -> Credentials:
    return Credentials(database)


async def open_sessions(database: Database) -> set[UUID]:
    rows = await database.rows(select(sessions.c.id).where(sessions.c.revoked_at.is_(None)))
    return {row[0] for row in rows}


async def test_a_key_is_one_statement(
    database: Database, credentials: Credentials, key: ApiKey, home: ProjectId
) -> None:
    async with counted(database, framed=True) as statements:
        found = await credentials.of_key(KEY.hash, NOON)

    assert found is not None
    assert len(statements) == 1
    assert (found.caller.project, found.caller.api_key) == (home, key.id)
    assert found.caller.scopes == {Scope.READ}
    assert found.caller.allowed_origins == ("https://shop.example",)


@pytest.mark.parametrize("role", Role)
async def test_a_session_is_one_statement_with_the_role_of_its_project(
    database: Database, credentials: Credentials, home: ProjectId, role: Role
) -> None:
    user = make_user()
    await stored(database, USERS, user)
    await stored(
        database, MEMBERSHIPS, make_membership(project_id=home, user_id=user.id, role=role)
    )
    session = make_session(project_id=home, user_id=user.id, token_hash=SESSION.hash)
    await stored(database, SESSIONS, session)

    async with counted(database, framed=True) as statements:
        found = await credentials.of_session(SESSION.hash, NOON)

    assert found is not None
    assert len(statements) == 1
    assert (found.caller.project, found.caller.user) == (home, user.id)
    assert (found.caller.session, found.caller.scopes) == (session.id, SCOPES_OF_ROLE[role])
    assert found.expires_at == session.expires_at


async def test_a_warm_key_is_no_statement(database: Database, key: ApiKey) -> None:
    clock = Clock()
    authentication = Authentication(Credentials(database), clock.now, clock.seconds)
    await authentication.caller(KEY.text)
    await asyncio.sleep(0.05)  # its use is noted

    async with counted(database) as statements:
        for _ in range(10):
            await authentication.caller(KEY.text)

    assert statements == []


@pytest.mark.parametrize(
    ("changes", "is_valid"),
    [
        ({}, True),
        ({"expires_at": NOON + MINUTE}, True),
        ({"expires_at": NOON}, False),
        ({"revoked_at": NOON}, False),
    ],
    ids=["valid", "later", "over", "revoked"],
)
async def test_what_is_over_or_revoked_is_not_known(
    database: Database,
    credentials: Credentials,
    home: ProjectId,
    ada: User,
    changes: dict[str, object],
    is_valid: bool,
) -> None:
    token = new_session_token()
    session = make_session(project_id=home, user_id=ada.id, token_hash=token.hash, **changes)
    await stored(database, SESSIONS, session)
    await stored(database, API_KEYS, make_key(project_id=home, key_hash=KEY.hash, **changes))

    assert (await credentials.of_session(token.hash, NOON) is not None) is is_valid
    assert (await credentials.of_key(KEY.hash, NOON) is not None) is is_valid


async def test_origins_are_those_of_valid_keys(
    database: Database, credentials: Credentials, home: ProjectId, key: ApiKey
) -> None:
    over = {"project_id": home, "allowed_origins": ["https://gone.example"]}
    await stored(database, API_KEYS, make_key(**over, revoked_at=NOON))
    await stored(database, API_KEYS, make_key(**over, expires_at=NOON))

    assert await credentials.allowed_origins(NOON) == {"https://shop.example"}


async def test_a_use_is_noted_once_a_minute_whoever_notes_it(
    database: Database, credentials: Credentials, key: ApiKey
) -> None:
    async def noted_at(seconds: int) -> float:
        at = NOON + timedelta(seconds=seconds)
        await credentials.note_use(key.id, at, unless_since=at - MINUTE)
        rows = await database.rows(select(api_keys.c.last_used_at))
        return float((rows[0][0] - NOON).total_seconds())

    assert [await noted_at(seconds) for seconds in (0, 1, 59, 60, 61, 30)] == [0, 0, 0, 60, 60, 60]


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


async def test_another_project_sees_and_revokes_no_key(
    database: Database, database_url: str, key: ApiKey, elsewhere: ProjectId
) -> None:
    before, keys = await everything(database_url), Keys(database)

    assert await keys.by_ids(elsewhere, [key.id]) == {}
    assert await keys.of_project(elsewhere) == []
    assert await keys.revoke(elsewhere, key.id, DEED) is None

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
