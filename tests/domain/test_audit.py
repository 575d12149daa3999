from collections.abc import Collection
from datetime import UTC, datetime
from enum import Enum
from uuid import UUID

import pytest

from domain.access import Actor, ActorKind, Role
from domain.audit import AuditEntry, Deed
from domain.ids import NIL, ProjectId
from domain.people import UserChanges
from tests.factories import NOON, make_key, make_metric_definition, make_user

ADA = Actor(kind=ActorKind.USER, id=UUID(int=5), name="ada@shop.example")
DEED = Deed(actor=ADA, action="experiment.start", at=NOON)


def said(value: object) -> object:
    changes = DEED.entry(ProjectId(NIL), NIL, "", {"it": value}).changes
    assert isinstance(changes, dict)
    return changes["it"]


def test_an_entry_says_who_did_what_to_which_thing_and_when() -> None:
    entry = DEED.entry(ProjectId(NIL), UUID(int=1), "checkout", {}, experiment=UUID(int=2))

    assert entry == AuditEntry(
        id=entry.id,
        project_id=ProjectId(NIL),
        happened_at=NOON,
        actor_kind=ActorKind.USER,
        actor_id=UUID(int=5),
        actor_name="ada@shop.example",
        action="experiment.start",
        subject_id=UUID(int=1),
        subject_name="checkout",
        experiment_id=UUID(int=2),
        changes={},
    )


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Role.OWNER, "OWNER"),
        (datetime(2026, 11, 20, 12, tzinfo=UTC), "2026-11-20T12:00:00+00:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (None, None),
        (True, True),
        (2, 2),
        (0.5, 0.5),
        ("text", "text"),
        (("a", "b"), ["a", "b"]),
        ({"a": [{"b": Role.VIEWER}]}, {"a": [{"b": "VIEWER"}]}),
        ({UUID(int=1): 1}, {"00000000-0000-0000-0000-000000000001": 1}),
    ],
    ids=repr,
)
def test_changes_are_said_as_json_has_them(value: object, plain: object) -> None:
    assert said(value) == plain


def test_an_entity_is_said_by_its_fields() -> None:
    found = said(make_metric_definition(id=NIL, name="orders"))

    assert isinstance(found, dict)
    assert (found["id"], found["name"], found["role"]) == (str(NIL), "orders", "PRIMARY")


@pytest.mark.parametrize(
    "holder",
    [
        {"password_hash": "$argon2id$", "key_hash": b"1", "token_hash": b"2"},
        [{"password_hash": "$argon2id$"}],
        make_user(password_hash="$argon2id$"),  # noqa: S106
        make_key(key_hash=b"$argon2id$"),
        UserChanges(password_hash="$argon2id$"),  # noqa: S106
    ],
    ids=["mapping", "list", "user", "key", "changes"],
)
def test_hashes_are_never_said(holder: Collection[object]) -> None:
    text = str(said(holder))

    assert "_hash" not in text
    assert "argon2" not in text


def test_bytes_are_not_said_either() -> None:
    assert said(b"token") == "5 bytes"


def test_what_is_left_out_is_not_said() -> None:
    assert said(UserChanges(name="Ada")) == {"name": "Ada"}


def test_other_values_are_said_as_text() -> None:
    class Color(Enum):
        RED = 1

    assert (said(Color.RED), said(1j)) == ("RED", "1j")
