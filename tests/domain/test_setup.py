from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from anyio.lowlevel import checkpoint

from domain.access import Role
from domain.audit import Deed
from domain.errors import Invalid
from domain.keys import ApiKey
from domain.people import Membership, User
from domain.projects import Plan, Project
from domain.setup import Beginning, Setup, Wanted
from domain.tokens import Token
from tests.fake_people import Clock, FakePasswords

GIVEN = Wanted(
    email="Ada@Shop.Example",
    password="a password given",  # noqa: S106
    server_key="abk_server-key-of-the-tests",
    tracker_key="abk_tracker-key-of-the-tests",
)


@dataclass(slots=True)
class FakeSetup:
    begun: list[tuple[Project, User, Membership, Sequence[ApiKey], Deed]] = field(
        default_factory=list
    )
    others_are_faster: bool = False

    async def is_done(self) -> bool:
        await checkpoint()
        return bool(self.begun)

    async def begin(
        self,
        project: Project,
        user: User,
        membership: Membership,
        keys: Sequence[ApiKey],
        deed: Deed,
    ) -> bool:
        await checkpoint()
        if self.others_are_faster:
            return False
        self.begun.append((project, user, membership, keys, deed))
        return True


@pytest.fixture
def store() -> FakeSetup:
    return FakeSetup()


@pytest.fixture
def setup(store: FakeSetup) -> Setup:
    return Setup(store, FakePasswords(), Clock().now)


async def test_what_is_not_given_is_made_up_and_shown(setup: Setup, store: FakeSetup) -> None:
    beginning = await setup.begin(Wanted())

    assert beginning is not None
    [(project, user, membership, (server, tracker), deed)] = store.begun
    assert (project.name, project.plan) == ("Default", Plan.UNLIMITED)
    assert (user.email, user.password_hash) == ("admin@localhost", f"1:{beginning.password}")
    assert (membership.project_id, membership.user_id) == (project.id, user.id)
    assert membership.role is Role.OWNER
    assert server.key_hash == Token(beginning.server_key or "").hash
    assert tracker.key_hash == Token(beginning.tracker_key or "").hash
    assert (server.scopes, tracker.scopes) == (["track", "read", "write", "admin"], ["track"])
    assert (server.allowed_origins, tracker.allowed_origins) == ([], ["*"])
    assert (deed.action, deed.actor.name) == ("project.create", "setup")


async def test_what_is_given_is_taken_and_not_shown(setup: Setup, store: FakeSetup) -> None:
    beginning = await setup.begin(GIVEN)

    assert beginning == Beginning(
        email="ada@shop.example", password=None, server_key=None, tracker_key=None
    )
    [(_, user, _, (server, tracker), _)] = store.begun
    assert user.password_hash == "1:a password given"  # noqa: S105
    assert server.key_hash == Token("abk_server-key-of-the-tests").hash
    assert tracker.key_hash == Token("abk_tracker-key-of-the-tests").hash


async def test_it_is_done_once(setup: Setup, store: FakeSetup) -> None:
    await setup.begin(Wanted())

    assert await setup.begin(Wanted()) is None
    assert len(store.begun) == 1


async def test_where_another_server_was_faster_nothing_is_shown(
    setup: Setup, store: FakeSetup
) -> None:
    store.others_are_faster = True

    assert await setup.begin(Wanted()) is None


@pytest.mark.parametrize(
    ("wanted", "faults"),
    [
        ({"email": "ada"}, [("email", "is no e-mail address")]),
        ({"password": "short"}, [("password", "must have 10 to 1000 characters")]),
        ({"server_key": "abk_short"}, [("server_key", "LEAST")]),
        ({"tracker_key": "key-without-its-prefix-but-long"}, [("tracker_key", "LEAST")]),
        ({"tracker_key": "abk_with a space and long enough"}, [("tracker_key", "LEAST")]),
        (
            {
                "server_key": "abk_the-same-for-both-keys",
                "tracker_key": "abk_the-same-for-both-keys",
            },
            [("tracker_key", "must differ from the server key")],
        ),
    ],
    ids=["email", "password", "short key", "no prefix", "space", "same"],
)
async def test_what_cannot_be_used_is_refused(
    setup: Setup, store: FakeSetup, wanted: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    with pytest.raises(Invalid) as invalid:
        await setup.begin(Wanted(**wanted))

    least = "must begin with abk_ and have 24 characters or more, without spaces"
    found = [(one.path[0], one.message.replace(least, "LEAST")) for one in invalid.value.refusals]
    assert (found, store.begun) == (faults, [])


def test_secrets_are_not_shown_by_accident() -> None:
    shown = Beginning(email="a@b", password="p-1", server_key="k-1", tracker_key="k-2")  # noqa: S106

    assert not {"a password given", "of-the-tests"} & set(repr(GIVEN).split("'"))
    assert [secret for secret in ("p-1", "k-1", "k-2") if secret in repr(shown)] == []
