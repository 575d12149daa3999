"""running sums: results never scan; what is there already is summed once"""

import sqlalchemy as sa
from alembic import op

revision = "019"
down_revision = "018"

USER_TOTALS = """
    INSERT INTO ab_user_totals
    SELECT m.experiment_id, m.user_id, d.id, sum(round(m.event_value::numeric, 12)), count(*)
      FROM ab_metrics AS m
      JOIN ab_metric_definitions AS d
        ON d.experiment_id = m.experiment_id AND d.event_type = m.event_type
      JOIN ab_assignments AS a ON a.id = m.assignment_id AND a.user_id = m.user_id
     WHERE d.window_hours IS NULL
        OR m.event_timestamp <= a.assigned_at + d.window_hours * interval '1 hour'
     GROUP BY 1, 2, 3
"""
OWN_SUMS = """
    INSERT INTO ab_running_sums
    SELECT experiment_id, variant_id, '00000000-0000-0000-0000-000000000000'::uuid, phase, 0,
           count(*), coalesce(sum(x), 0), coalesce(sum(x * x), 0), count(x), count(x),
           coalesce(sum(x), 0), 0, 1
      FROM (SELECT experiment_id, variant_id, phase, CASE WHEN has_converted THEN
                   round(coalesce(conversion_value, 0)::numeric, 12) END AS x
              FROM ab_assignments) AS users
     GROUP BY 1, 2, 4
"""
METRIC_SUMS = """
    INSERT INTO ab_running_sums
    SELECT experiment_id, variant_id, metric_id, phase, 0, count(*), sum(x), sum(x * x),
           sum(events), sum(events * events), sum(x * events), count(*) FILTER (WHERE x <> raw), 1
      FROM (SELECT t.experiment_id, a.variant_id, t.metric_id, a.phase, t.events, raw,
                   CASE d.aggregation WHEN 'binary' THEN 1 ELSE
                       least(greatest(raw, round(d.cap_low::numeric, 12)),
                             round(d.cap_high::numeric, 12)) END AS x
              FROM ab_user_totals AS t
              JOIN ab_metric_definitions AS d ON d.id = t.metric_id
              JOIN ab_assignments AS a
                ON a.experiment_id = t.experiment_id AND a.user_id = t.user_id
             CROSS JOIN LATERAL (SELECT CASE d.aggregation WHEN 'binary' THEN 1
                                 WHEN 'count' THEN t.events ELSE t.total END AS raw) AS uncapped
           ) AS users
     GROUP BY 1, 2, 3, 4
"""


def upgrade() -> None:
    op.create_table(
        "ab_user_totals",
        _experiment(),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("metric_id", sa.Uuid, nullable=False),
        sa.Column("total", sa.Numeric, nullable=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("experiment_id", "user_id", "metric_id", name="pk_ab_user_totals"),
        _belongs_to_experiment("ab_user_totals"),
    )
    op.create_table(
        "ab_running_sums",
        _experiment(),
        sa.Column("variant_id", sa.Uuid, nullable=False),
        sa.Column("metric_id", sa.Uuid, nullable=False),
        sa.Column("phase", sa.BigInteger, nullable=False),
        sa.Column("stripe", sa.BigInteger, nullable=False),
        sa.Column("users", sa.BigInteger, nullable=False),
        sa.Column("total", sa.Numeric, nullable=False),
        sa.Column("squares", sa.Numeric, nullable=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.Column("event_squares", sa.BigInteger, nullable=False),
        sa.Column("cross_products", sa.Numeric, nullable=False),
        sa.Column("capped", sa.BigInteger, nullable=False),
        sa.Column("changes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint(
            *("experiment_id", "variant_id", "metric_id", "phase", "stripe"),
            name="pk_ab_running_sums",
        ),
        _belongs_to_experiment("ab_running_sums"),
    )
    op.execute(USER_TOTALS)
    op.execute(OWN_SUMS)
    op.execute(METRIC_SUMS)


def downgrade() -> None:
    op.drop_table("ab_running_sums")
    op.drop_table("ab_user_totals")


def _experiment() -> sa.Column[object]:
    return sa.Column("experiment_id", sa.Uuid, nullable=False)


def _belongs_to_experiment(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["experiment_id"],
        ["ab_experiments.id"],
        name=f"fk_{table}_experiment_id",
        ondelete="CASCADE",
    )
