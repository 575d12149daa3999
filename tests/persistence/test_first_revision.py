"""001 to the letter: what design.md lists, by the catalogue of a database migrated to it."""

import asyncpg
import pytest

from persistence import revisions
from tests.persistence.catalogue import Catalogue, catalogue

COLUMNS = {
    "ab_experiments": """
        id uuid NOT NULL DEFAULT gen_random_uuid()
        experiment_name text NOT NULL
        description text
        hypothesis text
        target_bot text
        metric_type text NOT NULL DEFAULT 'conversion'::text
        minimum_sample_size bigint NOT NULL DEFAULT '1000'::bigint
        status experiment_status NOT NULL DEFAULT 'draft'::experiment_status
        started_at timestamp with time zone
        completed_at timestamp with time zone
        default_traffic_split jsonb NOT NULL DEFAULT '{}'::jsonb
        winner_variant text
        statistical_significance double precision
        created_at timestamp with time zone NOT NULL DEFAULT now()
        updated_at timestamp with time zone NOT NULL DEFAULT now()
        created_by uuid
    """,
    "ab_variants": """
        id uuid NOT NULL DEFAULT gen_random_uuid()
        experiment_id uuid NOT NULL
        variant_name text NOT NULL
        variant_label text
        description text
        response_template text
        system_prompt text
        config_overrides jsonb NOT NULL DEFAULT '{}'::jsonb
        traffic_weight double precision NOT NULL DEFAULT '0'::double precision
        impressions bigint NOT NULL DEFAULT '0'::bigint
        conversions bigint NOT NULL DEFAULT '0'::bigint
        conversion_rate double precision NOT NULL DEFAULT '0'::double precision
        total_value double precision NOT NULL DEFAULT '0'::double precision
        confidence_interval_lower double precision
        confidence_interval_upper double precision
        is_control boolean NOT NULL DEFAULT false
        created_at timestamp with time zone NOT NULL DEFAULT now()
        updated_at timestamp with time zone NOT NULL DEFAULT now()
    """,
    "ab_assignments": """
        id uuid NOT NULL DEFAULT gen_random_uuid()
        experiment_id uuid NOT NULL
        variant_id uuid NOT NULL
        user_id text NOT NULL
        session_id text
        assigned_at timestamp with time zone NOT NULL DEFAULT now()
        bucket_value double precision NOT NULL DEFAULT '0'::double precision
        has_converted boolean NOT NULL DEFAULT false
        converted_at timestamp with time zone
        metadata jsonb NOT NULL DEFAULT '{}'::jsonb
    """,
    "ab_metrics": """
        id uuid NOT NULL DEFAULT gen_random_uuid()
        experiment_id uuid NOT NULL
        variant_id uuid NOT NULL
        assignment_id uuid NOT NULL
        event_type text NOT NULL
        event_value double precision NOT NULL DEFAULT '1'::double precision
        event_data jsonb NOT NULL DEFAULT '{}'::jsonb
        event_timestamp timestamp with time zone NOT NULL DEFAULT now()
        source text
        session_context jsonb NOT NULL DEFAULT '{}'::jsonb
        created_at timestamp with time zone NOT NULL DEFAULT now()
    """,
}
BETWEEN_0_AND_1 = "CHECK ((({0} >= (0)::double precision) AND ({0} <= (1)::double precision)))"
CONSTRAINTS = {
    "pk_ab_experiments": "ab_experiments PRIMARY KEY (id)",
    "idx_experiment_name": "ab_experiments UNIQUE (experiment_name)",
    "pk_ab_variants": "ab_variants PRIMARY KEY (id)",
    "uq_ab_variants_experiment_id_variant_name": "ab_variants UNIQUE (experiment_id, variant_name)",
    "ck_ab_variants_traffic_weight": f"ab_variants {BETWEEN_0_AND_1.format('traffic_weight')}",
    "ck_ab_variants_conversion_rate": f"ab_variants {BETWEEN_0_AND_1.format('conversion_rate')}",
    "pk_ab_assignments": "ab_assignments PRIMARY KEY (id)",
    "uq_ab_assignments_experiment_id_user_id": "ab_assignments UNIQUE (experiment_id, user_id)",
    "pk_ab_metrics": "ab_metrics PRIMARY KEY (id)",
}
PARENTS = {
    "experiment_id": ("ab_experiments", ("ab_variants", "ab_assignments", "ab_metrics")),
    "variant_id": ("ab_variants", ("ab_assignments", "ab_metrics")),
    "assignment_id": ("ab_assignments", ("ab_metrics",)),
}
FOREIGN_KEYS = {
    f"fk_{child}_{column}": (
        f"{child} FOREIGN KEY ({column}) REFERENCES {parent}(id) ON DELETE CASCADE"
    )
    for column, (parent, children) in PARENTS.items()
    for child in children
}
INDEXES = {
    "idx_experiment_name": "UNIQUE ab_experiments (experiment_name)",
    "idx_experiment_status": "ab_experiments (status)",
    "idx_experiment_target_bot": "ab_experiments (target_bot)",
    "idx_experiment_created_at": "ab_experiments (created_at)",
    "idx_variant_experiment": "ab_variants (experiment_id)",
    "idx_variant_name": "ab_variants (variant_name)",
    "idx_assignment_experiment": "ab_assignments (experiment_id)",
    "idx_assignment_user": "ab_assignments (user_id)",
    "idx_assignment_converted": "ab_assignments (has_converted)",
    "idx_metric_experiment": "ab_metrics (experiment_id)",
    "idx_metric_variant": "ab_metrics (variant_id)",
    "idx_metric_event_type": "ab_metrics (event_type)",
    "idx_metric_timestamp": "ab_metrics (event_timestamp)",
}


@pytest.fixture
async def first(empty_database_url: str) -> Catalogue:
    await revisions.upgrade(empty_database_url, "001")
    connection = await asyncpg.connect(empty_database_url)
    try:
        return await catalogue(connection)
    finally:
        await connection.close()


async def test_001_makes_these_columns_and_no_others(first: Catalogue) -> None:
    defaults = {column: f" DEFAULT {value}" for column, value in first["defaults"].items()}

    made = {
        f"{column} {type_}{defaults.get(column, '')}" for column, type_ in first["columns"].items()
    }

    assert made == {
        f"{table}.{line.strip()}"
        for table, lines in COLUMNS.items()
        for line in lines.strip().splitlines()
    }


async def test_001_makes_these_keys_and_checks_and_no_others(first: Catalogue) -> None:
    assert first["constraints"] == CONSTRAINTS | FOREIGN_KEYS


async def test_001_makes_these_indexes_and_no_others(first: Catalogue) -> None:
    made = {
        name: definition.replace("CREATE ", "")
        .replace(f"INDEX {name} ON public.", "")
        .replace(" USING btree", "")
        for name, definition in first["indexes"].items()
        if not name.startswith(("pk_", "uq_"))  # those of the keys above
    }

    assert made == INDEXES


async def test_001_makes_the_enum_of_the_statuses(first: Catalogue) -> None:
    assert first["enums"] == {"experiment_status": "draft active paused completed archived"}
