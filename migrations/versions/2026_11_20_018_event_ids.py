"""event ids: what is sent again counts once; and how far events have been pruned"""

import sqlalchemy as sa
from alembic import op

revision = "018"
down_revision = "017"


def upgrade() -> None:
    op.add_column("ab_metrics", sa.Column("event_id", sa.Text))
    op.create_index(
        "idx_metric_event_id",
        "ab_metrics",
        ["user_id", "experiment_id", "event_id"],
        unique=True,
        postgresql_where=sa.column("event_id").is_not(None),
    )
    op.add_column("ab_experiments", sa.Column("events_pruned_before", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("ab_experiments", "events_pruned_before")
    op.drop_index("idx_metric_event_id", "ab_metrics")
    op.drop_column("ab_metrics", "event_id")
