"""What authentication asks: one statement, by the hashes of what was shown."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, or_, select, update

from domain.access import SCOPES_OF_ROLE, Actor, ActorKind, Caller, Role, Scope
from domain.authentication import Credential
from domain.ids import ProjectId
from domain.keys import ApiKey
from persistence.arrays import among_given
from persistence.engine import Database
from persistence.models import API_KEYS
from persistence.people_tables import api_keys, memberships, sessions, users


def _valid(
    revoked_at: ColumnElement[datetime | None],
    expires_at: ColumnElement[datetime] | ColumnElement[datetime | None],
) -> ColumnElement[bool]:
    return revoked_at.is_(None) & or_(expires_at.is_(None), expires_at > bindparam("now"))


_KEYS = select(*API_KEYS.columns).where(_valid(api_keys.c.revoked_at, api_keys.c.expires_at))
_KEYS_SHOWN = _KEYS.where(among_given(api_keys.c.key_hash, "hashes"))
_SESSIONS_SHOWN = (
    select(
        sessions.c.token_hash,
        sessions.c.id,
        sessions.c.project_id,
        sessions.c.expires_at,
        users.c.id,
        users.c.email,
        memberships.c.role,
    )
    .join(users, users.c.id == sessions.c.user_id)
    .join(
        memberships,
        (memberships.c.user_id == sessions.c.user_id)
        & (memberships.c.project_id == sessions.c.project_id),
    )
    .where(
        among_given(sessions.c.token_hash, "hashes"),
        _valid(sessions.c.revoked_at, sessions.c.expires_at),
        users.c.disabled_at.is_(None),
    )
)


class Credentials:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_keys(self, hashes: Collection[bytes], now: datetime) -> Mapping[bytes, Credential]:
        rows = await self._database.rows(_KEYS_SHOWN, {"hashes": list(hashes), "now": now})
        return {key.key_hash: _of_key(key) for key in API_KEYS.read(rows)}

    async def of_sessions(
        self, hashes: Collection[bytes], now: datetime
    ) -> Mapping[bytes, Credential]:
        rows = await self._database.rows(_SESSIONS_SHOWN, {"hashes": list(hashes), "now": now})
        found = {}
        for digest, session, project, expires_at, user, email, role in map(tuple, rows):
            caller = Caller(
                project=ProjectId(project),
                actor=Actor(kind=ActorKind.USER, id=user, name=email),
                scopes=SCOPES_OF_ROLE[Role(role)],
                session=session,
            )
            found[digest] = Credential(caller=caller, expires_at=expires_at)
        return found

    async def note_use(self, key: UUID, at: datetime, *, unless_since: datetime) -> None:
        async with self._database.begin() as connection:
            await connection.execute(
                update(api_keys)
                .where(api_keys.c.id == key)
                .where(
                    or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at <= unless_since)
                )
                .values(API_KEYS.changed({"last_used_at": at}))
            )

    async def allowed_origins(self, now: datetime) -> frozenset[str]:
        keys = API_KEYS.read(await self._database.rows(_KEYS, {"now": now}))
        return frozenset(origin for key in keys for origin in key.allowed_origins)


def _of_key(key: ApiKey) -> Credential:
    caller = Caller(
        project=key.project_id,
        actor=Actor(kind=ActorKind.API_KEY, id=key.id, name=key.name),
        scopes=frozenset(map(Scope, key.scopes)),
        allowed_origins=tuple(key.allowed_origins),
    )
    return Credential(caller=caller, expires_at=key.expires_at, last_used_at=key.last_used_at)
