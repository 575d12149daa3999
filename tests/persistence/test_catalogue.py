"""What the catalogue of a database at head must say: our tables, and the rules of scaling out."""

from collections.abc import AsyncIterator, Mapping, Sequence

import asyncpg
import pytest

from persistence.columns import metadata
from persistence.distribution import PER_USER, STRIPED
from persistence.engine import Database
from tests.persistence.catalogue import catalogue

REFERENCE = (
    "ab_api_keys",
    "ab_audit",
    "ab_element_variants",
    "ab_elements",
    "ab_experiments",
    "ab_funnel_edges",
    "ab_funnel_nodes",
    "ab_funnels",
    "ab_memberships",
    "ab_metric_definitions",
    "ab_phases",
    "ab_projects",
    "ab_sessions",
    "ab_snapshots",
    "ab_users",
    "ab_variants",
)

UNIQUE_INDEXES = """
SELECT indexrelid::regclass::text, ARRAY(SELECT attname::text FROM pg_attribute
                                          WHERE attrelid = indrelid AND attnum = ANY (indkey))
  FROM pg_index WHERE indisunique AND indrelid = ANY ($1::text[]::regclass[])
"""
FOREIGN_KEYS = """
SELECT conname, ARRAY(SELECT attname::text FROM pg_attribute
                       WHERE attrelid = conrelid AND attnum = ANY (conkey))
  FROM pg_constraint
 WHERE contype = 'f' AND conrelid = ANY ($1::text[]::regclass[])
   AND confrelid = ANY ($2::text[]::regclass[])
"""
FUNCTIONS_IN_DEFAULTS = r"""
SELECT DISTINCT proname, provolatile::text
  FROM pg_attrdef, regexp_matches(pg_get_expr(adbin, adrelid), '(\w+)\(', 'g') AS called
  JOIN pg_proc ON proname = called[1]
"""
MADE_BY_THE_DATABASE = """
SELECT oid::regclass::text FROM pg_class
 WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace
UNION ALL
SELECT tgname FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT format('%s.%s', attrelid::regclass, attname) FROM pg_attribute
  JOIN pg_class ON pg_class.oid = attrelid AND relnamespace = 'public'::regnamespace
 WHERE attidentity <> '' OR attgenerated <> ''
"""


@pytest.fixture
async def head(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def test_head_is_what_tables_py_declares(
    head: asyncpg.Connection, empty_database_url: str
) -> None:
    declared = await _made_of_tables(empty_database_url)

    migrated = await catalogue(head)

    for kind in ("columns", "constraints", "indexes", "enums"):
        assert migrated[kind] == declared[kind]


async def test_every_table_is_known_as_distributed_or_as_a_reference() -> None:
    assert sorted(metadata.tables) == sorted(PER_USER + STRIPED + REFERENCE)


async def test_every_key_of_what_belongs_to_a_user_carries_the_user(
    head: asyncpg.Connection,
) -> None:
    keys = await _columns(head, UNIQUE_INDEXES, PER_USER)

    assert keys.keys() >= {"pk_ab_assignments", "pk_ab_metrics"}
    assert [key for key, columns in keys.items() if "user_id" not in columns] == []


async def test_what_belongs_to_a_user_refers_to_its_like_by_the_user_too(
    head: asyncpg.Connection,
) -> None:
    references = await _columns(head, FOREIGN_KEYS, PER_USER, PER_USER)

    assert references == {"fk_ab_metrics_assignment_id_user_id": ["assignment_id", "user_id"]}


async def test_no_reference_table_refers_to_what_belongs_to_a_user(
    head: asyncpg.Connection,
) -> None:
    assert await _columns(head, FOREIGN_KEYS, REFERENCE, PER_USER) == {}


async def test_there_are_no_sequences_triggers_and_generated_columns(
    head: asyncpg.Connection,
) -> None:
    assert await head.fetch(MADE_BY_THE_DATABASE) == []


async def test_no_default_calls_a_volatile_function(head: asyncpg.Connection) -> None:
    called = {tuple(function) for function in await head.fetch(FUNCTIONS_IN_DEFAULTS)}

    assert called == {("now", "s")}


async def _made_of_tables(url: str) -> Mapping[str, Mapping[str, str]]:
    database = Database(url)
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await database.dispose()
    driver = await asyncpg.connect(url)
    try:
        return await catalogue(driver)
    finally:
        await driver.close()


async def _columns(
    head: asyncpg.Connection, question: str, *tables: Sequence[str]
) -> Mapping[str, Sequence[str]]:
    return {found[0]: found[1] for found in await head.fetch(question, *tables)}
