"""How each field of each entity is stored: a line a field, the column's name where it differs.
`alembic check` holds these tables against the migrations, `validate_models` against the entities.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Named,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ENUM, JSONB

from domain.experiments import AllocationMode, Correction, ExperimentStatus, HashAlgorithm
from domain.ids import ProjectId
from domain.json_values import Json
from domain.metrics import EffectScale, MetricAggregation, MetricDirection, MetricRole
from persistence.columns import TIME, choice, metadata, values
from persistence.people_tables import projects


class _Experiments(TypedColumns):
    id: Named[UUID] = Column(Uuid, primary_key=True)
    project_id: Named[ProjectId] = Column(Uuid, ForeignKey(projects.c.id))
    name: Named[str] = Column("experiment_name", Text)
    description: Named[str | None] = Column(Text)
    hypothesis: Named[str | None] = Column(Text)
    target_bot: Named[str | None] = Column(Text)
    target_url: Named[str | None] = Column(Text)
    metric_type: Named[str] = Column(Text)
    minimum_sample_size: Named[int] = Column(BigInteger)
    alpha: Named[float] = Column(Double)
    power: Named[float] = Column(Double)
    correction: Named[Correction] = Column(choice(Correction, "correction"))
    status: Named[ExperimentStatus] = Column(
        ENUM(ExperimentStatus, name="experiment_status", values_callable=values)
    )
    allocation: Named[AllocationMode] = Column(choice(AllocationMode, "allocation"))
    hash_algorithm: Named[HashAlgorithm] = Column(choice(HashAlgorithm, "hash_algorithm"))
    hash_seed: Named[str] = Column(Text)
    traffic_allocation: Named[float] = Column(Double)
    default_traffic_split: Named[Json] = Column(JSONB)
    metadata: Named[Json] = Column(JSONB)
    winner_variant: Named[str | None] = Column(Text)
    statistical_significance: Named[float | None] = Column(Double)
    phase: Named[int] = Column(BigInteger)
    events_pruned_before: Named[datetime | None] = Column(TIME)
    created_by: Named[UUID | None] = Column(Uuid)
    started_at: Named[datetime | None] = Column(TIME)
    completed_at: Named[datetime | None] = Column(TIME)
    created_at: Named[datetime] = Column(TIME)
    updated_at: Named[datetime] = Column(TIME)
    version: Named[int] = Column(BigInteger)


experiments = Table(
    "ab_experiments",
    metadata,
    _Experiments,
    CheckConstraint("traffic_allocation BETWEEN 0 AND 1", name="traffic_allocation"),
    Index("idx_experiment_name", "project_id", "name", unique=True),
    Index("idx_experiment_status", "status"),
    Index("idx_experiment_target_bot", "target_bot"),
    Index("idx_experiment_created_at", "created_at"),
)


class _Phases(TypedColumns):
    experiment_id: Named[UUID] = Column(Uuid, ForeignKey(experiments.c.id, ondelete="CASCADE"))
    number: Named[int] = Column(BigInteger)
    weights: Named[Json] = Column(JSONB)
    traffic_allocation: Named[float] = Column(Double)
    plug_ins: Named[Json] = Column(JSONB)
    opened_at: Named[datetime] = Column(TIME)


phases = Table("ab_phases", metadata, _Phases, PrimaryKeyConstraint("experiment_id", "number"))


class _Variants(TypedColumns):
    id: Named[UUID] = Column(Uuid, primary_key=True)
    experiment_id: Named[UUID] = Column(Uuid, ForeignKey(experiments.c.id, ondelete="CASCADE"))
    name: Named[str] = Column("variant_name", Text)
    label: Named[str | None] = Column("variant_label", Text)
    description: Named[str | None] = Column(Text)
    response_template: Named[str | None] = Column(Text)
    system_prompt: Named[str | None] = Column(Text)
    config_overrides: Named[Json] = Column(JSONB)
    content: Named[Json] = Column(JSONB)
    traffic_weight: Named[float] = Column(Double)
    is_control: Named[bool]
    is_active: Named[bool]
    position: Named[int] = Column(BigInteger)
    impressions: Named[int] = Column(BigInteger)
    conversions: Named[int] = Column(BigInteger)
    conversion_rate: Named[float] = Column(Double)
    total_value: Named[float] = Column(Double)
    confidence_interval_lower: Named[float | None] = Column(Double)
    confidence_interval_upper: Named[float | None] = Column(Double)
    algorithm_state: Named[bytes | None] = Column(LargeBinary)
    created_at: Named[datetime] = Column(TIME)
    updated_at: Named[datetime] = Column(TIME)


variants = Table(
    "ab_variants",
    metadata,
    _Variants,
    UniqueConstraint("experiment_id", "name"),
    CheckConstraint("traffic_weight BETWEEN 0 AND 1", name="traffic_weight"),
    CheckConstraint("conversion_rate BETWEEN 0 AND 1", name="conversion_rate"),
    Index("idx_variant_experiment", "experiment_id"),
    Index("idx_variant_name", "name"),
)


class _MetricDefinitions(TypedColumns):
    id: Named[UUID] = Column(Uuid, primary_key=True)
    experiment_id: Named[UUID] = Column(Uuid, ForeignKey(experiments.c.id, ondelete="CASCADE"))
    position: Named[int] = Column(BigInteger)
    name: Named[str] = Column(Text)
    event_type: Named[str] = Column(Text)
    aggregation: Named[MetricAggregation] = Column(choice(MetricAggregation, "aggregation"))
    role: Named[MetricRole] = Column(choice(MetricRole, "role"))
    direction: Named[MetricDirection] = Column(choice(MetricDirection, "direction"))
    scale: Named[EffectScale] = Column(choice(EffectScale, "scale"))
    cap_low: Named[float | None] = Column(Double)
    cap_high: Named[float | None] = Column(Double)
    window_hours: Named[float | None] = Column(Double)
    non_inferiority_margin: Named[float | None] = Column(Double)


metric_definitions = Table(
    "ab_metric_definitions",
    metadata,
    _MetricDefinitions,
    UniqueConstraint("experiment_id", "name"),
)


class _Assignments(TypedColumns):
    id: Named[UUID] = Column(Uuid)
    experiment_id: Named[UUID] = Column(Uuid, ForeignKey(experiments.c.id, ondelete="CASCADE"))
    variant_id: Named[UUID] = Column(Uuid, ForeignKey(variants.c.id, ondelete="CASCADE"))
    user_id: Named[str] = Column(Text)
    phase: Named[int] = Column(BigInteger)
    session_id: Named[str | None] = Column(Text)
    assigned_at: Named[datetime] = Column(TIME)
    bucket_value: Named[float] = Column(Double)
    propensity: Named[float] = Column(Double)
    has_converted: Named[bool]
    converted_at: Named[datetime | None] = Column(TIME)
    conversion_value: Named[float | None] = Column(Double)
    context: Named[Json] = Column(JSONB)
    metadata: Named[Json] = Column(JSONB)


assignments = Table(
    "ab_assignments",
    metadata,
    _Assignments,
    PrimaryKeyConstraint("id", "user_id"),
    UniqueConstraint("experiment_id", "user_id"),
    Index("idx_assignment_experiment", "experiment_id", "assigned_at", "id"),
    Index("idx_assignment_variant", "variant_id", "assigned_at", "id"),
)
Index(
    "idx_assignment_converted",
    assignments.c.experiment_id,
    assignments.c.assigned_at,
    assignments.c.id,
    postgresql_where=assignments.c.has_converted,
)


class _Metrics(TypedColumns):
    id: Named[UUID] = Column(Uuid)
    experiment_id: Named[UUID] = Column(Uuid, ForeignKey(experiments.c.id, ondelete="CASCADE"))
    variant_id: Named[UUID] = Column(Uuid, ForeignKey(variants.c.id, ondelete="CASCADE"))
    assignment_id: Named[UUID] = Column(Uuid)
    user_id: Named[str] = Column(Text)
    event_id: Named[str | None] = Column(Text)
    event_type: Named[str] = Column(Text)
    event_value: Named[float] = Column(Double)
    event_data: Named[Json] = Column(JSONB)
    event_timestamp: Named[datetime] = Column(TIME)
    source: Named[str | None] = Column(Text)
    session_context: Named[Json] = Column(JSONB)
    created_at: Named[datetime] = Column(TIME)


metrics = Table(
    "ab_metrics",
    metadata,
    _Metrics,
    PrimaryKeyConstraint("id", "user_id"),
    ForeignKeyConstraint(
        ["assignment_id", "user_id"], [assignments.c.id, assignments.c.user_id], ondelete="CASCADE"
    ),
    Index("idx_metric_experiment", "experiment_id", "event_timestamp", "id"),
    Index("idx_metric_variant", "variant_id", "event_timestamp", "id"),
    Index("idx_metric_assignment", "assignment_id", "event_timestamp", "id"),
    Index("idx_metric_event_type", "experiment_id", "event_type", "event_timestamp", "id"),
    Index("idx_metric_timestamp", "event_timestamp", postgresql_using="brin"),
)
Index(
    "idx_metric_event_id",
    metrics.c.user_id,
    metrics.c.experiment_id,
    metrics.c.event_id,
    unique=True,
    postgresql_where=metrics.c.event_id.is_not(None),
)


class _UserTotals(TypedColumns):
    experiment_id: Named[UUID] = Column(Uuid, ForeignKey(experiments.c.id, ondelete="CASCADE"))
    user_id: Named[str] = Column(Text)
    metric_id: Named[UUID] = Column(Uuid)
    total: Named[Decimal] = Column(Numeric)
    events: Named[int] = Column(BigInteger)


user_totals = Table(
    "ab_user_totals",
    metadata,
    _UserTotals,
    PrimaryKeyConstraint("experiment_id", "user_id", "metric_id"),
)


class _RunningSums(TypedColumns):
    experiment_id: Named[UUID] = Column(Uuid, ForeignKey(experiments.c.id, ondelete="CASCADE"))
    variant_id: Named[UUID] = Column(Uuid)
    metric_id: Named[UUID] = Column(Uuid)
    phase: Named[int] = Column(BigInteger)
    stripe: Named[int] = Column(BigInteger)
    users: Named[int] = Column(BigInteger)
    total: Named[Decimal] = Column(Numeric)
    squares: Named[Decimal] = Column(Numeric)
    events: Named[int] = Column(BigInteger)
    event_squares: Named[int] = Column(BigInteger)
    cross_products: Named[Decimal] = Column(Numeric)
    capped: Named[int] = Column(BigInteger)
    changes: Named[int] = Column(BigInteger)


running_sums = Table(
    "ab_running_sums",
    metadata,
    _RunningSums,
    PrimaryKeyConstraint("experiment_id", "variant_id", "metric_id", "phase", "stripe"),
)


class _Snapshots(TypedColumns):
    experiment_id: Named[UUID] = Column(Uuid, ForeignKey(experiments.c.id, ondelete="CASCADE"))
    number: Named[int] = Column(BigInteger)
    taken_at: Named[datetime] = Column(TIME)
    revision: Named[int] = Column(BigInteger)
    status: Named[ExperimentStatus] = Column(
        ENUM(ExperimentStatus, name="experiment_status", values_callable=values)
    )
    active: Named[list[Any]] = Column(JSONB)
    sums: Named[list[Any]] = Column(JSONB)
    fixed: Named[dict[str, Any] | None] = Column(JSONB)
    standing: Named[dict[str, Any]] = Column(JSONB)
    alarmed: Named[bool]
    clocks: Named[dict[str, Any]] = Column(JSONB)
    is_kept: Named[bool]


snapshots = Table(
    "ab_snapshots",
    metadata,
    _Snapshots,
    PrimaryKeyConstraint("experiment_id", "number"),
    Index("idx_snapshot_taken_at", "experiment_id", "taken_at"),
)
