from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.access import Scope
from domain.errors import Invalid, NotFound
from domain.keys import ApiKey, Keys, NewApiKey
from tests.domain.stored import ELSEWHERE, HOME, US
from tests.factories import NOON
from tests.fake_people import Clock, FakeKeys


@pytest.fixture
def store() -> FakeKeys:
    return FakeKeys()


@pytest.fixture
def keys(store: FakeKeys) -> Keys:
    return Keys(store, Clock().now)


async def created(keys: Keys, **fields: Any) -> ApiKey:
    new = NewApiKey(**({"name": "shop", "scopes": [Scope.TRACK]} | fields))
    key, _ = await keys.create(HOME, US.actor, new)
    return key


async def refused(keys: Keys, **fields: Any) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as invalid:
        await created(keys, **fields)
    return [(".".join(map(str, one.path)), one.message) for one in invalid.value.refusals]


async def test_a_key_is_kept_as_a_hash(keys: Keys, store: FakeKeys) -> None:
    key, token = await keys.create(HOME, US.actor, NewApiKey(name="shop", scopes=[Scope.TRACK]))

    assert store.keys == {key.id: key}
    assert (key.key_hash, key.prefix) == (token.hash, token.text[:12])
    assert token.text not in repr(key)
    assert (key.project_id, key.created_at, key.scopes) == (HOME, NOON, ["track"])
    assert [(deed.action, deed.actor) for deed in store.deeds] == [("apiKey.create", US.actor)]


async def test_scopes_are_kept_once_and_in_order(keys: Keys) -> None:
    key = await created(keys, scopes=[Scope.ADMIN, Scope.TRACK, Scope.ADMIN])

    assert key.scopes == ["track", "admin"]


@pytest.mark.parametrize(
    ("origin", "kept"),
    [
        ("https://shop.example", "https://shop.example"),
        ("HTTPS://Shop.Example", "https://shop.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://shop.example:80", "http://shop.example"),
        ("https://shop.example:80", "https://shop.example:80"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("*", "*"),
    ],
)
async def test_an_origin_is_kept_as_browsers_write_it(keys: Keys, origin: str, kept: str) -> None:
    assert (await created(keys, allowed_origins=[origin])).allowed_origins == [kept]


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "shop.example",
        "https://",
        "https://shop.example/",
        "https://shop.example/pay",
        "https://shop.example?a=b",
        "https://shop.example#top",
        "https://shop.example:",
        "https://shop.example:0",
        "https://shop.example:65536",
        "https://shop.example:080",
        "https://ada@shop.example",
        "https://*.shop.example",
        "https://shop..example",
        "https://shöp.example",
        "https://shop.example\n",
        "ftp://shop.example",
        "https://shop.example https://pay.example",
    ],
    ids=repr,
)
async def test_no_origin(keys: Keys, origin: str) -> None:
    assert await refused(keys, allowed_origins=["*", origin]) == [
        ("allowed_origins.1", "must look like https://shop.example, or be *")
    ]


async def test_all_that_is_wrong_is_said_at_once(keys: Keys, store: FakeKeys) -> None:
    origins = ["*"] * 51

    found = await refused(keys, name="", scopes=[], allowed_origins=origins, expires_at=NOON)

    assert found == [
        ("name", "must not be empty"),
        ("scopes", "must not be empty"),
        ("allowed_origins", "at most 50 are allowed"),
        ("expires_at", "lies in the past"),
    ]
    assert (store.keys, store.deeds) == ({}, [])


async def test_a_key_may_end_by_itself(keys: Keys) -> None:
    later = NOON + timedelta(seconds=1)

    assert (await created(keys, expires_at=later)).expires_at == later


async def test_a_revoked_key_stays_as_it_was_revoked(keys: Keys, store: FakeKeys) -> None:
    key = await created(keys)

    revoked = await keys.revoke(HOME, US.actor, key.id)

    assert revoked == replace(key, revoked_at=NOON)
    assert await keys.revoke(HOME, US.actor, key.id) == revoked
    assert [deed.action for deed in store.deeds] == ["apiKey.create", "apiKey.revoke"]


async def test_a_key_of_another_project_is_not_there(keys: Keys, store: FakeKeys) -> None:
    key = await created(keys)

    with pytest.raises(NotFound):
        await keys.revoke(ELSEWHERE, US.actor, key.id)

    assert store.keys == {key.id: key}
