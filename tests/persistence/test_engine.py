import asyncio
import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    QueuePool,
    Select,
    bindparam,
    func,
    insert,
    literal,
    make_url,
    select,
    update,
)

from domain.errors import BadRequest, Unavailable
from persistence.engine import Database
from persistence.models import EXPERIMENTS, PROJECTS
from persistence.people_tables import projects
from persistence.tables import experiments
from tests.factories import make_project
from tests.persistence.graphs import stored, stored_experiment, stored_project
from tests.persistence.servers import ask

IDS = select(projects.c.id).where(projects.c.name == bindparam("name"))
PID = select(func.pg_backend_pid())
NAP = select(func.pg_sleep(bindparam("seconds")))
DIES = select(func.pg_terminate_backend(func.pg_backend_pid(), type_=Boolean))
EXPERIMENTS_OF_ALL = select(*EXPERIMENTS.columns)
PREPARED = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%ab_projects%'"


async def setting(database: Database, name: str) -> Any:
    return (await database.rows(select(func.current_setting(name))))[0][0]


def busy(database: Database) -> int:
    pool = database.engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()


async def add_project(database: Database, *, and_then: Exception | Select[bool]) -> None:
    async with database.begin() as connection:
        await connection.execute(insert(projects).values(PROJECTS.values(make_project())))
        if isinstance(and_then, Exception):
            raise and_then
        await connection.execute(and_then)


async def test_a_kept_statement_and_a_new_one_return_the_same_rows(database: Database) -> None:
    project = await stored_project(database)

    kept = await database.rows(IDS, {"name": "Shop"})
    new = await database.rows(select(projects.c.id).where(projects.c.name == "Shop"))

    assert [tuple(row) for row in kept] == [tuple(row) for row in new] == [(project,)]


async def test_a_parameter_that_is_missing_is_an_error(database: Database) -> None:
    with pytest.raises(KeyError, match="name"):
        await database.rows(IDS, {})


async def test_a_statement_that_nobody_keeps_is_not_kept(database: Database) -> None:
    statement = select(projects.c.id)
    await database.rows(statement, {})
    gone = weakref.ref(statement)

    del statement
    gc.collect()

    assert gone() is None


async def test_the_server_knows_who_asks_and_for_how_long(database_url: str) -> None:
    database = Database(database_url, application_name="abgraph feed", statement_timeout=1.5)

    assert await setting(database, "application_name") == "abgraph feed"
    assert await setting(database, "statement_timeout") == "1500ms"
    await database.dispose()


async def test_a_write_is_kept_when_its_block_ends(database: Database) -> None:
    project = make_project()

    async with database.begin() as connection:
        await connection.execute(insert(projects).values(PROJECTS.values(project)))

    ((found,),) = await database.rows(IDS, {"name": project.name})
    assert found == project.id


async def test_a_write_is_undone_when_its_block_fails(database: Database) -> None:
    with pytest.raises(RuntimeError, match="changed my mind"):
        await add_project(database, and_then=RuntimeError("changed my mind"))

    assert await database.rows(IDS, {"name": "Shop"}) == []
    assert busy(database) == 0


async def test_a_write_lost_on_its_way_leaves_nothing(database: Database) -> None:
    with pytest.raises(Unavailable):
        await add_project(database, and_then=DIES)

    assert await database.rows(IDS, {"name": "Shop"}) == []
    assert busy(database) == 0


async def test_connections_lost_at_rest_cost_nobody_an_error(
    database: Database, database_url: str
) -> None:
    await asyncio.gather(*(database.rows(NAP, {"seconds": 0.05}) for _ in range(5)))
    others = "FROM pg_stat_activity WHERE application_name = 'abgraph'"
    await ask(database_url, f"SELECT count(pg_terminate_backend(pid)) {others}")

    await asyncio.gather(*(database.rows(PID, {}) for _ in range(4)))
    async with database.begin() as connection:
        assert await connection.scalar(PID)


@pytest.mark.parametrize("parameters", [None, {}])
async def test_a_read_whose_connection_is_killed_is_asked_again(
    database: Database, database_url: str, parameters: dict[str, object] | None
) -> None:
    await ask(database_url, "CREATE SEQUENCE turn")
    first_dies = DIES.where(func.nextval("turn") == 1)

    assert await database.rows(first_dies, parameters) == []
    assert busy(database) == 0


async def test_statements_prepared_before_a_migration_go_on_after_it(
    database: Database, database_url: str
) -> None:
    experiment = await stored_experiment(database, await stored_project(database))
    await asyncio.gather(*(database.rows(EXPERIMENTS_OF_ALL, {}) for _ in range(5)))
    await asyncio.gather(*(database.rows(EXPERIMENTS_OF_ALL) for _ in range(5)))

    await ask(database_url, "ALTER TABLE ab_experiments ALTER version TYPE integer")
    kept = await asyncio.gather(*(database.rows(EXPERIMENTS_OF_ALL, {}) for _ in range(5)))
    new = await asyncio.gather(*(database.rows(EXPERIMENTS_OF_ALL) for _ in range(5)))

    assert all(EXPERIMENTS.read(rows) == [experiment] for rows in (*kept, *new))


async def test_a_type_made_anew_by_a_migration_is_looked_up_again(
    database: Database, database_url: str
) -> None:
    experiment = await stored_experiment(database, await stored_project(database))
    await asyncio.gather(*(database.rows(EXPERIMENTS_OF_ALL, {}) for _ in range(3)))

    await ask(
        database_url,
        """
        DO $$ BEGIN
          ALTER TYPE experiment_status RENAME TO old;
          CREATE TYPE experiment_status AS ENUM
            ('draft', 'active', 'paused', 'completed', 'archived');
          ALTER TABLE ab_experiments ALTER status DROP DEFAULT;
          ALTER TABLE ab_experiments
            ALTER status TYPE experiment_status USING status::text::experiment_status;
          ALTER TABLE ab_snapshots
            ALTER status TYPE experiment_status USING status::text::experiment_status;
          DROP TYPE old;
        END $$
        """,
    )
    read = await asyncio.gather(*(database.rows(EXPERIMENTS_OF_ALL, {}) for _ in range(3)))
    async with database.begin() as connection:
        await connection.execute(update(experiments).values(status=experiment.status))

    assert all(EXPERIMENTS.read(rows) == [experiment] for rows in read)


async def test_a_cancelled_task_gives_its_connection_back(database_url: str) -> None:
    database = Database(database_url, pool_size=3)

    async def write() -> None:
        async with database.begin() as connection:
            await connection.execute(NAP, {"seconds": 30})

    async def sleepers() -> None:
        kept = (database.rows(NAP, {"seconds": 30}) for _ in range(3))
        new = (database.rows(select(func.pg_sleep(30))) for _ in range(3))
        await asyncio.gather(*kept, *new, *(write() for _ in range(3)))

    for delay in (0.0, 0.001, 0.01, 0.1):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(delay):
                await sleepers()

    assert busy(database) == 0
    await asyncio.gather(*(database.rows(PID, {}) for _ in range(9)))
    await database.dispose()


async def test_a_statement_that_takes_too_long_is_ended_by_the_server(database_url: str) -> None:
    database = Database(database_url, pool_size=1, statement_timeout=0.1)
    before = await database.rows(PID, {})

    with pytest.raises(Unavailable):
        await database.rows(NAP, {"seconds": 30})
    with pytest.raises(Unavailable):
        async with database.begin() as connection:
            await connection.execute(NAP, {"seconds": 30})

    assert await database.rows(PID, {}) == before
    await database.dispose()


@pytest.mark.parametrize("broken", ["a\0b", "\ud800"])
async def test_a_text_that_no_column_holds_is_a_bad_question(
    database: Database, broken: str
) -> None:
    with pytest.raises(BadRequest):
        await database.rows(IDS, {"name": broken})
    with pytest.raises(BadRequest):
        await database.rows(select(projects.c.id).where(projects.c.name == broken))


async def test_without_prepared_statements_nothing_stays_on_the_server(database_url: str) -> None:
    counts = {}
    for prepared in (True, False):
        database = Database(database_url, pool_size=1, prepared_statements=prepared)
        await stored(database, PROJECTS, make_project())
        await database.rows(IDS, {"name": "Shop"})
        await database.rows(select(projects.c.id).where(projects.c.name == "Shop"))
        async with database.begin() as connection:
            found = await connection.exec_driver_sql(PREPARED)
            counts[prepared] = found.scalar_one()
        await database.dispose()

    assert counts[True] > 0
    assert counts[False] == 0


async def test_a_socket_in_a_folder_with_spaces_is_found(database_url: str, tmp_path: Path) -> None:
    spaced = tmp_path / "my data"
    url = make_url(database_url)
    spaced.symlink_to(str(url.query["host"]))
    there = url.update_query_dict({"host": str(spaced)})
    database = Database(there.render_as_string(hide_password=False))

    rows = await database.rows(select(literal(1)))
    await database.dispose()

    assert [tuple(row) for row in rows] == [(1,)]


async def test_what_is_disposed_of_leaves_no_connection(database_url: str) -> None:
    database = Database(database_url, application_name="gone")
    await asyncio.gather(*(database.rows(NAP, {"seconds": 0.05}) for _ in range(3)))

    await database.dispose()

    left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gone'"
    async with asyncio.timeout(5):
        while await ask(database_url, left):  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)
    assert await ask(database_url, left) == 0
