"""audit: who did what to which thing, when, and what changed"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "016"
down_revision = "015"


def upgrade() -> None:
    op.create_table(
        "ab_audit",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("project_id", sa.Uuid, nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.String(32), nullable=False),
        sa.Column("actor_id", sa.Uuid),
        sa.Column("actor_name", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject_id", sa.Uuid, nullable=False),
        sa.Column("subject_name", sa.Text, nullable=False),
        sa.Column("experiment_id", sa.Uuid),
        sa.Column("changes", JSONB, server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ab_audit")),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["ab_projects.id"],
            name=op.f("fk_ab_audit_project_id"),
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            sa.column("actor_kind").in_(("user", "api_key", "operator")),
            name=op.f("ck_ab_audit_actor_kind"),
        ),
    )
    for owner in ("project_id", "experiment_id"):
        op.create_index(
            op.f(f"ix_ab_audit_{owner}_happened_at_id"), "ab_audit", [owner, "happened_at", "id"]
        )


def downgrade() -> None:
    op.drop_table("ab_audit")
