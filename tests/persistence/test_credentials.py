"""What authentication asks of keys and sessions."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from domain.access import SCOPES_OF_ROLE, Role, Scope
from domain.authentication import Authentication
from domain.ids import ProjectId
from domain.keys import ApiKey
from domain.people import User
from domain.tokens import new_key, new_session_token
from persistence.credentials import Credentials
from persistence.engine import Database
from persistence.keys import Keys
from persistence.models import API_KEYS, MEMBERSHIPS, SESSIONS, USERS
from persistence.people_tables import api_keys
from tests.factories import NOON, make_deed, make_key, make_membership, make_session, make_user
from tests.fake_people import Clock
from tests.persistence.contents import everything
from tests.persistence.graphs import stored
from tests.persistence.statements import counted

DEED = make_deed(at=NOON)
MINUTE = timedelta(minutes=1)
KEY, SESSION = new_key(), new_session_token()


@pytest.fixture
async def key(database: Database, home: ProjectId) -> ApiKey:
    key = make_key(project_id=home, key_hash=KEY.hash, allowed_origins=["https://shop.example"])
    await stored(database, API_KEYS, key)
    return key


@pytest.fixture
def credentials(database: Database) -> Credentials:
    return Credentials(database)


async def test_a_key_is_one_statement(
    database: Database, credentials: Credentials, key: ApiKey, home: ProjectId
) -> None:
    async with counted(database, framed=True) as statements:
        found = (await credentials.of_keys([KEY.hash], NOON))[KEY.hash]

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
        found = (await credentials.of_sessions([SESSION.hash], NOON))[SESSION.hash]

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

    assert (token.hash in await credentials.of_sessions([token.hash], NOON)) is is_valid
    assert (KEY.hash in await credentials.of_keys([KEY.hash], NOON)) is is_valid


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


async def test_another_project_sees_and_revokes_no_key(
    database: Database, database_url: str, key: ApiKey, elsewhere: ProjectId
) -> None:
    before, keys = await everything(database_url), Keys(database)

    assert await keys.by_ids(elsewhere, [key.id]) == {}
    assert await keys.of_project(elsewhere) == []
    assert await keys.revoke(elsewhere, key.id, DEED) is None

    assert await everything(database_url) == before


async def test_many_are_one_statement_of_the_same_text(
    database: Database, credentials: Credentials, home: ProjectId, ada: User
) -> None:
    keys = [make_key(project_id=home, key_hash=new_key().hash) for _ in range(50)]
    sessions = [
        make_session(project_id=home, user_id=ada.id, token_hash=new_session_token().hash)
        for _ in range(50)
    ]
    await stored(database, API_KEYS, *keys)
    await stored(database, SESSIONS, *sessions)
    hashes = [each.key_hash for each in keys] + [each.token_hash for each in sessions]
    gone = [new_key().hash]

    async with counted(database, framed=True) as statements:
        for asked in ([*hashes, *gone], [keys[0].key_hash], gone):
            found = await credentials.of_keys(asked, NOON)
            assert found.keys() == {each.key_hash for each in keys} & set(asked)
        of_sessions = await credentials.of_sessions([*hashes, *gone], NOON)

    assert of_sessions.keys() == {each.token_hash for each in sessions}
    assert {each.caller.session for each in of_sessions.values()} == {one.id for one in sessions}
    assert len(statements) == 4
    assert len(set(statements)) == 2
