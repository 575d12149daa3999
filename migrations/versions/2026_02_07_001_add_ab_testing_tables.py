"""A/B testing tables: experiments, variants, assignments and metrics"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ENUM, JSONB

revision = "001"
down_revision = None

TIME = sa.DateTime(timezone=True)
STATUS = ENUM(
    "draft",
    "active",
    "paused",
    "completed",
    "archived",
    name="experiment_status",
    create_type=False,
)
NOW = sa.func.now()


def upgrade() -> None:
    STATUS.create(op.get_bind(), checkfirst=False)
    _create_experiments()
    _create_variants()
    _create_assignments()
    _create_metrics()


def _id() -> sa.Column[object]:
    return sa.Column("id", sa.Uuid, server_default=sa.func.gen_random_uuid(), nullable=False)


def _parent(table: str, column: str, parent: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}")
    return sa.ForeignKeyConstraint([column], [f"{parent}.id"], name=name, ondelete="CASCADE")


def _create_experiments() -> None:
    op.create_table(
        "ab_experiments",
        _id(),
        sa.Column("experiment_name", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("hypothesis", sa.Text),
        sa.Column("target_bot", sa.Text),
        sa.Column("metric_type", sa.Text, server_default="conversion", nullable=False),
        sa.Column("minimum_sample_size", sa.BigInteger, server_default="1000", nullable=False),
        sa.Column("status", STATUS, server_default="draft", nullable=False),
        sa.Column("started_at", TIME),
        sa.Column("completed_at", TIME),
        sa.Column("default_traffic_split", JSONB, server_default="{}", nullable=False),
        sa.Column("winner_variant", sa.Text),
        sa.Column("statistical_significance", sa.Double),
        sa.Column("created_at", TIME, server_default=NOW, nullable=False),
        sa.Column("updated_at", TIME, server_default=NOW, nullable=False),
        sa.Column("created_by", sa.Uuid),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ab_experiments")),
        # One index is both the unique key and the index that finds a name.
        sa.UniqueConstraint("experiment_name", name=op.f("idx_experiment_name")),
    )
    op.create_index("idx_experiment_status", "ab_experiments", ["status"])
    op.create_index("idx_experiment_target_bot", "ab_experiments", ["target_bot"])
    op.create_index("idx_experiment_created_at", "ab_experiments", ["created_at"])


def _create_variants() -> None:
    op.create_table(
        "ab_variants",
        _id(),
        sa.Column("experiment_id", sa.Uuid, nullable=False),
        sa.Column("variant_name", sa.Text, nullable=False),
        sa.Column("variant_label", sa.Text),
        sa.Column("description", sa.Text),
        sa.Column("response_template", sa.Text),
        sa.Column("system_prompt", sa.Text),
        sa.Column("config_overrides", JSONB, server_default="{}", nullable=False),
        sa.Column("traffic_weight", sa.Double, server_default="0", nullable=False),
        sa.Column("impressions", sa.BigInteger, server_default="0", nullable=False),
        sa.Column("conversions", sa.BigInteger, server_default="0", nullable=False),
        sa.Column("conversion_rate", sa.Double, server_default="0", nullable=False),
        sa.Column("total_value", sa.Double, server_default="0", nullable=False),
        sa.Column("confidence_interval_lower", sa.Double),
        sa.Column("confidence_interval_upper", sa.Double),
        sa.Column("is_control", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.Column("created_at", TIME, server_default=NOW, nullable=False),
        sa.Column("updated_at", TIME, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ab_variants")),
        _parent("ab_variants", "experiment_id", "ab_experiments"),
        sa.UniqueConstraint(
            "experiment_id",
            "variant_name",
            name=op.f("uq_ab_variants_experiment_id_variant_name"),
        ),
        sa.CheckConstraint(
            "traffic_weight BETWEEN 0 AND 1", name=op.f("ck_ab_variants_traffic_weight")
        ),
        sa.CheckConstraint(
            "conversion_rate BETWEEN 0 AND 1", name=op.f("ck_ab_variants_conversion_rate")
        ),
    )
    op.create_index("idx_variant_experiment", "ab_variants", ["experiment_id"])
    op.create_index("idx_variant_name", "ab_variants", ["variant_name"])


def _create_assignments() -> None:
    op.create_table(
        "ab_assignments",
        _id(),
        sa.Column("experiment_id", sa.Uuid, nullable=False),
        sa.Column("variant_id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text),
        sa.Column("assigned_at", TIME, server_default=NOW, nullable=False),
        sa.Column("bucket_value", sa.Double, server_default="0", nullable=False),
        sa.Column("has_converted", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.Column("converted_at", TIME),
        sa.Column("metadata", JSONB, server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ab_assignments")),
        _parent("ab_assignments", "experiment_id", "ab_experiments"),
        _parent("ab_assignments", "variant_id", "ab_variants"),
        sa.UniqueConstraint(
            "experiment_id", "user_id", name=op.f("uq_ab_assignments_experiment_id_user_id")
        ),
    )
    op.create_index("idx_assignment_experiment", "ab_assignments", ["experiment_id"])
    op.create_index("idx_assignment_user", "ab_assignments", ["user_id"])
    op.create_index("idx_assignment_converted", "ab_assignments", ["has_converted"])


def _create_metrics() -> None:
    op.create_table(
        "ab_metrics",
        _id(),
        sa.Column("experiment_id", sa.Uuid, nullable=False),
        sa.Column("variant_id", sa.Uuid, nullable=False),
        sa.Column("assignment_id", sa.Uuid, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("event_value", sa.Double, server_default="1", nullable=False),
        sa.Column("event_data", JSONB, server_default="{}", nullable=False),
        sa.Column("event_timestamp", TIME, server_default=NOW, nullable=False),
        sa.Column("source", sa.Text),
        sa.Column("session_context", JSONB, server_default="{}", nullable=False),
        sa.Column("created_at", TIME, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ab_metrics")),
        _parent("ab_metrics", "experiment_id", "ab_experiments"),
        _parent("ab_metrics", "variant_id", "ab_variants"),
        _parent("ab_metrics", "assignment_id", "ab_assignments"),
    )
    op.create_index("idx_metric_experiment", "ab_metrics", ["experiment_id"])
    op.create_index("idx_metric_variant", "ab_metrics", ["variant_id"])
    op.create_index("idx_metric_event_type", "ab_metrics", ["event_type"])
    op.create_index("idx_metric_timestamp", "ab_metrics", ["event_timestamp"])


def downgrade() -> None:
    op.drop_table("ab_metrics")
    op.drop_table("ab_assignments")
    op.drop_table("ab_variants")
    op.drop_table("ab_experiments")
    STATUS.drop(op.get_bind(), checkfirst=False)
