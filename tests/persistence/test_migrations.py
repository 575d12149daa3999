"""Up and down on a live database with rows in every table."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import pytest

from persistence import revisions
from tests.persistence.catalogue import Catalogue, catalogue
from tests.persistence.history import REVISIONS, rows

Contents = Mapping[str, Sequence[Mapping[str, Any]]]


async def test_base_to_head_and_back_leaves_nothing_and_can_be_done_again(
    empty_database_url: str, live: asyncpg.Connection
) -> None:
    await revisions.upgrade(empty_database_url)
    at_head = await catalogue(live)

    await revisions.downgrade(empty_database_url, "base")

    assert await catalogue(live) == {kind: {} for kind in at_head}
    await revisions.upgrade(empty_database_url)
    assert await catalogue(live) == at_head


@pytest.mark.parametrize("revision", REVISIONS[1:])
async def test_a_revision_undone_and_done_again_loses_only_what_its_own_columns_held(
    url: str, live: asyncpg.Connection, revision: str
) -> None:
    below: Catalogue = {}
    for step in REVISIONS[1 : REVISIONS.index(revision) + 1]:
        below = await catalogue(live)
        await revisions.upgrade(url, step)
        await live.execute(rows(step))
    above, before = await catalogue(live), await _contents(live)

    await revisions.downgrade(url, "-1")
    undone = await _contents(live)
    assert await catalogue(live) == below
    assert undone == _only(undone, before)

    await revisions.upgrade(url, "+1")
    assert await catalogue(live) == above
    assert _only(undone, await _contents(live)) == undone


async def test_each_step_down_from_head_works_with_rows_in_every_table(
    url: str, live: asyncpg.Connection
) -> None:
    for step in REVISIONS[1:]:
        await revisions.upgrade(url, step)
        await live.execute(rows(step))
    assert all((await _contents(live)).values())

    for revision in reversed(REVISIONS):
        (line,) = await revisions.downgrade(url, "-1")
        assert line.startswith(f"undid {revision} ")

    assert await _contents(live) == {}
    assert len(await revisions.upgrade(url)) == len(REVISIONS)


async def test_what_was_there_at_001_is_all_there_at_head_and_again_at_001(
    url: str, live: asyncpg.Connection
) -> None:
    before = await _contents(live)

    await revisions.upgrade(url)
    assert _only(before, await _contents(live)) == before

    await revisions.downgrade(url, "001")
    assert await _contents(live) == before


async def test_namesakes_in_different_projects_are_told_apart_on_the_way_down(
    url: str, live: asyncpg.Connection
) -> None:
    await revisions.upgrade(url, "002")
    await live.execute("""
        INSERT INTO ab_projects (id, name)
        SELECT gen_random_uuid(), name FROM unnest('{A,B}'::text[]) AS name;
        INSERT INTO ab_experiments (experiment_name, description, project_id, created_at)
        SELECT experiment, project.name, project.id, '2026-05-01'::date + (project.name = 'B')::int
          FROM ab_projects AS project, unnest('{Active,Active (2)}'::text[]) AS experiment
         WHERE project.name <> 'Default'
    """)

    await revisions.downgrade(url, "001")

    found = await live.fetch("""
        SELECT description, experiment_name FROM ab_experiments
         WHERE experiment_name LIKE 'Active%' ORDER BY description, experiment_name
    """)
    assert [tuple(experiment) for experiment in found] == [
        ("A", "Active (2)"),
        ("A", "Active (2) (2)"),
        ("B", "Active (2) (2) (2)"),
        ("B", "Active (3)"),
        ("runs", "Active"),
    ]
    assert len(await revisions.upgrade(url)) == len(REVISIONS) - 1


async def test_one_id_for_two_users_becomes_two_on_the_way_down(
    url: str, live: asyncpg.Connection
) -> None:
    await revisions.upgrade(url, "010")
    await live.execute("""
        INSERT INTO ab_assignments (id, user_id, experiment_id, variant_id, propensity)
        SELECT id, user_id || ' twin', experiment_id, variant_id, propensity FROM ab_assignments;
        INSERT INTO ab_metrics
          (id, user_id, assignment_id, experiment_id, variant_id, event_type, event_value)
        SELECT id, user_id || ' twin', assignment_id, experiment_id, variant_id, 'twin', event_value
          FROM ab_metrics
    """)

    await revisions.downgrade(url, "009")

    found = await live.fetch("""
        SELECT a.user_id, array_agg(event_value ORDER BY event_value)
          FROM ab_metrics AS m
          JOIN ab_assignments AS a ON (a.id, a.user_id) = (m.assignment_id, m.user_id)
         GROUP BY a.id, a.user_id ORDER BY 1
    """)
    assert [tuple(metrics) for metrics in found] == [
        ("ada", [1, 2, 3]),
        ("ada", [1, 2, 3]),
        ("ada twin", [1, 2, 3]),
        ("ada twin", [1, 2, 3]),
        ("bob 🎉", [1, 2, 3]),
        ("bob 🎉 twin", [1, 2, 3]),
    ]


async def test_a_hundred_thousand_metrics_move_within_seconds(
    url: str, live: asyncpg.Connection
) -> None:
    await live.execute("""
        INSERT INTO ab_metrics (experiment_id, variant_id, assignment_id, event_type)
        SELECT experiment_id, variant_id, id, 'view'
          FROM (SELECT * FROM ab_assignments LIMIT 1), generate_series(1, 100000)
    """)
    start = time.monotonic()

    await revisions.upgrade(url)
    await revisions.downgrade(url, "001")

    assert time.monotonic() - start < 15
    assert await live.fetchval("SELECT count(*) FROM ab_metrics") == 100_009


async def _contents(connection: asyncpg.Connection) -> Contents:
    tables = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE tablename LIKE 'ab\\_%' ORDER BY 1"
    )
    names = [table["tablename"] for table in tables]
    found = {name: await connection.fetch(f"TABLE {name}") for name in names}
    return {name: sorted(map(dict, found[name]), key=str) for name in names}


def _only(shape: Contents, contents: Contents) -> Contents:
    """The contents in the tables and columns of another state, none of whose tables is empty."""
    return {
        name: sorted(
            ({column: row[column] for column in like[0]} for row in contents[name]), key=str
        )
        for name, like in shape.items()
    }
