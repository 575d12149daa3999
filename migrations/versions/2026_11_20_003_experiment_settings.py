"""experiment settings: how an experiment decides, whom it lets in, how its users are hashed"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "003"
down_revision = "002"

CHOICES = {
    "correction": ("holm", "benjamini_hochberg", "bonferroni", "none"),
    "allocation": ("fixed", "thompson"),
    "hash_algorithm": (
        "growthbook_v2",
        "growthbook_v1",
        "posthog",
        "planout",
        "optimizely",
        "unleash",
        "eppo",
        "statsig",
    ),
}


def upgrade() -> None:
    for column in _columns():
        op.add_column("ab_experiments", column)
    op.execute("UPDATE ab_experiments SET hash_seed = experiment_name")
    op.alter_column("ab_experiments", "hash_seed", nullable=False)
    for name, values in CHOICES.items():
        op.create_check_constraint(
            op.f(f"ck_ab_experiments_{name}"), "ab_experiments", sa.column(name).in_(values)
        )
    op.create_check_constraint(
        op.f("ck_ab_experiments_traffic_allocation"),
        "ab_experiments",
        "traffic_allocation BETWEEN 0 AND 1",
    )


def downgrade() -> None:
    for column in _columns():
        op.drop_column("ab_experiments", column.name)


def _columns() -> Sequence[sa.Column[Any]]:
    return (
        sa.Column("target_url", sa.Text),
        sa.Column("alpha", sa.Double, server_default="0.05", nullable=False),
        sa.Column("power", sa.Double, server_default="0.8", nullable=False),
        *(
            sa.Column(name, sa.String(32), server_default=values[0], nullable=False)
            for name, values in CHOICES.items()
        ),
        sa.Column("hash_seed", sa.Text),
        sa.Column("traffic_allocation", sa.Double, server_default="1", nullable=False),
        sa.Column("metadata", JSONB, server_default="{}", nullable=False),
    )
