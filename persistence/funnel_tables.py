"""How funnels are stored: a graph of steps."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Named,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
    Uuid,
)

from domain.ids import ProjectId
from persistence.columns import TIME, metadata
from persistence.people_tables import projects


class _Funnels(TypedColumns):
    id: Named[UUID] = Column(Uuid, primary_key=True)
    project_id: Named[ProjectId] = Column(Uuid, ForeignKey(projects.c.id, ondelete="CASCADE"))
    name: Named[str] = Column(Text)
    description: Named[str | None] = Column(Text)
    created_at: Named[datetime] = Column(TIME)
    updated_at: Named[datetime] = Column(TIME)
    version: Named[int] = Column(BigInteger)


funnels = Table(
    "ab_funnels",
    metadata,
    _Funnels,
    UniqueConstraint("project_id", "name"),
    Index(None, "project_id", "created_at", "id"),
)


class _FunnelSteps(TypedColumns):
    id: Named[UUID] = Column(Uuid, primary_key=True)
    funnel_id: Named[UUID] = Column(Uuid, ForeignKey(funnels.c.id, ondelete="CASCADE"))
    name: Named[str] = Column(Text)
    event_type: Named[str] = Column(Text)
    position: Named[int] = Column(BigInteger)


funnel_steps = Table(
    "ab_funnel_nodes", metadata, _FunnelSteps, UniqueConstraint("funnel_id", "name")
)


class _FunnelLinks(TypedColumns):
    funnel_id: Named[UUID] = Column(Uuid, ForeignKey(funnels.c.id, ondelete="CASCADE"))
    source_id: Named[UUID] = Column(Uuid, ForeignKey(funnel_steps.c.id, ondelete="CASCADE"))
    target_id: Named[UUID] = Column(Uuid, ForeignKey(funnel_steps.c.id, ondelete="CASCADE"))


funnel_links = Table(
    "ab_funnel_edges",
    metadata,
    _FunnelLinks,
    PrimaryKeyConstraint("target_id", "source_id"),
    Index(None, "source_id"),
    Index(None, "funnel_id"),
)
