"""What a new server begins with: a project, its owner, and two keys."""

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.access import Actor, ActorKind, Role, Scope
from domain.audit import Deed
from domain.checks import Checks
from domain.ids import ProjectId, new_id
from domain.keys import ANY_ORIGIN, ApiKey, NewApiKey, build_key
from domain.people import (
    Membership,
    PasswordHasher,
    User,
    check_email,
    check_password,
    normalised,
)
from domain.projects import Plan, Project
from domain.tokens import KEY_PREFIX, Token, new_key

_FIRST_PROJECT = "Default"
_LEAST_KEY = 24
_KEY = re.compile(rf"{KEY_PREFIX}[!-~]{{{_LEAST_KEY - len(KEY_PREFIX)},}}")
_OPERATOR = Actor(kind=ActorKind.OPERATOR, name="setup")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Given beforehand, so that scripts know them; what is left out is made up."""

    email: str = "admin@localhost"
    password: str | None = field(default=None, repr=False)
    server_key: str | None = field(default=None, repr=False)
    tracker_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What is to be shown once: the secrets that were made up."""

    email: str
    password: str | None = field(repr=False)
    server_key: str | None = field(repr=False)
    tracker_key: str | None = field(repr=False)


class SetupStore(Protocol):
    async def is_done(self) -> bool: ...

    async def begin(
        self,
        project: Project,
        user: User,
        membership: Membership,
        keys: Sequence[ApiKey],
        deed: Deed,
    ) -> bool:
        """The whole of it, in the project that is there already if one is; False, and nothing,
        where another server was faster."""
        ...


class Setup:
    def __init__(
        self, store: SetupStore, passwords: PasswordHasher, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._clock = clock

    async def begin(self, wanted: Wanted) -> Beginning | None:
        """None where there are users already."""
        _check(wanted)
        if await self._store.is_done():
            return None
        now = self._clock()
        password = wanted.password or secrets.token_urlsafe(12)
        server, tracker = _token(wanted.server_key), _token(wanted.tracker_key)
        project = Project(
            id=ProjectId(new_id()), name=_FIRST_PROJECT, plan=Plan.UNLIMITED, created_at=now
        )
        user = await self._owner(wanted, password, now)
        membership = Membership(
            project_id=project.id, user_id=user.id, role=Role.OWNER, created_at=now
        )
        keys = [
            build_key(project.id, _SERVER_KEY, server, now),
            build_key(project.id, _TRACKER_KEY, tracker, now),
        ]
        deed = Deed(actor=_OPERATOR, action="project.create", at=now)
        if not await self._store.begin(project, user, membership, keys, deed):
            return None
        return Beginning(
            email=user.email,
            password=None if wanted.password else password,
            server_key=None if wanted.server_key else server.text,
            tracker_key=None if wanted.tracker_key else tracker.text,
        )

    async def _owner(self, wanted: Wanted, password: str, now: datetime) -> User:
        email = normalised(wanted.email)
        return User(
            id=new_id(),
            email=email,
            name=email.partition("@")[0],
            password_hash=await self._passwords.hash(password),
            disabled_at=None,
            created_at=now,
        )


_SERVER_KEY = NewApiKey(name="server", scopes=tuple(Scope))
_TRACKER_KEY = NewApiKey(name="tracker", scopes=(Scope.TRACK,), allowed_origins=(ANY_ORIGIN,))


def _token(given: str | None) -> Token:
    return Token(given) if given else new_key()


def _check(wanted: Wanted) -> None:
    checks = Checks()
    check_email(checks, ("email",), normalised(wanted.email))
    if wanted.server_key is not None and wanted.server_key == wanted.tracker_key:
        checks.refuse(("tracker_key",), "must differ from the server key")
    if wanted.password is not None:
        check_password(checks, ("password",), wanted.password)
    for name, key in (("server_key", wanted.server_key), ("tracker_key", wanted.tracker_key)):
        if key is not None and not _KEY.fullmatch(key):
            checks.refuse(
                (name,),
                f"must begin with {KEY_PREFIX} and have {_LEAST_KEY} characters or more, "
                "without spaces",
            )
    checks.done()
