"""ids of the application: it makes them, growing with time, before a row is written"""

import sqlalchemy as sa
from alembic import op

revision = "012"
down_revision = "011"

TABLES = ("ab_experiments", "ab_variants", "ab_assignments", "ab_metrics")


def upgrade() -> None:
    for table in TABLES:
        op.alter_column(table, "id", server_default=None)


def downgrade() -> None:
    for table in TABLES:
        op.alter_column(table, "id", server_default=sa.func.gen_random_uuid())
