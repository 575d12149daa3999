from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.access import Role
from domain.audit import Deed
from domain.changes import UNSET, given
from domain.errors import NotFound
from domain.ids import NIL, ProjectId
from domain.people import LastOwner, Membership, Session, User, UserChanges
from persistence.arrays import among
from persistence.audit import write_down
from persistence.conflicts import translated
from persistence.engine import Database
from persistence.models import MEMBERSHIPS, SESSIONS, USERS
from persistence.people_tables import memberships, sessions, users
from persistence.projects import lock_project

_USERS: Select[*tuple[Any, ...]] = select(*USERS.columns)
_MEMBERSHIPS: Select[*tuple[Any, ...]] = select(*MEMBERSHIPS.columns)


class People:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, User]:
        statement = _USERS.where(_belongs_to(project), among(users.c.id, list(ids)))
        rows = await self._database.rows(statement)
        return {user.id: user for user in USERS.read(rows)}

    async def by_email(self, email: str) -> User | None:
        rows = await self._database.rows(_USERS.where(users.c.email == email))
        return next(iter(USERS.read(rows)), None)

    async def all(self) -> Sequence[User]:
        return USERS.read(await self._database.rows(_USERS.order_by(users.c.email)))

    async def members(self, project: ProjectId) -> Sequence[Membership]:
        statement = _MEMBERSHIPS.where(memberships.c.project_id == project)
        return MEMBERSHIPS.read(await self._database.rows(_in_order(statement)))

    async def memberships_of(self, user: UUID) -> Sequence[Membership]:
        statement = _MEMBERSHIPS.where(memberships.c.user_id == user)
        return MEMBERSHIPS.read(await self._database.rows(_in_order(statement)))

    async def add_member(
        self, membership: Membership, user: User, deed: Deed, *, is_new: bool
    ) -> None:
        said = {"role": membership.role}
        entry = deed.entry(membership.project_id, user.id, user.email, said)
        with translated():
            async with self._database.begin() as connection:
                if is_new:
                    await connection.execute(insert(users).values(USERS.values(user)))
                await connection.execute(insert(memberships).values(MEMBERSHIPS.values(membership)))
                await write_down(connection, entry)

    async def set_role(
        self, project: ProjectId, user: UUID, role: Role | None, deed: Deed
    ) -> Membership | None:
        own = (memberships.c.project_id == project, memberships.c.user_id == user)
        async with self._database.begin() as connection:
            await lock_project(connection, project)
            email = await connection.scalar(select(users.c.email).join(memberships).where(*own))
            if email is None:
                raise NotFound("the project has no such member", ("user",))
            if role is not Role.OWNER:
                await _keep_an_owner(connection, project, user)
            if role is None:
                await connection.execute(delete(memberships).where(*own))
                of_project = sessions.c.project_id == project
                await _end_sessions(connection, user, deed.at, of_project)
            else:
                values = MEMBERSHIPS.changed({"role": role})
                await connection.execute(update(memberships).where(*own).values(values))
            await write_down(connection, deed.entry(project, user, email, {"role": role}))
        found = await self.members(project)
        return next((one for one in found if one.user_id == user), None)

    async def change(
        self,
        project: ProjectId,
        user: UUID,
        changes: UserChanges,
        deed: Deed,
        *,
        keeping: UUID | None,
    ) -> User | None:
        with translated():
            async with self._database.begin() as connection:
                email = await _change(connection, changes, users.c.id == user, _belongs_to(project))
                if email is None:
                    return None
                if changes.password_hash is not UNSET:
                    others = sessions.c.id != (keeping or NIL)
                    await _end_sessions(connection, user, deed.at, others)
                await write_down(connection, deed.entry(project, user, email, given(changes)))
        return (await self.by_ids(project, [user])).get(user)

    async def change_anywhere(self, user: UUID, changes: UserChanges, deed: Deed) -> User | None:
        own = memberships.c.user_id == user
        with translated():
            async with self._database.begin() as connection:
                email = await _change(connection, changes, users.c.id == user)
                if email is None:
                    return None
                await _end_sessions(connection, user, deed.at)
                for project in await connection.scalars(
                    select(memberships.c.project_id).where(own)
                ):
                    await write_down(connection, deed.entry(project, user, email, given(changes)))
        return await self.by_email(email)

    async def rehash(self, user: UUID, seen: str, password_hash: str) -> None:
        changes = UserChanges(password_hash=password_hash)
        async with self._database.begin() as connection:
            await _change(connection, changes, users.c.id == user, users.c.password_hash == seen)

    async def start_session(self, session: Session, user: User, deed: Deed) -> bool:
        entry = deed.entry(session.project_id, session.user_id, user.email, {})
        async with self._database.begin() as connection:
            if not await _is_as_seen(connection, session.project_id, user):
                return False
            await connection.execute(insert(sessions).values(SESSIONS.values(session)))
            await write_down(connection, entry)
        return True

    async def end_session(self, project: ProjectId, session: UUID, deed: Deed) -> bool:
        open_one = (
            sessions.c.id == session,
            sessions.c.project_id == project,
            sessions.c.revoked_at.is_(None),
        )
        values = SESSIONS.changed({"revoked_at": deed.at})
        async with self._database.begin() as connection:
            statement = update(sessions).where(*open_one).values(values)
            user = await connection.scalar(statement.returning(sessions.c.user_id))
            if user is not None:
                await write_down(connection, deed.entry(project, user, deed.actor.name, {}))
        return user is not None


async def _change(
    connection: AsyncConnection, changes: UserChanges, *which: ColumnElement[bool]
) -> str | None:
    """The address of whom it changed."""
    statement = update(users).where(*which).values(USERS.changed(given(changes)))
    email: str | None = await connection.scalar(statement.returning(users.c.email))
    return email


async def _is_as_seen(connection: AsyncConnection, project: ProjectId, user: User) -> bool:
    """And stays so until the transaction ends: whatever ends sessions waits for it, and then ends
    the new one too."""
    found = await connection.scalar(
        select(users.c.id)
        .join(memberships, memberships.c.user_id == users.c.id)
        .where(memberships.c.project_id == project, users.c.id == user.id)
        .where(users.c.password_hash == user.password_hash, users.c.disabled_at.is_(None))
        .with_for_update(read=True)
    )
    return found is not None


def _belongs_to(project: ProjectId) -> ColumnElement[bool]:
    return exists().where(memberships.c.user_id == users.c.id, memberships.c.project_id == project)


def _in_order(statement: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return statement.order_by(memberships.c.created_at, memberships.c.user_id)


async def _keep_an_owner(connection: AsyncConnection, project: ProjectId, user: UUID) -> None:
    others = (
        select(func.count())
        .select_from(memberships.join(users))
        .where(
            memberships.c.project_id == project,
            memberships.c.role == Role.OWNER,
            memberships.c.user_id != user,
            users.c.disabled_at.is_(None),
        )
    )
    if await connection.scalar(others) == 0:
        raise LastOwner


async def _end_sessions(
    connection: AsyncConnection, user: UUID, at: datetime, *which: ColumnElement[bool]
) -> None:
    await connection.execute(
        update(sessions)
        .where(sessions.c.user_id == user, sessions.c.revoked_at.is_(None), *which)
        .values(SESSIONS.changed({"revoked_at": at}))
    )
