"""assignment context: under which circumstances and with which chance, and what came of it"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "008"
down_revision = "007"


def upgrade() -> None:
    op.add_column(
        "ab_assignments", sa.Column("context", JSONB, server_default="{}", nullable=False)
    )
    op.add_column("ab_assignments", sa.Column("conversion_value", sa.Double))
    op.add_column("ab_assignments", sa.Column("propensity", sa.Double))
    op.execute("""
        UPDATE ab_assignments SET propensity = ab_variants.traffic_weight
          FROM ab_variants WHERE ab_variants.id = ab_assignments.variant_id
    """)
    op.alter_column("ab_assignments", "propensity", nullable=False)


def downgrade() -> None:
    op.drop_column("ab_assignments", "propensity")
    op.drop_column("ab_assignments", "conversion_value")
    op.drop_column("ab_assignments", "context")
