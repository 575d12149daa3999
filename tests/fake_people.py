"""The stores of people and what they show, in memory; a clock and a hasher that take no time."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from anyio.lowlevel import checkpoint

from domain.access import Role
from domain.audit import Deed
from domain.authentication import Credential
from domain.changes import UNSET, given
from domain.errors import InvalidInput, NameTaken, NotFound
from domain.ids import ProjectId
from domain.keys import ApiKey
from domain.people import LastOwner, Membership, Session, User, UserChanges
from tests.factories import NOON


@dataclass(slots=True)
class Clock:
    """Says what time it is, as a date and in seconds."""

    passed: float = 0.0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.passed)

    def seconds(self) -> float:
        return self.passed


@dataclass(slots=True)
class FakePasswords:
    """`verified` counts what would have taken long; hashes of another version are outdated."""

    version: int = 1
    verified: list[str] = field(default_factory=list)

    async def hash(self, password: str) -> str:
        await checkpoint()
        return f"{self.version}:{password}"

    async def matches(self, password_hash: str | None, password: str) -> bool:
        await checkpoint()
        self.verified.append(password)
        return password_hash is not None and password_hash.partition(":")[2] == password

    def is_outdated(self, password_hash: str) -> bool:
        return not password_hash.startswith(f"{self.version}:")


@dataclass(slots=True)
class FakePeople:
    users: dict[UUID, User] = field(default_factory=dict)
    memberships: dict[tuple[ProjectId, UUID], Membership] = field(default_factory=dict)
    sessions: dict[UUID, Session] = field(default_factory=dict)
    deeds: list[Deed] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def put(self, user: User, **roles: tuple[ProjectId, Role]) -> User:
        self.users[user.id] = user
        for project, role in roles.values():
            self.memberships[project, user.id] = Membership(
                project_id=project, user_id=user.id, role=role, created_at=NOON
            )
        return user

    def open(self) -> set[UUID]:
        return {one.id for one in self.sessions.values() if one.revoked_at is None}

    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, User]:
        await checkpoint()
        return {one: self.users[one] for one in ids if (project, one) in self.memberships}

    async def by_email(self, email: str) -> User | None:
        await checkpoint()
        self.asked.append("by_email")
        return next((user for user in self.users.values() if user.email == email), None)

    async def all(self) -> Sequence[User]:
        await checkpoint()
        return sorted(self.users.values(), key=lambda user: user.email)

    async def members(self, project: ProjectId) -> Sequence[Membership]:
        await checkpoint()
        return [one for one in self.memberships.values() if one.project_id == project]

    async def memberships_of(self, user: UUID) -> Sequence[Membership]:
        await checkpoint()
        self.asked.append("memberships_of")
        return [one for one in self.memberships.values() if one.user_id == user]

    async def add_member(
        self, membership: Membership, user: User, deed: Deed, *, is_new: bool
    ) -> None:
        await checkpoint()
        if is_new:
            self._require_free(user.id, user.email)
        if (membership.project_id, user.id) in self.memberships:
            raise InvalidInput("is a member already", ("email",))
        self.users[user.id] = user
        self.memberships[membership.project_id, user.id] = membership
        self.deeds.append(deed)

    async def set_role(
        self, project: ProjectId, user: UUID, role: Role | None, deed: Deed
    ) -> Membership | None:
        await checkpoint()
        if (project, user) not in self.memberships:
            raise NotFound("the project has no such member", ("user",))
        others = [one for one in await self.members(project) if one.user_id != user]
        if role is not Role.OWNER and not any(one.role is Role.OWNER for one in others):
            raise LastOwner
        changed = self.memberships.pop((project, user))
        if role is not None:
            self.memberships[project, user] = replace(changed, role=role)
        self.deeds.append(deed)
        return self.memberships.get((project, user))

    async def change(
        self,
        project: ProjectId,
        user: UUID,
        changes: UserChanges,
        deed: Deed,
        *,
        keeping: UUID | None,
    ) -> User | None:
        await checkpoint()
        if (project, user) not in self.memberships:
            return None
        changed = self._changed(user, changes, deed)
        if changes.password_hash is not UNSET:
            self._end(deed.at, *(one for one in self._of(user) if one.id != keeping))
        return changed

    async def change_anywhere(self, user: UUID, changes: UserChanges, deed: Deed) -> User | None:
        await checkpoint()
        self._end(deed.at, *self._of(user))
        return self._changed(user, changes, deed)

    async def rehash(self, user: UUID, seen: str, password_hash: str) -> None:
        await checkpoint()
        if self.users[user].password_hash == seen:
            self.users[user] = replace(self.users[user], password_hash=password_hash)

    async def start_session(self, session: Session, user: User, deed: Deed) -> bool:
        await checkpoint()
        if self.users[user.id] != user or (session.project_id, user.id) not in self.memberships:
            return False
        self.sessions[session.id] = session
        self.deeds.append(deed)
        return True

    async def end_session(self, project: ProjectId, session: UUID, deed: Deed) -> bool:
        await checkpoint()
        found = self.sessions.get(session)
        if found is None or found.project_id != project or found.revoked_at is not None:
            return False
        self._end(deed.at, found)
        self.deeds.append(deed)
        return True

    def _of(self, user: UUID) -> Iterator[Session]:
        return (one for one in tuple(self.sessions.values()) if one.user_id == user)

    def _end(self, at: datetime, *ended: Session) -> None:
        self.sessions |= {one.id: replace(one, revoked_at=at) for one in ended}

    def _changed(self, user: UUID, changes: UserChanges, deed: Deed) -> User:
        changed = replace(self.users[user], **given(changes))
        self._require_free(user, changed.email)
        self.users[user] = changed
        self.deeds.append(deed)
        return changed

    def _require_free(self, user: UUID, email: str) -> None:
        if any(one.email == email and one.id != user for one in self.users.values()):
            raise NameTaken("another user has that address", ("email",))


@dataclass(slots=True)
class FakeKeys:
    keys: dict[UUID, ApiKey] = field(default_factory=dict)
    deeds: list[Deed] = field(default_factory=list)

    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, ApiKey]:
        await checkpoint()
        return {key.id: key for key in await self.of_project(project) if key.id in ids}

    async def of_project(self, project: ProjectId) -> Sequence[ApiKey]:
        await checkpoint()
        return [key for key in self.keys.values() if key.project_id == project]

    async def add(self, key: ApiKey, deed: Deed) -> None:
        await checkpoint()
        self.keys[key.id] = key
        self.deeds.append(deed)

    async def revoke(self, project: ProjectId, key: UUID, deed: Deed) -> ApiKey | None:
        found = (await self.by_ids(project, [key])).get(key)
        if found is None or found.revoked_at is not None:
            return found
        self.keys[key] = replace(found, revoked_at=deed.at)
        self.deeds.append(deed)
        return self.keys[key]


@dataclass(slots=True)
class FakeCredentials:
    """What is valid, by hash; `reads` and `notes` tell what was asked and written."""

    keys: dict[bytes, Credential] = field(default_factory=dict)
    sessions: dict[bytes, Credential] = field(default_factory=dict)
    origins: frozenset[str] = frozenset()
    reads: int = 0
    notes: list[tuple[UUID, datetime]] = field(default_factory=list)

    async def of_keys(self, hashes: Collection[bytes], now: datetime) -> Mapping[bytes, Credential]:
        return await self._read(self.keys, hashes, now)

    async def of_sessions(
        self, hashes: Collection[bytes], now: datetime
    ) -> Mapping[bytes, Credential]:
        return await self._read(self.sessions, hashes, now)

    async def note_use(self, key: UUID, at: datetime, *, unless_since: datetime) -> None:
        await checkpoint()
        self.notes.append((key, at))

    async def allowed_origins(self, now: datetime) -> frozenset[str]:
        self.reads += 1
        await checkpoint()
        return self.origins

    async def _read(
        self, known: Mapping[bytes, Credential], hashes: Collection[bytes], now: datetime
    ) -> Mapping[bytes, Credential]:
        self.reads += 1
        found = {key: known[key] for key in hashes if key in known}  # as the statement starts
        await checkpoint()
        return {
            key: each
            for key, each in found.items()
            if each.expires_at is None or each.expires_at > now
        }
