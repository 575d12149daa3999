"""bandits: the sealed state of an arm, what a phase expected, and the clocks of comparisons"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "023"
down_revision = "022"


def upgrade() -> None:
    op.add_column("ab_variants", sa.Column("algorithm_state", sa.LargeBinary))
    for table, column in (("ab_phases", "plug_ins"), ("ab_snapshots", "clocks")):
        op.add_column(table, sa.Column(column, JSONB, server_default="{}", nullable=False))


def downgrade() -> None:
    op.drop_column("ab_snapshots", "clocks")
    op.drop_column("ab_phases", "plug_ins")
    op.drop_column("ab_variants", "algorithm_state")
