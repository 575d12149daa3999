"""plans: how many experiments a project may have; those that are there are not limited"""

import sqlalchemy as sa
from alembic import op

revision = "013"
down_revision = "012"


def upgrade() -> None:
    op.add_column(
        "ab_projects",
        sa.Column("plan", sa.String(32), server_default="unlimited", nullable=False),
    )
    op.alter_column("ab_projects", "plan", server_default=None)
    op.create_check_constraint(
        op.f("ck_ab_projects_plan"),
        "ab_projects",
        sa.column("plan").in_(("free", "pro", "unlimited")),
    )


def downgrade() -> None:
    op.drop_column("ab_projects", "plan")
