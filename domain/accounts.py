"""The use cases of people: logging in and out, their own data, and the members of a project."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from domain.access import Actor, ActorKind, Caller, Role
from domain.attempts import Attempts
from domain.audit import Deed
from domain.changes import UNSET, Unset, given
from domain.checks import Checks, text_fault
from domain.errors import InvalidInput, NotFound
from domain.ids import NIL, ProjectId, new_id
from domain.people import (
    Membership,
    PasswordHasher,
    PeopleStore,
    Session,
    User,
    UserChanges,
    WrongCredentials,
    check_email,
    check_password,
    normalised,
)
from domain.tokens import Token, new_session_token

SESSION_LIFE = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    token: Token
    session: Session
    user: User


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMember:
    email: str
    role: Role
    name: str | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserUpdate:
    name: str | Unset | None = UNSET
    email: str | Unset | None = UNSET


class Accounts:
    def __init__(
        self,
        store: PeopleStore,
        passwords: PasswordHasher,
        attempts: Attempts,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._attempts = attempts
        self._clock = clock

    async def log_in(
        self, address: str, email: str, password: str, project: ProjectId | None
    ) -> LoggedIn:
        """The same answer, after about the same time, whatever of the three was wrong."""
        email = normalised(email)
        self._attempts.note(f"address {address}", f"account {email}")
        while True:
            user, membership = await self._recognised(email, password, project)
            started = await self._start_session(user, membership)
            if started is not None:  # else somebody changed the user in the meantime
                self._attempts.forget(f"account {email}")
                await self._rehash(user, password)
                return started

    async def log_out(self, caller: Caller) -> bool:
        if caller.session is None:
            return False
        deed = self._deed(caller.actor, "session.revoke")
        return await self._store.end_session(caller.project, caller.session, deed)

    async def update(self, caller: Caller, wanted: UserUpdate) -> User:
        values = given(wanted)
        checks = Checks()
        for name, value in values.items():
            if value is None:
                checks.refuse((name,), "must not be null")
        if values.get("name") is not None:
            checks.name(("name",), values["name"])
        if values.get("email") is not None:
            values["email"] = normalised(values["email"])
            check_email(checks, ("email",), values["email"])
        checks.done()
        user = await self._self(caller)
        new = {name: value for name, value in values.items() if value != getattr(user, name)}
        return await self._change(caller, user, UserChanges(**new), "user.update") if new else user

    async def change_password(self, caller: Caller, current: str, new: str) -> User:
        user = await self._self(caller)
        self._attempts.note(f"account {user.email}")
        if not await self._passwords.matches(user.password_hash, current):
            raise WrongCredentials("the current password is wrong", ("current_password",))
        self._attempts.forget(f"account {user.email}")
        checks = Checks()
        check_password(checks, ("new_password",), new)
        checks.done()
        changes = UserChanges(password_hash=await self._passwords.hash(new))
        return await self._change(caller, user, changes, "user.password")

    async def add_member(self, project: ProjectId, actor: Actor, new: NewMember) -> Membership:
        email = normalised(new.email)
        known = await self._known(email)
        self._check_member(new, email, known)
        now = self._clock()
        user = known or User(
            id=new_id(),
            email=email,
            name=new.name or email.partition("@")[0],
            password_hash=await self._passwords.hash(new.password or ""),
            disabled_at=None,
            created_at=now,
        )
        membership = Membership(project_id=project, user_id=user.id, role=new.role, created_at=now)
        deed = self._deed(actor, "member.add")
        await self._store.add_member(membership, user, deed, is_new=known is None)
        return membership

    async def set_role(self, caller: Caller, user: UUID, role: Role) -> Membership:
        deed = self._deed(caller.actor, "member.update")
        changed = await self._store.set_role(caller.project, user, role, deed)
        if changed is None:
            raise NotFound("the project has no such member", ("user",))
        return changed

    async def remove_member(self, caller: Caller, user: UUID) -> UUID:
        await self._store.set_role(
            caller.project, user, None, self._deed(caller.actor, "member.remove")
        )
        return user

    async def _known(self, email: str) -> User | None:
        return None if text_fault(email) else await self._store.by_email(email)

    async def _recognised(
        self, email: str, password: str, project: ProjectId | None
    ) -> tuple[User, Membership]:
        user = await self._known(email)
        matches = await self._passwords.matches(user.password_hash if user else None, password)
        found = await self._store.memberships_of(user.id if user else NIL)
        membership = next((one for one in found if project in (None, one.project_id)), None)
        if user is None or not matches or membership is None or user.disabled_at is not None:
            raise WrongCredentials("the address or the password is wrong", ("email",))
        return user, membership

    async def _start_session(self, user: User, membership: Membership) -> LoggedIn | None:
        token, now = new_session_token(), self._clock()
        session = Session(
            id=new_id(),
            project_id=membership.project_id,
            user_id=user.id,
            token_hash=token.hash,
            created_at=now,
            expires_at=now + SESSION_LIFE,
            revoked_at=None,
        )
        actor = Actor(kind=ActorKind.USER, id=user.id, name=user.email)
        deed = self._deed(actor, "session.create")
        if await self._store.start_session(session, user, deed):
            return LoggedIn(token=token, session=session, user=user)
        return None

    async def _rehash(self, user: User, password: str) -> None:
        if self._passwords.is_outdated(user.password_hash):
            hashed = await self._passwords.hash(password)
            await self._store.rehash(user.id, user.password_hash, hashed)

    async def _self(self, caller: Caller) -> User:
        found = await self._store.by_ids(caller.project, [caller.user] if caller.user else [])
        for user in found.values():
            return user
        raise InvalidInput("an API key is no user: log in first")

    async def _change(self, caller: Caller, user: User, changes: UserChanges, action: str) -> User:
        changed = await self._store.change(
            caller.project,
            user.id,
            changes,
            self._deed(caller.actor, action),
            keeping=caller.session,
        )
        return changed or user

    def _check_member(self, new: NewMember, email: str, known: User | None) -> None:
        checks = Checks()
        check_email(checks, ("email",), email)
        if new.name is not None:
            checks.name(("name",), new.name)
        if known is None and new.password is None:
            checks.refuse(("password",), "a new user needs one")
        if known is None and new.password is not None:
            check_password(checks, ("password",), new.password)
        checks.done()

    def _deed(self, actor: Actor, action: str) -> Deed:
        return Deed(actor=actor, action=action, at=self._clock())
