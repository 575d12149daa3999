"""people: users, what they may do in which project, and their sessions"""

import sqlalchemy as sa
from alembic import op

revision = "014"
down_revision = "013"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "ab_users",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("disabled_at", TIME),
        sa.Column("created_at", TIME, server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ab_users")),
        sa.UniqueConstraint("email", name=op.f("uq_ab_users_email")),
    )
    op.create_table(
        "ab_memberships",
        *_owners("ab_memberships"),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "user_id", name=op.f("pk_ab_memberships")),
        sa.CheckConstraint(
            sa.column("role").in_(("owner", "editor", "viewer")),
            name=op.f("ck_ab_memberships_role"),
        ),
    )
    op.create_index(op.f("ix_ab_memberships_user_id"), "ab_memberships", ["user_id"])
    op.create_table(
        "ab_sessions",
        sa.Column("id", sa.Uuid, nullable=False),
        *_owners("ab_sessions"),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("created_at", TIME, server_default=sa.func.now(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("revoked_at", TIME),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ab_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_ab_sessions_token_hash")),
    )
    op.create_index(op.f("ix_ab_sessions_user_id"), "ab_sessions", ["user_id"])


def downgrade() -> None:
    op.drop_table("ab_sessions")
    op.drop_table("ab_memberships")
    op.drop_table("ab_users")


def _owners(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("project_id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["ab_projects.id"],
            name=op.f(f"fk_{table}_project_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["ab_users.id"], name=op.f(f"fk_{table}_user_id"), ondelete="CASCADE"
        ),
    )
