import asyncio
import logging
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from anyio.lowlevel import checkpoint

from domain.access import Actor, ActorKind, Unauthenticated
from domain.authentication import REMEMBERED_FOR, Authentication, Credential
from domain.errors import Unavailable
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


async def is_known(authentication: Authentication, token: str = KEY.text) -> bool:
    try:
        await authentication.caller(token)
    except Unauthenticated:
        return False
    return True


async def test_a_token_says_who_is_asking(authentication: Authentication) -> None:
    assert await authentication.caller(KEY.text) == US
    assert await authentication.caller(SESSION.text) == ADA


@pytest.mark.parametrize(
    "token",
    ["", "abk_", "abs_", KEY.text + "x", KEY.text[:-1], KEY.text.upper(), "abk_\ud800"],
    ids=["empty", "abk_", "abs_", "longer", "shorter", "capitals", "surrogate"],
)
async def test_no_token(authentication: Authentication, token: str) -> None:
    assert not await is_known(authentication, token)


async def test_what_has_no_known_prefix_is_not_even_looked_up(
    authentication: Authentication, store: FakeCredentials
) -> None:
    assert not await is_known(authentication, "xyz_" + KEY.text[4:])

    assert store.reads == 0


async def test_a_key_and_a_session_are_looked_up_apart(
    store: FakeCredentials, authentication: Authentication
) -> None:
    store.keys, store.sessions = store.sessions, store.keys

    assert not await is_known(authentication, KEY.text)
    assert not await is_known(authentication, SESSION.text)


async def test_a_warm_token_is_looked_up_again_after_five_seconds(
    authentication: Authentication, store: FakeCredentials, clock: Clock
) -> None:
    for passed in (0, 4.99, 5, 9.99, 10):
        clock.passed = passed
        await authentication.caller(KEY.text)

    assert REMEMBERED_FOR == 5
    assert store.reads == 3


async def test_what_is_wrong_is_not_remembered(
    authentication: Authentication, store: FakeCredentials
) -> None:
    known, store.keys = store.keys, {}
    assert not await is_known(authentication)

    store.keys = known

    assert await is_known(authentication)


async def test_a_revocation_is_felt_at_once_here_and_within_five_seconds_elsewhere(
    store: FakeCredentials, clock: Clock
) -> None:
    here = Authentication(store, clock.now, clock.seconds)
    elsewhere = Authentication(store, clock.now, clock.seconds)
    assert await is_known(here)
    assert await is_known(elsewhere)

    store.keys = {}
    here.forget()

    assert not await is_known(here)
    clock.passed = 4.99
    assert await is_known(elsewhere)
    clock.passed = 5
    assert not await is_known(elsewhere)


async def test_what_was_read_before_a_revocation_is_not_remembered_after_it(
    authentication: Authentication, store: FakeCredentials
) -> None:
    asked = asyncio.create_task(is_known(authentication))
    await asyncio.sleep(0)  # the statement has begun
    store.keys = {}
    authentication.forget()

    await asked

    assert not await is_known(authentication)


async def test_a_warm_session_ends_on_time(authentication: Authentication, clock: Clock) -> None:
    clock.passed = 59
    assert await is_known(authentication, SESSION.text)

    clock.passed = 60

    assert not await is_known(authentication, SESSION.text)


async def test_memory_is_bounded(authentication: Authentication, store: FakeCredentials) -> None:
    tokens = [new_key() for _ in range(10_001)]
    store.keys = {
        token.hash: Credential(caller=US, expires_at=None, last_used_at=NOON) for token in tokens
    }
    for token in tokens:
        await authentication.caller(token.text)

    store.reads = 0
    await authentication.caller(tokens[-1].text)
    await authentication.caller(tokens[0].text)

    assert store.reads == 1


async def test_a_use_is_noted_beside_the_request_and_at_most_once_a_minute(
    authentication: Authentication, store: FakeCredentials, clock: Clock
) -> None:
    for passed in (59, 65, 70):
        clock.passed = passed
        await authentication.caller(KEY.text)
        await settled()
        if store.notes:
            noted = replace(store.keys[KEY.hash], last_used_at=store.notes[-1][1])
            store.keys = {KEY.hash: noted}

    assert store.notes == [(UUID(int=7), NOON + timedelta(seconds=65))]


async def test_of_many_at_once_one_notes_the_use(
    authentication: Authentication, store: FakeCredentials
) -> None:
    store.keys = {KEY.hash: Credential(caller=US, expires_at=None)}

    await asyncio.gather(*(authentication.caller(KEY.text) for _ in range(20)))
    await settled()

    assert store.notes == [(UUID(int=7), NOON)]


async def test_nobody_waits_for_a_note(clock: Clock) -> None:
    slow = Slow(keys={KEY.hash: Credential(caller=US, expires_at=None)})

    assert await is_known(Authentication(slow, clock.now, clock.seconds))
    assert slow.notes == []

    slow.may_write.set()
    await settled()
    assert slow.notes == [(UUID(int=7), NOON)]


async def test_sessions_are_not_noted(
    authentication: Authentication, store: FakeCredentials
) -> None:
    await authentication.caller(SESSION.text)
    await settled()

    assert store.notes == []


@dataclass(slots=True)
class Slow(FakeCredentials):
    may_write: asyncio.Event = field(default_factory=asyncio.Event)

    async def note_use(self, key: UUID, at: datetime, *, unless_since: datetime) -> None:
        await self.may_write.wait()
        await FakeCredentials.note_use(self, key, at, unless_since=unless_since)


@dataclass(slots=True)
class Away(FakeCredentials):
    async def note_use(self, key: UUID, at: datetime, *, unless_since: datetime) -> None:
        await checkpoint()
        raise Unavailable


async def test_a_use_that_cannot_be_noted_is_no_fault(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    store = Away(keys={KEY.hash: Credential(caller=US, expires_at=None)})
    authentication = Authentication(store, clock.now, clock.seconds)

    assert await is_known(authentication)
    await settled()

    assert caplog.record_tuples == [
        ("domain.authentication", logging.WARNING, "the use of a key could not be noted")
    ]


async def test_origins_are_remembered_for_five_seconds_and_forgotten_with_the_rest(
    authentication: Authentication, store: FakeCredentials, clock: Clock
) -> None:
    async def allowed() -> bool:
        return await authentication.is_allowed_origin("https://shop.example")

    assert not await allowed()
    store.origins = frozenset({"https://shop.example"})
    assert not await allowed()
    authentication.forget()
    assert await allowed()
    store.origins = frozenset()
    clock.passed = 4.99
    assert await allowed()
    clock.passed = 5
    assert not await allowed()


async def test_a_star_allows_every_origin(
    authentication: Authentication, store: FakeCredentials
) -> None:
    store.origins = frozenset({"*"})

    assert await authentication.is_allowed_origin("https://anywhere.example")


async def settled() -> None:
    """What was begun beside the requests has had its turns."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_all_who_show_one_key_at_the_same_time_share_one_look(
    authentication: Authentication, store: FakeCredentials
) -> None:
    callers = await asyncio.gather(*(authentication.caller(KEY.text) for _ in range(100)))

    assert set(callers) == {US}
    assert store.reads == 1


async def test_a_look_from_before_a_change_is_not_shared_after_it(
    authentication: Authentication, store: FakeCredentials
) -> None:
    early = asyncio.create_task(authentication.caller(KEY.text))
    await checkpoint()
    store.keys.clear()
    authentication.forget()

    with pytest.raises(Unauthenticated):
        await authentication.caller(KEY.text)
    await asyncio.gather(early, return_exceptions=True)
    assert store.reads == 2
