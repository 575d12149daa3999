"""funnels: steps that users take one after the other, and the links between them"""

import sqlalchemy as sa
from alembic import op

revision = "022"
down_revision = "021"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "ab_funnels",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("project_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("created_at", TIME, server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", TIME, server_default=sa.func.now(), nullable=False),
        sa.Column("version", sa.BigInteger, server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ab_funnels")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_ab_funnels_project_id_name")),
        _belongs("ab_funnels", "project_id", "ab_projects"),
    )
    _index("ab_funnels", "project_id", "created_at", "id")
    op.create_table(
        "ab_funnel_nodes",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("funnel_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ab_funnel_nodes")),
        sa.UniqueConstraint("funnel_id", "name", name=op.f("uq_ab_funnel_nodes_funnel_id_name")),
        _belongs("ab_funnel_nodes", "funnel_id", "ab_funnels"),
    )
    op.create_table(
        "ab_funnel_edges",
        sa.Column("funnel_id", sa.Uuid, nullable=False),
        sa.Column("source_id", sa.Uuid, nullable=False),
        sa.Column("target_id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("target_id", "source_id", name=op.f("pk_ab_funnel_edges")),
        _belongs("ab_funnel_edges", "funnel_id", "ab_funnels"),
        _belongs("ab_funnel_edges", "source_id", "ab_funnel_nodes"),
        _belongs("ab_funnel_edges", "target_id", "ab_funnel_nodes"),
    )
    _index("ab_funnel_edges", "source_id")
    _index("ab_funnel_edges", "funnel_id")


def downgrade() -> None:
    for table in ("ab_funnel_edges", "ab_funnel_nodes", "ab_funnels"):
        op.drop_table(table)


def _belongs(table: str, column: str, owner: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{owner}.id"], name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE"
    )


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, [*columns])
