"""page indexes: the pages of an experiment, a variant and an assignment are read in order"""

import sqlalchemy as sa
from alembic import op

revision = "011"
down_revision = "010"


def upgrade() -> None:
    for name in ("idx_assignment_experiment", "idx_assignment_user", "idx_assignment_converted"):
        op.drop_index(name, "ab_assignments")
    _index("assignment", "experiment", "experiment_id", "assigned_at", "id")
    _index("assignment", "variant", "variant_id", "assigned_at", "id")
    op.create_index(
        "idx_assignment_converted",
        "ab_assignments",
        ["experiment_id", "assigned_at", "id"],
        postgresql_where=sa.column("has_converted"),
    )
    for name in ("experiment", "variant", "event_type", "timestamp"):
        op.drop_index(f"idx_metric_{name}", "ab_metrics")
    _index("metric", "experiment", "experiment_id", "event_timestamp", "id")
    _index("metric", "variant", "variant_id", "event_timestamp", "id")
    _index("metric", "assignment", "assignment_id", "event_timestamp", "id")
    _index("metric", "event_type", "experiment_id", "event_type", "event_timestamp", "id")
    op.create_index(
        "idx_metric_timestamp", "ab_metrics", ["event_timestamp"], postgresql_using="brin"
    )


def downgrade() -> None:
    for name in ("experiment", "variant", "assignment", "event_type", "timestamp"):
        op.drop_index(f"idx_metric_{name}", "ab_metrics")
    _index("metric", "experiment", "experiment_id")
    _index("metric", "variant", "variant_id")
    _index("metric", "event_type", "event_type")
    _index("metric", "timestamp", "event_timestamp")
    for name in ("experiment", "variant", "converted"):
        op.drop_index(f"idx_assignment_{name}", "ab_assignments")
    _index("assignment", "experiment", "experiment_id")
    _index("assignment", "user", "user_id")
    _index("assignment", "converted", "has_converted")


def _index(noun: str, name: str, *columns: str) -> None:
    op.create_index(f"idx_{noun}_{name}", f"ab_{noun}s", list(columns))
