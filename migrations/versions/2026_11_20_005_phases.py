"""phases: what weights and traffic were when, and the phase an experiment is in"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "005"
down_revision = "004"

# A draft is in phase 0. The past weights of what has started are not known: the present ones stand.
ENTER_PHASE_1 = """
UPDATE ab_experiments SET phase = 1
 WHERE started_at IS NOT NULL OR status IN ('active', 'paused', 'completed')
"""
OPEN_PHASE_1 = """
INSERT INTO ab_phases (experiment_id, number, weights, traffic_allocation, opened_at)
SELECT id, phase,
       (SELECT coalesce(jsonb_object_agg(variant_name, traffic_weight), '{}')
          FROM ab_variants WHERE experiment_id = experiment.id),
       traffic_allocation, coalesce(started_at, created_at)
  FROM ab_experiments AS experiment
 WHERE phase = 1
"""


def upgrade() -> None:
    op.add_column(
        "ab_experiments", sa.Column("phase", sa.BigInteger, server_default="0", nullable=False)
    )
    op.create_table(
        "ab_phases",
        sa.Column("experiment_id", sa.Uuid, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("weights", JSONB, nullable=False),
        sa.Column("traffic_allocation", sa.Double, nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("experiment_id", "number", name=op.f("pk_ab_phases")),
        sa.ForeignKeyConstraint(
            ["experiment_id"],
            ["ab_experiments.id"],
            name=op.f("fk_ab_phases_experiment_id"),
            ondelete="CASCADE",
        ),
    )
    op.execute(ENTER_PHASE_1)
    op.execute(OPEN_PHASE_1)


def downgrade() -> None:
    op.drop_table("ab_phases")
    op.drop_column("ab_experiments", "phase")
