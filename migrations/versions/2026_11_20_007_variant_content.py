"""variant content: what a variant shows, its place among the others, whether it gets new users"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "007"
down_revision = "006"

# Variants made together share a created_at: the control comes first, then the alphabet decides.
PLACE_BY_CREATION = """
UPDATE ab_variants SET position = place.number - 1
  FROM (SELECT id, row_number() OVER (PARTITION BY experiment_id
                                      ORDER BY created_at, is_control DESC, variant_name)
          FROM ab_variants) AS place (id, number)
 WHERE place.id = ab_variants.id
"""


def upgrade() -> None:
    op.add_column("ab_variants", sa.Column("content", JSONB, server_default="{}", nullable=False))
    op.add_column(
        "ab_variants", sa.Column("is_active", sa.Boolean, server_default=sa.true(), nullable=False)
    )
    op.add_column(
        "ab_variants", sa.Column("position", sa.BigInteger, server_default="0", nullable=False)
    )
    op.execute(PLACE_BY_CREATION)


def downgrade() -> None:
    op.drop_column("ab_variants", "position")
    op.drop_column("ab_variants", "is_active")
    op.drop_column("ab_variants", "content")
