"""phases of users: a user belongs for good to the phase of the assignment"""

import sqlalchemy as sa
from alembic import op

revision = "017"
down_revision = "016"


def upgrade() -> None:
    op.add_column("ab_assignments", sa.Column("phase", sa.BigInteger))
    op.execute("""
        UPDATE ab_assignments
           SET phase = coalesce((SELECT max(number) FROM ab_phases
                                  WHERE ab_phases.experiment_id = ab_assignments.experiment_id
                                    AND opened_at <= assigned_at), 1)
    """)
    op.alter_column("ab_assignments", "phase", nullable=False)


def downgrade() -> None:
    op.drop_column("ab_assignments", "phase")
