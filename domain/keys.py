"""API keys: what trackers and servers show."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.access import Actor, Scope
from domain.audit import Deed
from domain.checks import Checks
from domain.errors import NotFound
from domain.ids import ProjectId, new_id
from domain.tokens import Token, new_key

ANY_ORIGIN = "*"
_MAX_ORIGINS = 50
_PORTS = {"http": 80, "https": 443}
_LABEL = r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
_ORIGIN = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{_LABEL}(\.{_LABEL})*|\[[0-9a-f:.]+\])(:(?P<port>[1-9][0-9]{{0,4}}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    id: UUID
    project_id: ProjectId
    name: str
    prefix: str
    key_hash: bytes
    scopes: list[str]
    allowed_origins: list[str]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    name: str
    scopes: Sequence[Scope]
    allowed_origins: Sequence[str] = ()
    expires_at: datetime | None = None


class KeyStore(Protocol):
    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, ApiKey]: ...

    async def of_project(self, project: ProjectId) -> Sequence[ApiKey]: ...

    async def add(self, key: ApiKey, deed: Deed) -> None: ...

    async def revoke(self, project: ProjectId, key: UUID, deed: Deed) -> ApiKey | None:
        """As it is then; a key that was revoked before stays as it was."""
        ...


class Keys:
    def __init__(self, store: KeyStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def create(
        self, project: ProjectId, actor: Actor, new: NewApiKey
    ) -> tuple[ApiKey, Token]:
        now = self._clock()
        _check(new, now)
        token = new_key()
        key = build_key(project, new, token, now)
        await self._store.add(key, Deed(actor=actor, action="apiKey.create", at=now))
        return key, token

    async def revoke(self, project: ProjectId, actor: Actor, id: UUID) -> ApiKey:
        deed = Deed(actor=actor, action="apiKey.revoke", at=self._clock())
        revoked = await self._store.revoke(project, id, deed)
        if revoked is None:
            raise NotFound("there is no such key", ("id",))
        return revoked


def build_key(project: ProjectId, new: NewApiKey, token: Token, now: datetime) -> ApiKey:
    return ApiKey(
        id=new_id(),
        project_id=project,
        name=new.name,
        prefix=token.prefix,
        key_hash=token.hash,
        scopes=[scope.value for scope in Scope if scope in new.scopes],
        allowed_origins=list(filter(None, map(_origin, new.allowed_origins))),
        created_at=now,
        last_used_at=None,
        expires_at=new.expires_at,
        revoked_at=None,
    )


def _check(new: NewApiKey, now: datetime) -> None:
    checks = Checks()
    checks.name(("name",), new.name)
    if not new.scopes:
        checks.refuse(("scopes",), "must not be empty")
    if len(new.allowed_origins) > _MAX_ORIGINS:
        checks.refuse(("allowed_origins",), f"at most {_MAX_ORIGINS} are allowed")
    for place, origin in enumerate(new.allowed_origins[:_MAX_ORIGINS]):
        if _origin(origin) is None:
            checks.refuse(
                ("allowed_origins", place), "must look like https://shop.example, or be *"
            )
    if new.expires_at is not None and new.expires_at <= now:
        checks.refuse(("expires_at",), "lies in the past")
    checks.done()


def _origin(text: str) -> str | None:
    """As a browser writes it; None for what no browser would ever call an origin."""
    text = text.lower()
    if text == ANY_ORIGIN:
        return text
    found = _ORIGIN.fullmatch(text)
    if found is None:
        return None
    scheme, host, port = found["scheme"], found["host"], int(found["port"] or 0)
    if port not in range(2**16):
        return None
    return f"{scheme}://{host}" if port in (0, _PORTS[scheme]) else f"{scheme}://{host}:{port}"
