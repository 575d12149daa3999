"""Who those are that stay connected: many are asked about at once."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from domain.access import Actor, ActorKind
from domain.authentication import Authentication, Credential
from domain.tokens import new_key, new_session_token
from tests.domain.stored import HOME, US
from tests.factories import NOON, make_caller
from tests.fake_people import Clock, FakeCredentials

KEY, SESSION = new_key(), new_session_token()
ADA = make_caller(HOME, actor=Actor(kind=ActorKind.USER, id=UUID(int=5), name="ada"))
IN_A_MINUTE = NOON + timedelta(minutes=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> FakeCredentials:
    return FakeCredentials(
        keys={KEY.hash: Credential(caller=US, expires_at=None, last_used_at=NOON)},
        sessions={SESSION.hash: Credential(caller=ADA, expires_at=IN_A_MINUTE)},
    )


@pytest.fixture
def authentication(store: FakeCredentials, clock: Clock) -> Authentication:
    return Authentication(store, clock.now, clock.seconds)


async def test_of_many_who_are_asked_about_keys_and_sessions_are_looked_up_once_each(
    authentication: Authentication, store: FakeCredentials
) -> None:
    unknown = [new_key().text, new_session_token().text, "", "xyz_1", "abk_\ud800"]

    found = await authentication.callers([KEY.text, SESSION.text, *unknown])

    assert found == {KEY.text: US, SESSION.text: ADA}
    assert store.reads == 2


async def test_who_is_asked_about_is_told_as_of_now_and_not_as_remembered(
    authentication: Authentication, store: FakeCredentials, clock: Clock
) -> None:
    await authentication.caller(KEY.text)
    await authentication.caller(SESSION.text)
    store.keys = {}
    clock.passed = 60

    assert await authentication.callers([KEY.text, SESSION.text]) == {}


async def test_where_nobody_is_asked_about_nothing_is_read(
    authentication: Authentication, store: FakeCredentials
) -> None:
    assert await authentication.callers([]) == {}
    assert await authentication.callers(["xyz_1"]) == {}
    assert store.reads == 0


async def test_to_be_asked_about_is_no_use_of_a_key(
    authentication: Authentication, store: FakeCredentials
) -> None:
    store.keys = {KEY.hash: Credential(caller=US, expires_at=None)}

    await authentication.callers([KEY.text])
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert store.notes == []
