"""Who is asking, for which project, and what they may do there."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from domain.ids import ProjectId


class Scope(StrEnum):
    TRACK = "track"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class Role(StrEnum):
    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


SCOPES_OF_ROLE = {
    Role.OWNER: frozenset(Scope),
    Role.EDITOR: frozenset({Scope.TRACK, Scope.READ, Scope.WRITE}),
    Role.VIEWER: frozenset({Scope.READ}),
}
_IMPLIED = {
    Scope.ADMIN: frozenset(Scope),
    Scope.WRITE: frozenset({Scope.WRITE, Scope.READ}),
    Scope.READ: frozenset({Scope.READ}),
    Scope.TRACK: frozenset({Scope.TRACK}),
}


class ActorKind(StrEnum):
    USER = "user"
    API_KEY = "api_key"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Whom the audit trail names; an operator works on the server's command line."""

    kind: ActorKind
    id: UUID | None = None
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    project: ProjectId
    actor: Actor
    scopes: frozenset[Scope]
    session: UUID | None = None
    allowed_origins: tuple[str, ...] = ()

    @property
    def user(self) -> UUID | None:
        return self.actor.id if self.actor.kind is ActorKind.USER else None

    @property
    def api_key(self) -> UUID | None:
        return self.actor.id if self.actor.kind is ActorKind.API_KEY else None

    def may(self, any_of: Iterable[Scope]) -> bool:
        granted = {implied for scope in self.scopes for implied in _IMPLIED[scope]}
        return not granted.isdisjoint(any_of)


class Unauthenticated(Exception):
    def __init__(self) -> None:
        super().__init__("log in, or send an API key, as Authorization: Bearer …")


class Forbidden(Exception):
    """The caller is known, and lacks the scope."""


class Throttled(Exception):
    """The caller has to wait, so many seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooManyAttempts(Throttled):
    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many attempts: try again in {retry_after} s", retry_after)
