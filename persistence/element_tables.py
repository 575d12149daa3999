"""Elements, and what variants put into them; as in tables.py, a line a field."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Named,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from domain.elements import SelectorType
from domain.json_values import Json
from persistence.columns import TIME, choice, metadata
from persistence.tables import experiments, variants


class _Elements(TypedColumns):
    id: Named[UUID] = Column(Uuid, primary_key=True)
    experiment_id: Named[UUID] = Column(Uuid, ForeignKey(experiments.c.id, ondelete="CASCADE"))
    name: Named[str] = Column(Text)
    selector_type: Named[SelectorType] = Column(choice(SelectorType, "selector_type"))
    selector_value: Named[str] = Column(Text)
    element_type: Named[str] = Column(Text)
    position: Named[int] = Column(BigInteger)
    created_at: Named[datetime] = Column(TIME)
    updated_at: Named[datetime] = Column(TIME)


elements = Table("ab_elements", metadata, _Elements, UniqueConstraint("experiment_id", "name"))


class _ElementVariants(TypedColumns):
    id: Named[UUID] = Column(Uuid, primary_key=True)
    element_id: Named[UUID] = Column(Uuid, ForeignKey(elements.c.id, ondelete="CASCADE"))
    variant_id: Named[UUID] = Column(Uuid, ForeignKey(variants.c.id, ondelete="CASCADE"))
    name: Named[str] = Column(Text)
    content: Named[Json] = Column(JSONB)
    is_active: Named[bool]
    position: Named[int] = Column(BigInteger)


element_variants = Table(
    "ab_element_variants",
    metadata,
    _ElementVariants,
    UniqueConstraint("element_id", "variant_id"),
    Index("idx_element_variant_variant", "variant_id"),
)
