"""What a migration says, refuses and leaves alone."""

import asyncio
import logging
import shutil
import sys
import time
from pathlib import Path

import anyio
import asyncpg
import pytest

from domain.errors import Unavailable
from persistence import revisions
from persistence.engine import Database
from persistence.revisions import MigrationRefused
from tests.persistence.history import REVISIONS

ROOT = Path(__file__).parents[2]
UPGRADE = """
import asyncio, sys
from persistence import revisions
print(len(asyncio.run(revisions.upgrade(sys.argv[1]))))
"""
CREATE_REVISION = """
import asyncio, sys
from persistence import revisions
print(asyncio.run(revisions.create_revision(sys.argv[1], "variant colours")))
"""


async def test_an_upgrade_says_a_line_for_each_revision_and_the_next_has_nothing_to_do(
    empty_database_url: str,
) -> None:
    first = await revisions.upgrade(empty_database_url, "002")
    again = await revisions.upgrade(empty_database_url, "002")

    assert first == [
        "001 A/B testing tables: experiments, variants, assignments and metrics",
        "002 projects: every experiment belongs to a project, where its name is unique",
    ]
    assert again == []


async def test_a_downgrade_says_what_it_undid(database_url: str) -> None:
    (line,) = await revisions.downgrade(database_url, "-1")

    assert line.startswith(f"undid {REVISIONS[-1]} ")


async def test_of_many_upgrades_at_once_one_does_it_and_the_others_find_nothing_to_do(
    empty_database_url: str,
) -> None:
    done = await asyncio.gather(*(revisions.upgrade(empty_database_url) for _ in range(5)))

    assert sorted(map(len, done)) == [0, 0, 0, 0, len(REVISIONS)]


async def test_of_two_processes_that_upgrade_at_once_one_does_it(empty_database_url: str) -> None:
    command = [sys.executable, "-c", UPGRADE, empty_database_url]

    both = await asyncio.gather(*(anyio.run_process(command, cwd=ROOT) for _ in range(2)))

    assert sorted(int(process.stdout) for process in both) == [0, len(REVISIONS)]


async def test_an_upgrade_waits_for_another_for_longer_than_a_statement_may_take(
    empty_database_url: str,
) -> None:
    other = await asyncpg.connect(empty_database_url)

    async with other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock(hashtext('alembic_version'))")
        upgrade = asyncio.create_task(revisions.upgrade(empty_database_url))
        await asyncio.sleep(4.5)
        assert not upgrade.done()

    assert len(await upgrade) == len(REVISIONS)
    await other.close()


async def test_pending_are_the_revisions_that_a_database_lacks(
    empty_database_url: str,
) -> None:
    assert await revisions.pending(empty_database_url) == REVISIONS

    await revisions.upgrade(empty_database_url, "005")
    assert await revisions.pending(empty_database_url) == REVISIONS[5:]

    await revisions.upgrade(empty_database_url)
    assert await revisions.pending(empty_database_url) == ()


async def test_pending_is_read_on_a_connection_too(database: Database) -> None:
    async with database.engine.connect() as connection:
        assert await revisions.pending(connection) == ()


async def test_a_database_that_a_newer_abgraph_has_migrated_lacks_nothing_but_is_left_alone(
    database_url: str,
) -> None:
    await _execute(database_url, "UPDATE alembic_version SET version_num = '999'")

    assert await revisions.pending(database_url) == ()
    with pytest.raises(MigrationRefused, match="at revision 999, which this abgraph does not know"):
        await revisions.upgrade(database_url)


async def test_a_revision_that_does_not_exist_is_refused(database_url: str) -> None:
    with pytest.raises(MigrationRefused, match="'soon'"):
        await revisions.upgrade(database_url, "soon")


async def test_a_database_that_cannot_be_reached_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await revisions.upgrade(f"postgresql://abgraph@/abgraph?host={tmp_path}")


async def test_what_postgresql_refuses_changes_nothing(empty_database_url: str) -> None:
    await revisions.upgrade(empty_database_url, "001")
    await _execute(empty_database_url, "CREATE TABLE ab_metric_definitions (ours integer)")

    with pytest.raises(MigrationRefused, match='relation "ab_metric_definitions" already exists'):
        await revisions.upgrade(empty_database_url)

    assert await revisions.pending(empty_database_url) == REVISIONS[1:]


async def test_a_table_in_use_stops_a_migration_soon_and_nothing_is_changed(
    empty_database_url: str,
) -> None:
    await revisions.upgrade(empty_database_url, "001")
    reader = await asyncpg.connect(empty_database_url)
    start = time.monotonic()

    async with reader.transaction():
        await reader.fetch("SELECT FROM ab_metrics")
        with pytest.raises(MigrationRefused, match="another transaction keeps hold of a table"):
            await revisions.upgrade(empty_database_url)

    assert 3 <= time.monotonic() - start < 5
    assert await revisions.pending(empty_database_url) == REVISIONS[1:]
    await reader.close()


async def test_at_head_nothing_differs_from_the_tables(database_url: str) -> None:
    assert await revisions.differences(database_url) == ()


async def test_each_difference_from_the_tables_is_a_line(database_url: str) -> None:
    await _execute(
        database_url,
        "ALTER TABLE ab_variants DROP COLUMN content, ALTER COLUMN position TYPE integer,"
        " ALTER COLUMN description SET NOT NULL;"
        "DROP INDEX idx_metric_timestamp; CREATE TABLE ab_spare (id uuid);"
        "ALTER TABLE ab_phases DROP CONSTRAINT fk_ab_phases_experiment_id",
    )

    assert sorted(await revisions.differences(database_url)) == [
        "add column ab_variants content",
        "add fk ab_phases fk_ab_phases_experiment_id",
        "add index ab_metrics idx_metric_timestamp",
        "modify nullable ab_variants description False True",
        "modify type ab_variants position INTEGER BIGINT",
        "remove table ab_spare",
    ]


async def test_the_log_of_the_application_stays_as_it_is(empty_database_url: str) -> None:
    root, ours = logging.getLogger(), logging.getLogger("persistence.embedded")
    before = (root.level, list(root.handlers), ours.disabled)

    await revisions.upgrade(empty_database_url)

    assert (root.level, list(root.handlers), ours.disabled) == before


async def test_the_alembic_command_finds_the_database_in_the_environment(
    empty_database_url: str,
) -> None:
    async def alembic(*arguments: str) -> str:
        return await _alembic(*arguments, DATABASE_URL=empty_database_url)

    await alembic("upgrade", "head")
    assert await revisions.pending(empty_database_url) == ()
    assert "No new upgrade operations detected" in await alembic("check")
    await alembic("downgrade", "-1")
    await alembic("downgrade", "base")
    assert await revisions.pending(empty_database_url) == REVISIONS


async def test_the_alembic_command_prefers_the_database_that_it_is_given(
    empty_database_url: str,
) -> None:
    given = f"url={empty_database_url}"

    await _alembic("-x", given, "upgrade", "001", DATABASE_URL="postgresql://nowhere.invalid/x")

    assert await revisions.pending(empty_database_url) == REVISIONS[1:]


async def test_a_new_revision_is_written_from_what_differs(
    database_url: str, tmp_path: Path
) -> None:
    for room in ("domain", "migrations", "persistence"):
        shutil.copytree(ROOT / room, tmp_path / room)
    await _execute(database_url, "ALTER TABLE ab_variants DROP COLUMN content")

    made = await anyio.run_process(
        [sys.executable, "-c", CREATE_REVISION, database_url], cwd=tmp_path
    )

    path = anyio.Path(made.stdout.decode().splitlines()[-1])
    assert Path(path.parent) == tmp_path / "migrations" / "versions"
    assert path.name[10:] == f"_{len(REVISIONS) + 1:03}_variant_colours.py"
    assert "op.add_column('ab_variants', sa.Column('content'" in await path.read_text()


async def _alembic(*arguments: str, **environment: str) -> str:
    command = [sys.executable, "-m", "alembic", *arguments]
    done = await anyio.run_process(command, cwd=ROOT, env=environment)
    return done.stdout.decode()


async def _execute(url: str, script: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(script)
    await connection.close()
