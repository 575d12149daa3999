"""Users, their sessions, and who belongs to a project."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.access import Role
from domain.audit import Deed
from domain.changes import UNSET, Unset
from domain.checks import Checks
from domain.errors import DomainError, ErrorCode, InUse, Path
from domain.ids import ProjectId

PASSWORD_LENGTH = range(10, 1001)
_MAX_EMAIL = 254


class WrongCredentials(DomainError):
    code = ErrorCode.WRONG_CREDENTIALS


class LastOwner(InUse):
    def __init__(self) -> None:
        super().__init__(
            "a project keeps at least one OWNER: make somebody else one first", ("user",)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    id: UUID
    email: str
    name: str
    password_hash: str
    disabled_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChanges:
    email: str | Unset = UNSET
    name: str | Unset = UNSET
    password_hash: str | Unset = UNSET
    disabled_at: datetime | Unset | None = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    project_id: ProjectId
    user_id: UUID
    role: Role
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    id: UUID
    project_id: ProjectId
    user_id: UUID
    token_hash: bytes
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class PasswordHasher(Protocol):
    async def hash(self, password: str) -> str: ...

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Takes as long where there is no hash to compare with."""
        ...

    def is_outdated(self, password_hash: str) -> bool: ...


class PeopleStore(Protocol):
    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, User]:
        """Members of the project; others do not exist."""
        ...

    async def by_email(self, email: str) -> User | None:
        """Of any project: for logging in and for the command line alone."""
        ...

    async def all(self) -> Sequence[User]:
        """For the command line alone."""
        ...

    async def members(self, project: ProjectId) -> Sequence[Membership]: ...

    async def memberships_of(self, user: UUID) -> Sequence[Membership]:
        """The oldest first."""
        ...

    async def add_member(
        self, membership: Membership, user: User, deed: Deed, *, is_new: bool
    ) -> None:
        """Raises InvalidInput for one who is a member already, NameTaken for a taken address."""
        ...

    async def set_role(
        self, project: ProjectId, user: UUID, role: Role | None, deed: Deed
    ) -> Membership | None:
        """None: removes the member. Raises NotFound and LastOwner."""
        ...

    async def change(
        self,
        project: ProjectId,
        user: UUID,
        changes: UserChanges,
        deed: Deed,
        *,
        keeping: UUID | None,
    ) -> User | None:
        """A new password ends all sessions but that one. Raises NameTaken for a taken address."""
        ...

    async def change_anywhere(self, user: UUID, changes: UserChanges, deed: Deed) -> User | None:
        """For the command line alone: written down in each project of the user, whose sessions
        all end."""
        ...

    async def rehash(self, user: UUID, seen: str, password_hash: str) -> None:
        """The same password in another form, unless it was changed in the meantime."""
        ...

    async def start_session(self, session: Session, user: User, deed: Deed) -> bool:
        """False, and none, where the user is no more what was seen: they have another password,
        are disabled, or do not belong to the project."""
        ...

    async def end_session(self, project: ProjectId, session: UUID, deed: Deed) -> bool: ...


def normalised(email: str) -> str:
    """Addresses compare without regard to capitals."""
    return email.strip().lower()


def check_email(checks: Checks, path: Path, email: str) -> None:
    checks.name(path, email, limit=_MAX_EMAIL)
    name, at, host = email.partition("@")
    if not (name and at and host) or "@" in host or any(map(str.isspace, email)):
        checks.refuse(path, "is no e-mail address")


def check_password(checks: Checks, path: Path, password: str) -> None:
    if len(password) not in PASSWORD_LENGTH:
        checks.refuse(
            path, f"must have {PASSWORD_LENGTH.start} to {PASSWORD_LENGTH.stop - 1} characters"
        )
    checks.text(path, password)
