"""The audit trail: who did what to which thing, when, and what changed; never a secret."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Protocol
from uuid import UUID

from domain.access import Actor, ActorKind
from domain.changes import UNSET
from domain.ids import ProjectId, new_id
from domain.json_values import Json
from domain.paging import Nested, Ordering, Page, Window

NEWEST_FIRST = Ordering("happened_at")
_SECRETS = frozenset({"password_hash", "key_hash", "token_hash"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    id: UUID
    project_id: ProjectId
    happened_at: datetime
    actor_kind: ActorKind
    actor_id: UUID | None
    actor_name: str
    action: str
    subject_id: UUID
    subject_name: str
    experiment_id: UUID | None
    changes: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Nothing to choose by, so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What is about to be done, for the store to write down in the transaction that does it."""

    actor: Actor
    action: str
    at: datetime

    def entry(
        self,
        project: ProjectId,
        subject: UUID,
        name: str,
        changes: Mapping[str, object],
        *,
        experiment: UUID | None = None,
    ) -> AuditEntry:
        return AuditEntry(
            id=new_id(),
            project_id=project,
            happened_at=self.at,
            actor_kind=self.actor.kind,
            actor_id=self.actor.id,
            actor_name=self.actor.name,
            action=self.action,
            subject_id=subject,
            subject_name=name,
            experiment_id=experiment,
            changes=_plain(changes),
        )


class AuditStore(Nested[AuditEntry, AuditFilter], Protocol):
    async def of_project(self, project: ProjectId, window: Window) -> Page[AuditEntry]: ...

    async def count_of_project(self, project: ProjectId) -> int: ...


def _plain(value: Any) -> Any:
    """As JSON has it."""
    match value:
        case Mapping():
            return {str(key): _plain(part) for key, part in value.items() if key not in _SECRETS}
        case Enum():
            return value.name
        case datetime():
            return value.isoformat()
        case str() | int() | float() | bool() | None:
            return value
        case bytes():
            return f"{len(value)} bytes"  # a hash or a token, by whatever name
        case _ if is_dataclass(value):
            values = {field.name: getattr(value, field.name) for field in fields(value)}
            return _plain({name: part for name, part in values.items() if part is not UNSET})
        case Collection():
            return [_plain(part) for part in value]
        case _:
            return str(value)
