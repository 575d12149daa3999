"""What the revisions make of rows that were there before them."""

import asyncpg
import pytest

from domain.ids import NIL
from persistence import revisions
from persistence.engine import Database
from persistence.recount import recounted
from tests.persistence.history import rows

DEFINITIONS_OF_EACH_KIND = """
INSERT INTO ab_metric_definitions
SELECT gen_random_uuid(), id, 0, kind, 'click', kind, 'secondary', 'increase', 'relative', {}
  FROM ab_experiments, unnest('{{binary,sum,count,mean}}'::text[]) AS kind
"""


async def test_existing_experiments_get_a_default_project(
    url: str, live: asyncpg.Connection
) -> None:
    await revisions.upgrade(url)

    found = await live.fetch("SELECT id, name FROM ab_projects")
    assert [project["name"] for project in found] == ["Default"]
    owners = await live.fetch("SELECT DISTINCT project_id FROM ab_experiments")
    assert [owner["project_id"] for owner in owners] == [found[0]["id"]]


async def test_without_experiments_no_project_is_made(
    empty_database_url: str, live: asyncpg.Connection
) -> None:
    await revisions.upgrade(empty_database_url)

    assert await live.fetch("SELECT FROM ab_projects") == []


async def test_existing_experiments_hash_by_their_name_and_start_at_version_1(
    url: str, live: asyncpg.Connection
) -> None:
    await revisions.upgrade(url)

    assert await live.fetchval(
        "SELECT bool_and(hash_seed = experiment_name AND version = 1 AND alpha = 0.05"
        " AND hash_algorithm = 'growthbook_v2' AND traffic_allocation = 1) FROM ab_experiments"
    )


async def test_what_has_started_is_in_phase_1_with_its_weights(
    url: str, live: asyncpg.Connection
) -> None:
    await revisions.upgrade(url)

    found = await live.fetch(
        "SELECT experiment_name, phase, opened_at::date::text, weights FROM ab_experiments"
        " LEFT JOIN ab_phases ON experiment_id = id AND number = phase ORDER BY id"
    )
    assert [tuple(phase) for phase in found] == [
        ("Draft 🎉", 0, None, None),
        ("Active", 1, "2026-03-03", '{"a": 0.3, "b": 0.7}'),
        ("Paused", 1, "2026-03-03", '{"a": 1}'),
        ("Completed", 1, "2026-03-05", "{}"),
        ("Archived", 0, None, None),
        ("Archived when it ran", 1, "2026-03-07", "{}"),
    ]


async def test_existing_variants_stand_in_the_order_they_were_made_in(
    url: str, live: asyncpg.Connection
) -> None:
    await revisions.upgrade(url)

    found = await live.fetch(
        "SELECT string_agg(variant_name, ' ' ORDER BY position), array_agg(position),"
        " bool_and(is_active AND content = '{}')"
        " FROM (SELECT * FROM ab_variants ORDER BY position) GROUP BY experiment_id"
        " ORDER BY experiment_id"
    )
    assert [tuple(variants) for variants in found] == [
        ("z a b", [0, 1, 2], True),
        ("a b", [0, 1], True),
        ("a", [0], True),
    ]


async def test_existing_assignments_had_the_chance_of_their_variants_weight(
    url: str, live: asyncpg.Connection
) -> None:
    await revisions.upgrade(url)

    found = await live.fetch(
        "SELECT propensity, context, conversion_value FROM ab_assignments ORDER BY id"
    )
    assert [tuple(assignment) for assignment in found] == [
        (0.7, "{}", None),
        (0.3, "{}", None),
        (1.0, "{}", None),
    ]


async def test_existing_metrics_get_the_user_of_their_assignment(
    url: str, live: asyncpg.Connection
) -> None:
    await revisions.upgrade(url)

    found = await live.fetch("SELECT user_id, count(*) FROM ab_metrics GROUP BY 1 ORDER BY 1")
    assert [tuple(metrics) for metrics in found] == [("ada", 6), ("bob 🎉", 3)]


async def test_existing_users_are_in_the_phase_that_was_open_when_they_came(
    url: str, live: asyncpg.Connection
) -> None:
    await revisions.upgrade(url, "016")
    await live.execute("""
        INSERT INTO ab_phases
        SELECT experiment_id, opened.number, '{}', 1, opened.at FROM ab_phases,
               (VALUES (2, '2026-03-04'::timestamptz), (3, '2026-03-05')) AS opened (number, at)
         WHERE experiment_id = 'e0000000-0000-4000-8000-000000000002'
    """)

    await revisions.upgrade(url, "017")

    found = await live.fetch("SELECT user_id, phase FROM ab_assignments ORDER BY id")
    assert [tuple(user) for user in found] == [("ada", 2), ("bob 🎉", 2), ("ada", 1)]


@pytest.mark.parametrize(
    "limits", ["NULL, NULL, NULL", "2.5, 3, 24", "NULL, 1e-13, 0.0004", "7.5, NULL, 24"]
)
async def test_what_is_there_already_is_summed_as_a_recount_would(
    url: str, live: asyncpg.Connection, limits: str
) -> None:
    await revisions.upgrade(url, "008")
    await live.execute(rows("008"))
    await live.execute(DEFINITIONS_OF_EACH_KIND.format(limits))

    await revisions.upgrade(url)

    database = Database(url)
    found = [recount async for recount, _ in recounted(database)]
    await database.dispose()
    assert [recount.differences for recount in found] == [[]] * 6
    users = await live.fetchval("SELECT sum(users) FROM ab_running_sums WHERE metric_id = $1", NIL)
    assert users == 3
