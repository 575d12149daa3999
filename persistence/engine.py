"""The way to PostgreSQL: one pool, reads that need no transaction, writes that are one.

A kept statement is compiled by Core once and run on the driver itself: Core's own execution takes
three times as long for a small statement, and its rows cost as much as entities do.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import asyncpg
import orjson
from sqlalchemy import event, exc, literal, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from domain.errors import Unavailable
from persistence import dialect
from persistence.address import driver_url
from persistence.compiled import Compiled, Driver, Read, Statement, Transaction
from persistence.outages import REFUSED, is_lost, translated_outages
from persistence.statements import Statements

Result = TypeVar("Result")

_PATIENCE = 4.2  # seconds until a caller is told, waiting for a connection and a retry included
_MARGIN = 0.3
_LOOKS_FOR_US = "1000"  # milliseconds: a statement for a connection that was cut ends as soon
_ONE = select(literal(1))


class Database:
    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        connect_timeout: float = 3.0,
        statement_timeout: float = 4.0,
        prepared_statements: bool = True,
        application_name: str = "abgraph",
    ) -> None:
        self._dsn = driver_url(url)
        self._connect_timeout = connect_timeout
        self._statement_timeout = statement_timeout
        self._prepared_statements = prepared_statements
        self._application_name = application_name
        self._distrusted = 0.0
        self._compiled: WeakKeyDictionary[Statement, Compiled] = WeakKeyDictionary()
        self.statements = Statements()
        self.waiting = 0  # for a connection
        self.engine = self._make_engine(pool_size)
        self._autocommit = self.engine
        if prepared_statements:
            self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    def _make_engine(self, pool_size: int) -> AsyncEngine:
        arguments: dict[str, Any] = {"async_creator_fn": self._connect}
        if not self._prepared_statements:
            arguments |= {"prepared_statement_cache_size": 0, "prepared_statement_name_func": str}
        engine = create_async_engine(
            f"{dialect.NAME}://",
            connect_args=arguments,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=_PATIENCE + _MARGIN,  # each caller's own deadline comes before
            pool_use_lifo=True,
            pool_reset_on_return=None,  # nothing session-wide is ever set
            json_serializer=lambda value: orjson.dumps(value).decode(),
        )
        event.listen(engine.sync_engine, "connect", _note_birth)
        event.listen(engine.sync_engine, "checkout", self._refuse_the_dead)
        self.statements.follow(engine.sync_engine)
        return engine

    async def rows(
        self, statement: Read, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[asyncpg.Record]:
        """A read of its own. With `parameters` the statement is one that the caller keeps: it is
        compiled once. Without, Core finds it in its cache by structure, which takes longer."""
        read = self._read_new if parameters is None else self._read_kept
        deadline = time.monotonic() + _PATIENCE
        with translated_outages():
            try:
                return await read(deadline, statement, parameters or {})
            except Exception as error:
                if not is_lost(error) or time.monotonic() >= deadline:
                    raise
            self._distrusted = time.monotonic()
            async with asyncio.timeout(deadline + _MARGIN - time.monotonic()):
                return await read(deadline, statement, parameters or {})

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One write transaction."""
        deadline = time.monotonic() + _PATIENCE
        with translated_outages():
            async with self._connection(self.engine, deadline) as connection, connection.begin():
                yield connection

    async def written(self, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
        """What `work` returns, after COMMIT. It is done again where the connection was lost, even
        if just the answer to COMMIT was: done twice, it must come to the same."""
        deadline = time.monotonic() + _PATIENCE
        with translated_outages():
            try:
                return await self._transacted(deadline, work)
            except Exception as error:
                if not is_lost(error) or time.monotonic() >= deadline:
                    raise
            self._distrusted = time.monotonic()
            return await self._transacted(deadline + _MARGIN, work)

    @asynccontextmanager
    async def at_leisure(self) -> AsyncIterator[Driver]:
        """A connection of its own, for an operator's work that may take long."""
        with translated_outages():
            driver = await self._connect_with({"application_name": self._application_name})
            try:
                yield driver
            finally:
                await driver.close()

    async def ping(self) -> None:
        await self.rows(_ONE, {})

    async def dispose(self) -> None:
        await self.engine.dispose()

    async def _read_kept(
        self, deadline: float, statement: Read, parameters: Mapping[str, Any]
    ) -> Sequence[asyncpg.Record]:
        compiled = self._kept(statement)
        arguments = compiled.arguments(parameters)
        connection = await self._checked_out(deadline)
        since = time.monotonic()
        try:
            driver = _driver_of(connection)
            rows = await self._fetch(driver, compiled.text, arguments, deadline - since)
        except asyncpg.PostgresError:
            connection.close()
            raise
        except BaseException:
            self._doubt(since)
            connection.invalidate()
            raise
        connection.close()
        return rows

    async def _checked_out(self, deadline: float) -> PoolProxiedConnection:
        self.waiting += 1
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                return await self.engine.raw_connection()
        finally:
            self.waiting -= 1

    def _kept(self, statement: Statement) -> Compiled:
        compiled = self._compiled.get(statement)
        if compiled is None:
            compiled = self._compiled[statement] = Compiled(statement, self.engine.dialect)
        return compiled

    async def _transacted(
        self, deadline: float, work: Callable[[Transaction], Awaitable[Result]]
    ) -> Result:
        connection = await self._checked_out(deadline)
        since = time.monotonic()
        driver = _driver_of(connection)
        cut = asyncio.get_running_loop().call_later(deadline - since, self._cut, driver, since)
        try:
            await driver.execute("BEGIN")
            result = await work(Transaction(driver, self._kept, self.statements))
            await driver.execute("COMMIT")
        except asyncpg.PostgresError:
            await _roll_back(connection, driver)
            raise
        except BaseException:
            connection.invalidate()
            raise
        finally:
            cut.cancel()
        connection.close()
        return result

    async def _fetch(
        self, driver: Driver, text: str, arguments: Sequence[object], seconds: float
    ) -> Sequence[asyncpg.Record]:
        began = time.perf_counter()
        try:
            if self._prepared_statements:
                return await driver.fetch(text, *arguments, timeout=seconds)
            async with asyncio.timeout(seconds), driver.transaction(readonly=True):
                return await driver.fetch(text, *arguments)  # not parted by pgbouncer
        finally:
            self.statements.note(text, began)

    async def _read_new(
        self, deadline: float, statement: Read, parameters: Mapping[str, Any]
    ) -> Sequence[asyncpg.Record]:
        async with self._connection(self._autocommit, deadline) as connection:
            result = await connection.execute(statement, parameters)
            records: Sequence[asyncpg.Record] = result.cursor.fetchall()  # as the driver gave them
            return records

    @asynccontextmanager
    async def _connection(
        self, engine: AsyncEngine, deadline: float
    ) -> AsyncIterator[AsyncConnection]:
        """Past its deadline the driver's connection is cut: a cancelled Core would first wait
        for the silent server to say goodbye."""
        async with AsyncExitStack() as stack:
            self.waiting += 1
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    connection = await stack.enter_async_context(engine.connect())
            finally:
                self.waiting -= 1
            since = time.monotonic()
            driver = _driver_of(await connection.get_raw_connection())
            loop = asyncio.get_running_loop()
            stack.callback(loop.call_later(deadline - since, self._cut, driver, since).cancel)
            try:
                yield connection
            except AttributeError as error:  # the driver's own, where it was cut between two steps
                raise (Unavailable() if driver.is_closed() else error) from error

    def _cut(self, driver: Driver, since: float) -> None:
        driver.terminate()
        self._doubt(since)

    def _doubt(self, since: float) -> None:
        """A server that is there would have ended the statement by itself by now."""
        if time.monotonic() - since >= self._statement_timeout:
            self._distrusted = time.monotonic()

    async def _connect(self) -> Driver:
        settings = {"application_name": self._application_name}
        ends = {
            "statement_timeout": str(round(self._statement_timeout * 1000)),
            "client_connection_check_interval": _LOOKS_FOR_US,
        }
        try:
            return await self._connect_with(settings | ends)
        except asyncpg.ProtocolViolationError:  # pgbouncer passes no such setting on
            return await self._connect_with(settings)
        except REFUSED as error:
            raise Unavailable from error

    async def _connect_with(self, settings: dict[str, str]) -> Driver:
        return await asyncpg.connect(
            self._dsn,
            timeout=self._connect_timeout,
            statement_cache_size=100 if self._prepared_statements else 0,
            server_settings=settings,
        )

    def _refuse_the_dead(
        self, connection: DBAPIConnection, record: ConnectionPoolEntry, _: PoolProxiedConnection
    ) -> None:
        """The pool then makes another, and nobody gets an error for a connection lost at rest."""
        driver: Driver = connection.driver_connection
        if driver.is_closed() or record.info["born"] < self._distrusted:
            driver.terminate()
            raise exc.DisconnectionError


def _note_birth(_: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    record.info["born"] = time.monotonic()


def _driver_of(connection: PoolProxiedConnection) -> Driver:
    return cast(Driver, connection.driver_connection)


async def _roll_back(connection: PoolProxiedConnection, driver: Driver) -> None:
    try:
        if not driver.is_closed():
            await driver.execute("ROLLBACK")
    except BaseException:  # lost or cancelled on the way: the pool has to hear of it
        connection.invalidate()
        raise
    connection.close()
