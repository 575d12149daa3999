"""Write transactions on the driver itself, and connections for an operator's work."""

import asyncio
import gc
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping

import asyncpg
import pytest
from sqlalchemy import Boolean, QueuePool, bindparam, func, insert, literal, select

from domain.errors import Unavailable
from domain.projects import Project
from persistence.compiled import Statement, Transaction
from persistence.engine import Database
from persistence.models import PROJECTS
from persistence.people_tables import projects
from tests.factories import make_project
from tests.persistence.servers import ask, is_alive
from tests.persistence.statements import counted

ADD = insert(projects).values(
    {column: bindparam(f"new_{column.key}", type_=column.type) for column in projects.columns}
)
IDS = select(projects.c.id).where(projects.c.name == bindparam("name"))
PID = select(func.pg_backend_pid())
NAP = select(func.pg_sleep(bindparam("seconds")))
BROKEN = select(literal(1) / bindparam("zero"))
DIES_ONCE = select(func.pg_terminate_backend(func.pg_backend_pid(), type_=Boolean)).where(
    func.nextval("turn") == 1
)
Work = Callable[[Transaction], Awaitable[None]]


def added(project: Project, *afterwards: tuple[Statement, Mapping[str, object]]) -> Work:
    async def work(at: Transaction) -> None:
        values = PROJECTS.values(project)
        await at.rows(ADD, {f"new_{name}": value for name, value in values.items()})
        for statement, parameters in afterwards:
            await at.rows(statement, parameters)

    return work


async def found(database: Database) -> int:
    return len(await database.rows(IDS, {"name": "Shop"}))


def busy(database: Database) -> int:
    pool = database.engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()


async def test_what_the_work_returns_comes_after_it_is_kept(database: Database) -> None:
    project = make_project()

    async def work(at: Transaction) -> int:
        await added(project)(at)
        return len(await at.rows(IDS, {"name": "Shop"}))

    async with counted(database, framed=True) as statements:
        assert await database.written(work) == 1

    assert [one.split()[0] for one in statements] == ["BEGIN", "INSERT", "SELECT", "COMMIT"]
    assert await found(database) == 1
    assert busy(database) == 0


async def test_nobody_sees_it_before_it_is_kept(database: Database) -> None:
    async def work(at: Transaction) -> None:
        await added(make_project())(at)
        assert await found(database) == 0

    await database.written(work)

    assert await found(database) == 1


async def test_what_the_database_refuses_is_rolled_back_and_the_connection_goes_on(
    database_url: str,
) -> None:
    database = Database(database_url, pool_size=1)
    before = await database.rows(PID, {})

    async with counted(database, framed=True) as statements:
        with pytest.raises(Exception, match="division by zero"):
            await database.written(added(make_project(), (BROKEN, {"zero": 0})))

    assert [one.split()[0] for one in statements] == ["BEGIN", "INSERT", "SELECT", "ROLLBACK"]
    assert await found(database) == 0
    assert await database.rows(PID, {}) == before
    await database.dispose()


async def test_a_fault_of_our_own_leaves_nothing_and_no_connection_busy(
    database: Database,
) -> None:
    async def work(at: Transaction) -> None:
        await added(make_project())(at)
        raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"):
        await database.written(work)

    assert await found(database) == 0
    assert busy(database) == 0


async def test_a_cancelled_write_leaves_nothing_and_no_connection_busy(database: Database) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await database.written(added(make_project(), (NAP, {"seconds": 30})))

    assert await found(database) == 0
    assert busy(database) == 0


async def test_a_write_whose_connection_is_killed_is_done_again(
    database: Database, database_url: str
) -> None:
    await ask(database_url, "CREATE SEQUENCE turn")

    await database.written(added(make_project(), (DIES_ONCE, {})))

    assert await found(database) == 1
    assert await ask(database_url, "SELECT last_value FROM turn") == 2
    assert busy(database) == 0


async def test_a_write_whose_connection_is_killed_every_time_is_given_up_after_two(
    database: Database, database_url: str
) -> None:
    await ask(database_url, "CREATE SEQUENCE turn INCREMENT BY -1")
    dies = select(func.pg_terminate_backend(func.pg_backend_pid(), type_=Boolean)).where(
        func.nextval("turn") < 0
    )

    with pytest.raises(Unavailable):
        await database.written(added(make_project(), (dies, {})))

    assert await found(database) == 0
    assert await ask(database_url, "SELECT last_value FROM turn") == -2
    assert busy(database) == 0


async def test_a_connection_lost_before_it_could_be_rolled_back_is_not_kept(
    database: Database,
) -> None:
    killed: list[int] = []

    async def work(at: Transaction) -> None:
        await added(make_project())(at)
        if killed:
            return
        killed.append((await at.rows(PID, {}))[0][0])
        os.kill(killed[0], signal.SIGTERM)
        while is_alive(killed[0]):
            pass  # lest the driver hears of it
        raise asyncpg.DataError("refused")

    await database.written(work)

    gc.collect()  # which would complain of a connection that nobody gave back
    assert await found(database) == 1
    assert busy(database) == 0


async def test_connections_killed_at_rest_cost_no_write(
    database: Database, database_url: str
) -> None:
    await asyncio.gather(*(database.rows(NAP, {"seconds": 0.05}) for _ in range(5)))
    others = "FROM pg_stat_activity WHERE application_name = 'abgraph'"
    await ask(database_url, f"SELECT count(pg_terminate_backend(pid)) {others}")

    await asyncio.gather(*(database.written(added(make_project())) for _ in range(5)))

    assert await found(database) == 5


async def test_a_statement_that_takes_too_long_is_ended_and_the_write_undone(
    database_url: str,
) -> None:
    database = Database(database_url, pool_size=1, statement_timeout=0.1)

    with pytest.raises(Unavailable):
        await database.written(added(make_project(), (NAP, {"seconds": 30})))

    assert await found(database) == 0
    assert busy(database) == 0
    await database.dispose()


async def test_a_transaction_that_takes_too_long_is_cut_though_each_statement_is_short(
    database_url: str,
) -> None:
    database = Database(database_url, pool_size=1)
    start = time.monotonic()

    with pytest.raises(Unavailable):
        await database.written(added(make_project(), *[(NAP, {"seconds": 0.2})] * 100))

    assert 4 < time.monotonic() - start < 5
    assert await found(database) == 0
    assert busy(database) == 0
    await database.dispose()


async def test_where_nothing_listens_writers_are_told_at_once() -> None:
    start = time.monotonic()

    with pytest.raises(Unavailable):
        await Database("postgresql://a:b@127.0.0.1:1/d").written(added(make_project()))

    assert time.monotonic() - start < 1


async def test_more_writers_than_connections_take_turns(database_url: str) -> None:
    database = Database(database_url, pool_size=2)

    await asyncio.gather(*(database.written(added(make_project())) for _ in range(50)))

    assert await found(database) == 50
    assert busy(database) == 0
    await database.dispose()


async def test_without_prepared_statements_writes_are_the_same(database_url: str) -> None:
    database = Database(database_url, pool_size=1, prepared_statements=False)

    for _ in range(3):
        await database.written(added(make_project()))

    async with database.begin() as connection:
        left = await connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements")
        assert left.scalar_one() == 0
    assert await found(database) == 3
    await database.dispose()


async def test_work_at_leisure_may_take_long_and_says_who_works(database_url: str) -> None:
    database = Database(database_url, application_name="abgraph prune", statement_timeout=0.1)

    async with database.at_leisure() as connection:
        assert await connection.fetchval("SHOW application_name") == "abgraph prune"
        assert await connection.fetchval("SHOW statement_timeout") == "0"
        await connection.execute("SELECT pg_sleep(0.3)")

    assert connection.is_closed()
    assert busy(database) == 0


async def test_work_at_leisure_that_fails_closes_its_connection(database: Database) -> None:
    with pytest.raises(RuntimeError, match="changed my mind"):
        async with database.at_leisure() as connection:
            raise RuntimeError("changed my mind")

    assert connection.is_closed()


async def test_work_at_leisure_that_loses_its_connection_is_told(database: Database) -> None:
    with pytest.raises(Unavailable):
        async with database.at_leisure() as connection:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(Unavailable):
        async with Database("postgresql://a:b@127.0.0.1:1/d").at_leisure():
            pass
