"""elements: places on a page that an experiment changes, and what each variant puts there"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "021"
down_revision = "020"


def upgrade() -> None:
    op.create_table(
        "ab_elements",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("experiment_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("selector_type", sa.String(32), nullable=False),
        sa.Column("selector_value", sa.Text, nullable=False),
        sa.Column("element_type", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ab_elements"),
        sa.ForeignKeyConstraint(
            ["experiment_id"],
            ["ab_experiments.id"],
            name="fk_ab_elements_experiment_id",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("experiment_id", "name", name="uq_ab_elements_experiment_id_name"),
        sa.CheckConstraint(
            sa.column("selector_type").in_(("css", "xpath", "id", "text")),
            name=op.f("ck_ab_elements_selector_type"),
        ),
    )
    op.create_table(
        "ab_element_variants",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("element_id", sa.Uuid, nullable=False),
        sa.Column("variant_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("content", JSONB, nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ab_element_variants"),
        sa.ForeignKeyConstraint(
            ["element_id"],
            ["ab_elements.id"],
            name="fk_ab_element_variants_element_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["variant_id"],
            ["ab_variants.id"],
            name="fk_ab_element_variants_variant_id",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "element_id", "variant_id", name="uq_ab_element_variants_element_id_variant_id"
        ),
    )
    op.create_index("idx_element_variant_variant", "ab_element_variants", ["variant_id"])


def downgrade() -> None:
    op.drop_table("ab_element_variants")
    op.drop_table("ab_elements")
