"""api keys: what trackers and servers show, kept as hashes"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "015"
down_revision = "014"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "ab_api_keys",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("project_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("key_hash", sa.LargeBinary, nullable=False),
        sa.Column("scopes", JSONB, server_default="[]", nullable=False),
        sa.Column("allowed_origins", JSONB, server_default="[]", nullable=False),
        sa.Column("created_at", TIME, server_default=sa.func.now(), nullable=False),
        sa.Column("last_used_at", TIME),
        sa.Column("expires_at", TIME),
        sa.Column("revoked_at", TIME),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ab_api_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_ab_api_keys_key_hash")),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["ab_projects.id"],
            name=op.f("fk_ab_api_keys_project_id"),
            ondelete="CASCADE",
        ),
    )
    op.create_index(op.f("ix_ab_api_keys_project_id"), "ab_api_keys", ["project_id"])


def downgrade() -> None:
    op.drop_table("ab_api_keys")
