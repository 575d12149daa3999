"""versions: an experiment counts its changes"""

import sqlalchemy as sa
from alembic import op

revision = "004"
down_revision = "003"


def upgrade() -> None:
    op.add_column(
        "ab_experiments",
        sa.Column("version", sa.BigInteger, server_default="1", nullable=False),
    )


def downgrade() -> None:
    op.drop_column("ab_experiments", "version")
