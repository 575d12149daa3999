"""snapshots: what results rested on at some moments, and what had been found for good"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ENUM, JSONB

revision = "020"
down_revision = "019"


def upgrade() -> None:
    op.create_table(
        "ab_snapshots",
        sa.Column("experiment_id", sa.Uuid, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("status", ENUM(name="experiment_status", create_type=False), nullable=False),
        sa.Column("active", JSONB, nullable=False),
        sa.Column("sums", JSONB, nullable=False),
        sa.Column("fixed", JSONB),
        sa.Column("standing", JSONB, nullable=False),
        sa.Column("alarmed", sa.Boolean, nullable=False),
        sa.Column("is_kept", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("experiment_id", "number", name="pk_ab_snapshots"),
        sa.ForeignKeyConstraint(
            ["experiment_id"],
            ["ab_experiments.id"],
            name="fk_ab_snapshots_experiment_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("idx_snapshot_taken_at", "ab_snapshots", ["experiment_id", "taken_at"])


def downgrade() -> None:
    op.drop_table("ab_snapshots")
