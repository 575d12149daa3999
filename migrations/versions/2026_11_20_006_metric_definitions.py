"""metric definitions: what an experiment measures, in order"""

import sqlalchemy as sa
from alembic import op

revision = "006"
down_revision = "005"

CHOICES = {
    "aggregation": ("binary", "sum", "count", "mean"),
    "role": ("primary", "secondary", "guardrail"),
    "direction": ("increase", "decrease"),
    "scale": ("relative", "absolute"),
}


def upgrade() -> None:
    op.create_table(
        "ab_metric_definitions",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("experiment_id", sa.Uuid, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        *(sa.Column(name, sa.String(32), nullable=False) for name in CHOICES),
        sa.Column("cap_low", sa.Double),
        sa.Column("cap_high", sa.Double),
        sa.Column("window_hours", sa.Double),
        sa.Column("non_inferiority_margin", sa.Double),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ab_metric_definitions")),
        sa.ForeignKeyConstraint(
            ["experiment_id"],
            ["ab_experiments.id"],
            name=op.f("fk_ab_metric_definitions_experiment_id"),
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "experiment_id", "name", name=op.f("uq_ab_metric_definitions_experiment_id_name")
        ),
        *(
            sa.CheckConstraint(
                sa.column(name).in_(values), name=op.f(f"ck_ab_metric_definitions_{name}")
            )
            for name, values in CHOICES.items()
        ),
    )


def downgrade() -> None:
    op.drop_table("ab_metric_definitions")
