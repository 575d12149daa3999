"""Who is let in, how often they may try, and what ends their sessions."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.access import Role, TooManyAttempts
from domain.accounts import Accounts
from domain.attempts import ALLOWED
from domain.audit import Deed
from domain.people import Session, User, UserChanges, WrongCredentials
from tests.domain.household import ADA, BOB, World, caller, log_in
from tests.domain.stored import ELSEWHERE, HOME, US, outcome
from tests.factories import HER_PASSWORD, NOON
from tests.fake_people import FakePeople


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


async def test_who_logs_in_may_log_in_again(world: World, accounts: Accounts) -> None:
    for number in range(3 * ALLOWED):
        await log_in(accounts, address=f"10.0.0.{number}")

    assert len(world.people.sessions) == 3 * ALLOWED


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
