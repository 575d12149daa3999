"""metric users: an event names its user"""

import sqlalchemy as sa
from alembic import op

revision = "009"
down_revision = "008"


def upgrade() -> None:
    op.add_column("ab_metrics", sa.Column("user_id", sa.Text))
    op.execute("""
        UPDATE ab_metrics SET user_id = ab_assignments.user_id
          FROM ab_assignments WHERE ab_assignments.id = ab_metrics.assignment_id
    """)
    op.alter_column("ab_metrics", "user_id", nullable=False)


def downgrade() -> None:
    op.drop_column("ab_metrics", "user_id")
