"""Ada and Bob, who can log in to one project, and what answers them."""

from dataclasses import dataclass, field
from typing import Any

from domain.access import Actor, ActorKind, Caller, Role
from domain.accounts import Accounts, LoggedIn
from domain.attempts import Attempts
from tests.domain.stored import HOME
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


def inhabited() -> World:
    """By Ada, who owns the project, and Bob, who is disabled."""
    world = World()
    world.people.put(ADA, home=(HOME, Role.OWNER))
    world.people.put(BOB, home=(HOME, Role.EDITOR))
    return world


async def log_in(accounts: Accounts, **changes: Any) -> LoggedIn:
    asked = {"address": "10.0.0.1", "email": ADA.email, "password": HER_PASSWORD, "project": None}
    return await accounts.log_in(**asked | changes)


async def caller(accounts: Accounts) -> Caller:
    logged_in = await log_in(accounts)
    actor = Actor(kind=ActorKind.USER, id=ADA.id, name=ADA.email)
    return make_caller(HOME, actor=actor, session=logged_in.session.id)
