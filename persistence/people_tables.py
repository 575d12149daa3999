"""Whose things they are: projects, people, keys, and who did what."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Named,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from domain.access import ActorKind, Role
from domain.ids import ProjectId
from domain.json_values import Json
from domain.projects import Plan
from persistence.columns import TIME, choice, metadata


class _Projects(TypedColumns):
    id: Named[ProjectId] = Column(Uuid, primary_key=True)
    name: Named[str] = Column(Text)
    plan: Named[Plan] = Column(choice(Plan, "plan"))
    created_at: Named[datetime] = Column(TIME)


projects = Table("ab_projects", metadata, _Projects)


class _Users(TypedColumns):
    id: Named[UUID] = Column(Uuid, primary_key=True)
    email: Named[str] = Column(Text)
    name: Named[str] = Column(Text)
    password_hash: Named[str] = Column(Text)
    disabled_at: Named[datetime | None] = Column(TIME)
    created_at: Named[datetime] = Column(TIME)


users = Table("ab_users", metadata, _Users, UniqueConstraint("email"))


class _Memberships(TypedColumns):
    project_id: Named[ProjectId] = Column(Uuid, ForeignKey(projects.c.id, ondelete="CASCADE"))
    user_id: Named[UUID] = Column(Uuid, ForeignKey(users.c.id, ondelete="CASCADE"))
    role: Named[Role] = Column(choice(Role, "role"))
    created_at: Named[datetime] = Column(TIME)


memberships = Table(
    "ab_memberships",
    metadata,
    _Memberships,
    PrimaryKeyConstraint("project_id", "user_id"),
    Index(None, "user_id"),
)


class _Sessions(TypedColumns):
    id: Named[UUID] = Column(Uuid, primary_key=True)
    project_id: Named[ProjectId] = Column(Uuid, ForeignKey(projects.c.id, ondelete="CASCADE"))
    user_id: Named[UUID] = Column(Uuid, ForeignKey(users.c.id, ondelete="CASCADE"))
    token_hash: Named[bytes] = Column(LargeBinary)
    created_at: Named[datetime] = Column(TIME)
    expires_at: Named[datetime] = Column(TIME)
    revoked_at: Named[datetime | None] = Column(TIME)


sessions = Table(
    "ab_sessions", metadata, _Sessions, UniqueConstraint("token_hash"), Index(None, "user_id")
)


class _ApiKeys(TypedColumns):
    id: Named[UUID] = Column(Uuid, primary_key=True)
    project_id: Named[ProjectId] = Column(Uuid, ForeignKey(projects.c.id, ondelete="CASCADE"))
    name: Named[str] = Column(Text)
    prefix: Named[str] = Column(Text)
    key_hash: Named[bytes] = Column(LargeBinary)
    scopes: Named[list[str]] = Column(JSONB)
    allowed_origins: Named[list[str]] = Column(JSONB)
    created_at: Named[datetime] = Column(TIME)
    last_used_at: Named[datetime | None] = Column(TIME)
    expires_at: Named[datetime | None] = Column(TIME)
    revoked_at: Named[datetime | None] = Column(TIME)


api_keys = Table(
    "ab_api_keys", metadata, _ApiKeys, UniqueConstraint("key_hash"), Index(None, "project_id")
)


class _Audit(TypedColumns):
    id: Named[UUID] = Column(Uuid, primary_key=True)
    project_id: Named[ProjectId] = Column(Uuid, ForeignKey(projects.c.id, ondelete="CASCADE"))
    happened_at: Named[datetime] = Column(TIME)
    actor_kind: Named[ActorKind] = Column(choice(ActorKind, "actor_kind"))
    actor_id: Named[UUID | None] = Column(Uuid)
    actor_name: Named[str] = Column(Text)
    action: Named[str] = Column(Text)
    subject_id: Named[UUID] = Column(Uuid)
    subject_name: Named[str] = Column(Text)
    experiment_id: Named[UUID | None] = Column(Uuid)  # outlives the experiment
    changes: Named[Json] = Column(JSONB)


audit = Table(
    "ab_audit",
    metadata,
    _Audit,
    Index(None, "project_id", "happened_at", "id"),
    Index(None, "experiment_id", "happened_at", "id"),
)
