from dataclasses import replace

import pytest

from domain.access import TooManyAttempts
from domain.accounts import Accounts, UserUpdate
from domain.attempts import ALLOWED
from domain.errors import Invalid, InvalidInput, NameTaken
from domain.people import WrongCredentials
from tests.domain.household import ADA, BOB, World, caller, log_in
from tests.domain.stored import US, outcome
from tests.factories import HER_PASSWORD


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
