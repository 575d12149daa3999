import pytest

from domain.access import SCOPES_OF_ROLE, Actor, ActorKind, Role, Scope
from domain.ids import NIL
from tests.domain.stored import HOME
from tests.factories import make_caller

TRACK, READ, WRITE, ADMIN = Scope


@pytest.mark.parametrize(
    ("scope", "grants"),
    [
        (TRACK, {TRACK}),
        (READ, {READ}),
        (WRITE, {WRITE, READ}),
        (ADMIN, {ADMIN, WRITE, READ, TRACK}),
    ],
)
def test_a_scope_grants_what_it_implies_and_no_more(scope: Scope, grants: set[Scope]) -> None:
    caller = make_caller(HOME, scopes=frozenset({scope}))

    assert {asked for asked in Scope if caller.may({asked})} == grants


def test_any_one_of_several_will_do_and_without_a_scope_nothing_may() -> None:
    assert make_caller(HOME, scopes=frozenset({TRACK})).may({READ, TRACK})
    assert not make_caller(HOME, scopes=frozenset()).may(Scope)


def test_the_roles() -> None:
    assert {
        Role.OWNER: {TRACK, READ, WRITE, ADMIN},
        Role.EDITOR: {TRACK, READ, WRITE},
        Role.VIEWER: {READ},
    } == SCOPES_OF_ROLE


@pytest.mark.parametrize(
    ("kind", "is_user", "is_key"),
    [
        (ActorKind.USER, True, False),
        (ActorKind.API_KEY, False, True),
        (ActorKind.OPERATOR, False, False),
    ],
)
def test_a_caller_is_a_user_or_a_key(kind: ActorKind, is_user: bool, is_key: bool) -> None:
    caller = make_caller(HOME, actor=Actor(kind=kind, id=NIL, name="x"))

    assert (caller.user == NIL, caller.api_key == NIL) == (is_user, is_key)
