"""projects: every experiment belongs to a project, where its name is unique"""

import sqlalchemy as sa
from alembic import op

revision = "002"
down_revision = "001"

# Those that share a name: the eldest keeps it, the others are numbered, until all names differ.
TELL_NAMESAKES_APART = """
DO $$ BEGIN
  LOOP
    UPDATE ab_experiments
       SET experiment_name = format('%s (%s)', experiment_name, namesakes.number)
      FROM (SELECT id, row_number() OVER (PARTITION BY experiment_name ORDER BY created_at, id)
              FROM ab_experiments) AS namesakes (id, number)
     WHERE namesakes.id = ab_experiments.id AND namesakes.number > 1;
    EXIT WHEN NOT FOUND;
  END LOOP;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "ab_projects",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ab_projects")),
    )
    op.add_column("ab_experiments", sa.Column("project_id", sa.Uuid))
    op.execute("""
        INSERT INTO ab_projects (id, name)
        SELECT gen_random_uuid(), 'Default' WHERE EXISTS (SELECT FROM ab_experiments)
    """)
    op.execute("UPDATE ab_experiments SET project_id = ab_projects.id FROM ab_projects")
    op.alter_column("ab_experiments", "project_id", nullable=False)
    op.create_foreign_key(
        op.f("fk_ab_experiments_project_id"),
        "ab_experiments",
        "ab_projects",
        ["project_id"],
        ["id"],
    )
    op.drop_constraint("idx_experiment_name", "ab_experiments")
    op.create_index(
        "idx_experiment_name", "ab_experiments", ["project_id", "experiment_name"], unique=True
    )


def downgrade() -> None:
    op.drop_index("idx_experiment_name", "ab_experiments")
    op.execute(TELL_NAMESAKES_APART)
    op.create_unique_constraint("idx_experiment_name", "ab_experiments", ["experiment_name"])
    op.drop_column("ab_experiments", "project_id")
    op.drop_table("ab_projects")
