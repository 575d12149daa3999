"""keys by user: the keys of what belongs to a user carry the user, so that it can be distributed"""

from alembic import op

revision = "010"
down_revision = "009"

# Nothing forbade one id for two users: all but the first get another.
TELL_ASSIGNMENTS_APART = """
WITH twins AS (
  SELECT id, user_id, gen_random_uuid() AS new_id
    FROM (SELECT id, user_id, row_number() OVER (PARTITION BY id ORDER BY user_id) AS number
            FROM ab_assignments) AS numbered
   WHERE number > 1
), followed AS (
  UPDATE ab_metrics SET assignment_id = twins.new_id FROM twins
   WHERE (twins.id, twins.user_id) = (ab_metrics.assignment_id, ab_metrics.user_id)
)
UPDATE ab_assignments SET id = twins.new_id FROM twins
 WHERE (twins.id, twins.user_id) = (ab_assignments.id, ab_assignments.user_id)
"""
TELL_METRICS_APART = """
UPDATE ab_metrics SET id = gen_random_uuid()
  FROM (SELECT id, user_id, row_number() OVER (PARTITION BY id ORDER BY user_id)
          FROM ab_metrics) AS twins (id, user_id, number)
 WHERE (twins.id, twins.user_id) = (ab_metrics.id, ab_metrics.user_id) AND twins.number > 1
"""


def upgrade() -> None:
    op.drop_constraint("fk_ab_metrics_assignment_id", "ab_metrics")
    _key("ab_assignments", "id", "user_id")
    _key("ab_metrics", "id", "user_id")
    op.create_foreign_key(
        op.f("fk_ab_metrics_assignment_id_user_id"),
        "ab_metrics",
        "ab_assignments",
        ["assignment_id", "user_id"],
        ["id", "user_id"],
        ondelete="CASCADE",
    )


def downgrade() -> None:
    op.drop_constraint("fk_ab_metrics_assignment_id_user_id", "ab_metrics")
    op.execute(TELL_ASSIGNMENTS_APART)
    op.execute(TELL_METRICS_APART)
    _key("ab_assignments", "id")
    _key("ab_metrics", "id")
    op.create_foreign_key(
        op.f("fk_ab_metrics_assignment_id"),
        "ab_metrics",
        "ab_assignments",
        ["assignment_id"],
        ["id"],
        ondelete="CASCADE",
    )


def _key(table: str, *columns: str) -> None:
    op.drop_constraint(f"pk_{table}", table)
    op.create_primary_key(op.f(f"pk_{table}"), table, list(columns))
