from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.access import Actor, ActorKind, Caller, Role, TooManyAttempts
from domain.accounts import Accounts, LoggedIn, NewMember, UserUpdate
from domain.attempts import ALLOWED, Attempts
from domain.audit import Deed
from domain.errors import Invalid, InvalidInput, NameTaken
from domain.people import Session, User, UserChanges, WrongCredentials
from tests.domain.stored import ELSEWHERE, HOME, US, outcome
from tests.factories import HER_PASSWORD, NOON, make_caller, make_user
from tests.fake_people import Clock, FakePasswords, FakePeople

ADA, BOB = make_user(), make_user(email="bob@shop.example", disabled_at=NOON)


@dataclass(slots=True)
class World:
    clock: Clock = field(default_factory=Clock)
    people: FakePeople = field(default_factory=FakePeople)
    passwords: FakePasswords = field(default_factory=FakePasswords)

    @property
    def accounts(self) -> Accounts:
        attempts = Attempts(self.clock.seconds)
        return Accounts(self.people, self.passwords, attempts, self.clock.now)


@pytest.fixture
def world() -> World:
    """Of Ada, who owns the project, and Bob, who is disabled."""
    world = World()
    world.people.put(ADA, home=(HOME, Role.OWNER))
    world.people.put(BOB, home=(HOME, Role.EDITOR))
    return world


@pytest.fixture
def accounts(world: World) -> Accounts:
    return world.accounts


async def log_in(accounts: Accounts, **changes: Any) -> LoggedIn:
    asked = {"address": "10.0.0.1", "email": ADA.email, "password": HER_PASSWORD, "project": None}
    return await accounts.log_in(**asked | changes)


async def caller(accounts: Accounts) -> Caller:
    logged_in = await log_in(accounts)
    actor = Actor(kind=ActorKind.USER, id=ADA.id, name=ADA.email)
    return make_caller(HOME, actor=actor, session=logged_in.session.id)


@pytest.mark.parametrize("email", ["ada@shop.example", "ADA@Shop.Example", " ada@shop.example "])
async def test_logging_in_starts_a_session_of_thirty_days(
    world: World, accounts: Accounts, email: str
) -> None:
    done = await log_in(accounts, email=email)

    assert world.people.sessions == {done.session.id: done.session}
    assert (done.user, done.session.user_id, done.session.project_id) == (ADA, ADA.id, HOME)
    assert done.session.token_hash == done.token.hash
    assert done.session.expires_at - NOON == timedelta(days=30)
    [deed] = world.people.deeds
    assert (deed.action, deed.actor.id, deed.actor.name) == ("session.create", ADA.id, ADA.email)


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "nobody@shop.example"},
        {"email": "not an address \0"},
        {"password": "what Bob knows"},
        {"email": BOB.email},
        {"project": ELSEWHERE},
    ],
    ids=["unknown address", "no address", "wrong password", "disabled", "other project"],
)
async def test_whatever_is_wrong_the_answer_and_the_work_are_the_same(
    world: World, accounts: Accounts, wrong: dict[str, Any]
) -> None:
    refusal = await outcome(log_in(accounts, **wrong))

    assert isinstance(refusal, WrongCredentials)
    assert (refusal.message, refusal.path) == ("the address or the password is wrong", ("email",))
    assert len(world.passwords.verified) == 1
    assert world.people.asked[-1] == "memberships_of"
    assert (world.people.sessions, world.people.deeds) == ({}, [])


async def test_a_project_may_be_chosen(world: World, accounts: Accounts) -> None:
    world.people.put(ADA, elsewhere=(ELSEWHERE, Role.VIEWER))

    chosen = await log_in(accounts, project=ELSEWHERE)
    eldest = await log_in(accounts)

    assert (chosen.session.project_id, eldest.session.project_id) == (ELSEWHERE, HOME)


async def test_attempts_are_limited_by_account_from_wherever_they_come(accounts: Accounts) -> None:
    for number in range(ALLOWED):
        await outcome(log_in(accounts, password="wrong", address=f"10.0.0.{number}"))  # noqa: S106

    with pytest.raises(TooManyAttempts) as refused:
        await log_in(accounts, address="10.0.0.99", email=ADA.email.upper())

    assert refused.value.retry_after == 31


async def test_attempts_are_limited_by_address_whatever_the_account(
    world: World, accounts: Accounts
) -> None:
    for number in range(ALLOWED):
        await outcome(log_in(accounts, email=f"nobody-{number}@shop.example"))

    with pytest.raises(TooManyAttempts):
        await log_in(accounts)

    assert len(world.passwords.verified) == ALLOWED
    await log_in(accounts, address="10.0.0.2")


async def test_who_logs_in_may_log_in_again(accounts: Accounts) -> None:
    for number in range(3 * ALLOWED):
        await log_in(accounts, address=f"10.0.0.{number}")


async def test_a_password_is_hashed_again_when_the_parameters_grow(
    world: World, accounts: Accounts
) -> None:
    world.passwords.version = 2

    await log_in(accounts)
    await log_in(accounts)

    assert world.people.users[ADA.id].password_hash == f"2:{HER_PASSWORD}"
    assert [deed.action for deed in world.people.deeds] == ["session.create"] * 2


@dataclass(slots=True)
class ChangedMeanwhile(FakePeople):
    """While the first to log in is being recognised, the user becomes another."""

    rival: User | None = None

    async def start_session(self, session: Session, user: User, deed: Deed) -> bool:
        if self.rival is not None:
            self.users[user.id], self.rival = self.rival, None
        return await FakePeople.start_session(self, session, user, deed)


@pytest.mark.parametrize(
    "rival",
    [replace(ADA, password_hash="1:another"), replace(ADA, disabled_at=NOON)],  # noqa: S106
    ids=["another password", "disabled"],
)
async def test_who_was_changed_while_logging_in_is_recognised_anew(
    world: World, rival: User
) -> None:
    world.people = ChangedMeanwhile(rival=rival)
    world.people.put(ADA, home=(HOME, Role.OWNER))

    refusal = await outcome(log_in(world.accounts))

    assert isinstance(refusal, WrongCredentials)
    assert world.people.sessions == {}


async def test_of_two_who_log_in_while_one_rehashes_both_are_let_in(world: World) -> None:
    world.passwords.version = 2
    world.people = ChangedMeanwhile(rival=replace(ADA, password_hash=f"2:{HER_PASSWORD}"))
    world.people.put(ADA, home=(HOME, Role.OWNER))

    await log_in(world.accounts)

    assert len(world.people.sessions) == 1


async def test_a_rehash_never_undoes_a_new_password(world: World) -> None:
    world.people.users[ADA.id] = replace(ADA, password_hash="1:new")  # noqa: S106

    await world.people.rehash(ADA.id, ADA.password_hash, "2:old")

    assert world.people.users[ADA.id] == replace(ADA, password_hash="1:new")  # noqa: S106


async def test_logging_out_ends_the_session_once(world: World, accounts: Accounts) -> None:
    ada = await caller(accounts)

    assert [await accounts.log_out(ada), await accounts.log_out(ada)] == [True, False]

    assert world.people.open() == set()
    assert [deed.action for deed in world.people.deeds] == ["session.create", "session.revoke"]


async def test_a_key_has_no_session(accounts: Accounts) -> None:
    assert await accounts.log_out(US) is False


async def test_a_new_password_ends_the_other_sessions(world: World, accounts: Accounts) -> None:
    ada, other = await caller(accounts), await log_in(accounts)

    await accounts.change_password(ada, HER_PASSWORD, "a better one")

    assert world.people.open() == {ada.session}
    assert world.people.users[ADA.id] == replace(ADA, password_hash="1:a better one")  # noqa: S106
    assert other.session.id in world.people.sessions
    assert world.people.deeds[-1].action == "user.password"


async def test_a_new_password_takes_the_current_one(world: World, accounts: Accounts) -> None:
    ada = await caller(accounts)

    refusal = await outcome(accounts.change_password(ada, "a guess", "a better one"))

    assert isinstance(refusal, WrongCredentials)
    assert refusal.path == ("current_password",)
    assert world.people.users[ADA.id] == ADA


async def test_guesses_of_the_current_password_are_limited(accounts: Accounts) -> None:
    ada = await caller(accounts)
    for _ in range(ALLOWED):
        await outcome(accounts.change_password(ada, "a guess", "a better one"))

    with pytest.raises(TooManyAttempts):
        await accounts.change_password(ada, HER_PASSWORD, "a better one")


async def test_a_new_password_must_be_long_enough(world: World, accounts: Accounts) -> None:
    ada = await caller(accounts)

    with pytest.raises(Invalid, match=r"^must have 10 to 1000 characters$"):
        await accounts.change_password(ada, HER_PASSWORD, "short")

    assert world.people.users[ADA.id] == ADA


async def test_a_key_is_no_user(accounts: Accounts) -> None:
    for asked in (
        accounts.change_password(US, HER_PASSWORD, "a better one"),
        accounts.update(US, UserUpdate(name="x")),
    ):
        assert isinstance(await outcome(asked), InvalidInput)


async def test_ones_own_data(world: World, accounts: Accounts) -> None:
    ada = await caller(accounts)

    changed = await accounts.update(ada, UserUpdate(name="Ada L.", email="Ada@Home.Example"))

    assert changed == replace(ADA, name="Ada L.", email="ada@home.example")
    assert world.people.users[ADA.id] == changed
    assert len(world.people.open()) == 1


@pytest.mark.parametrize(
    "wanted", [UserUpdate(), UserUpdate(name="Ada", email="ADA@shop.example")], ids=["none", "same"]
)
async def test_an_update_that_changes_nothing_writes_nothing(
    world: World, accounts: Accounts, wanted: UserUpdate
) -> None:
    assert await accounts.update(await caller(accounts), wanted) == ADA

    assert [deed.action for deed in world.people.deeds] == ["session.create"]


async def test_all_that_is_wrong_with_an_update_is_said_at_once(accounts: Accounts) -> None:
    with pytest.raises(Invalid) as invalid:
        await accounts.update(await caller(accounts), UserUpdate(name=None, email="ada"))

    assert [(one.path, one.message) for one in invalid.value.refusals] == [
        (("name",), "must not be null"),
        (("email",), "is no e-mail address"),
    ]


async def test_an_address_belongs_to_one(accounts: Accounts) -> None:
    with pytest.raises(NameTaken):
        await accounts.update(await caller(accounts), UserUpdate(email=BOB.email))


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


async def test_a_change_of_the_command_line_ends_all_sessions(
    world: World, accounts: Accounts
) -> None:
    await log_in(accounts)

    changes = UserChanges(disabled_at=NOON)
    deed = Deed(actor=US.actor, action="user.disable", at=NOON)
    await world.people.change_anywhere(ADA.id, changes, deed)

    assert world.people.open() == set()
    assert isinstance(await outcome(log_in(accounts)), WrongCredentials)
    assert UUID(int=0) not in world.people.users
