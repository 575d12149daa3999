"""The way to PostgreSQL: one pool, reads that need no transaction, writes that are one.

A read runs on the driver itself: Core's own execution takes twice as long for a small statement
and for a large one, and its rows cost more than the entities made from them.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, TypeAlias, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from weakref import WeakKeyDictionary

import asyncpg
import orjson
from sqlalchemy import CompoundSelect, Dialect, Select, event, exc, literal, select
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from domain.errors import Unavailable

_PATIENCE = 4.5  # seconds until a caller is told, waiting for a connection and a retry included

_LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.ReadOnlySQLTransactionError,  # what was the primary is a replica now
)
_STALE = (
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
    asyncpg.InvalidSQLStatementNameError,
    asyncpg.DuplicatePreparedStatementError,
    asyncpg.InternalServerError,  # "cache lookup failed for type …"
)
_BUSY = (
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.PostgresSystemError,
    exc.TimeoutError,
)
_REFUSED = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_NOT_FOR_THE_SERVER = ("channel_binding", "connect_timeout", "gssencmode", "keepalives")

Read: TypeAlias = Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]]
_Driver: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_ONE = select(literal(1))


class UnusableUrl(ValueError):
    """Says what an address looks like, and repeats nothing of it: it may hold a password."""

    def __init__(self) -> None:
        super().__init__(
            "the database URL must look like postgresql://user:password@host:5432/name,"
            " with special characters quoted (@ as %40, a space as %20)"
        )


class _Dialect(PGDialect_asyncpg):
    """Leaves JSON as the text it arrives as: a model parses it where it makes the entity."""

    supports_statement_cache = True

    async def setup_asyncpg_json_codec(self, conn: object) -> None:
        pass

    async def setup_asyncpg_jsonb_codec(self, conn: object) -> None:
        pass


registry.register("postgresql.abgraph", __name__, "_Dialect")


class _Compiled:
    """The text of a statement that is kept, and how its parameters are bound."""

    def __init__(self, statement: Read, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        binds = {name: compiled.binds[name] for name in compiled.positiontup or ()}
        self.text = compiled.string
        self._defaults = {name: bind.value for name, bind in binds.items() if not bind.required}
        self._processes = [
            (name, bind.type.dialect_impl(dialect).bind_processor(dialect))
            for name, bind in binds.items()
        ]

    def arguments(self, parameters: Mapping[str, Any]) -> list[object]:
        values = {**self._defaults, **parameters}
        return [
            values[name] if process is None else process(values[name])
            for name, process in self._processes
        ]


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
        self._dsn = _driver_url(url)
        self._connect_timeout = connect_timeout
        self._statement_timeout = statement_timeout
        self._prepared_statements = prepared_statements
        self._application_name = application_name
        self._distrusted = 0.0
        self._compiled: WeakKeyDictionary[Read, _Compiled] = WeakKeyDictionary()
        self.engine = self._make_engine(pool_size)
        self._autocommit = self.engine
        if prepared_statements:
            self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    def _make_engine(self, pool_size: int) -> AsyncEngine:
        arguments: dict[str, Any] = {"async_creator_fn": self._connect}
        if not self._prepared_statements:
            arguments |= {"prepared_statement_cache_size": 0, "prepared_statement_name_func": str}
        engine = create_async_engine(
            "postgresql+abgraph://",
            connect_args=arguments,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=_PATIENCE,
            pool_use_lifo=True,
            pool_reset_on_return=None,  # nothing session-wide is ever set
            json_serializer=lambda value: orjson.dumps(value).decode(),
        )
        event.listen(engine.sync_engine, "connect", _note_birth)
        event.listen(engine.sync_engine, "checkout", self._refuse_the_dead)
        return engine

    async def rows(
        self, statement: Read, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[asyncpg.Record]:
        """A read of its own. With `parameters` the statement is one that the caller keeps: it is
        compiled once. Without, Core finds it in its cache by structure, which takes longer."""
        read = self._read_new if parameters is None else self._read_kept
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        with _translated():
            try:
                return await read(deadline, statement, parameters or {})
            except Exception as error:
                if not _is_lost(_driver_error(error)) or _is_over(deadline):
                    raise
            self._distrusted = time.monotonic()
            return await read(deadline, statement, parameters or {})

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One write transaction."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        with _translated():
            async with self._connection(self.engine, deadline) as connection, connection.begin():
                yield connection

    async def ping(self) -> None:
        await self.rows(_ONE, {})

    async def dispose(self) -> None:
        await self.engine.dispose()

    async def _read_kept(
        self, deadline: float, statement: Read, parameters: Mapping[str, Any]
    ) -> Sequence[asyncpg.Record]:
        compiled = self._compiled.get(statement)
        if compiled is None:
            compiled = self._compiled[statement] = _Compiled(statement, self.engine.dialect)
        arguments = compiled.arguments(parameters)
        async with asyncio.timeout_at(deadline), self._driver() as driver:
            return await driver.fetch(compiled.text, *arguments)

    async def _read_new(
        self, deadline: float, statement: Read, parameters: Mapping[str, Any]
    ) -> Sequence[asyncpg.Record]:
        async with self._connection(self._autocommit, deadline) as connection:
            result = await connection.execute(statement, parameters)
            records: Sequence[asyncpg.Record] = result.cursor.fetchall()  # as the driver gave them
            return records

    @asynccontextmanager
    async def _driver(self) -> AsyncIterator[_Driver]:
        connection = await self.engine.raw_connection()
        since = time.monotonic()
        try:
            yield _driver_of(connection)
        except asyncpg.PostgresError:
            connection.close()
            raise
        except BaseException:
            self._doubt(since)
            connection.invalidate()
            raise
        else:
            connection.close()

    @asynccontextmanager
    async def _connection(
        self, engine: AsyncEngine, deadline: float
    ) -> AsyncIterator[AsyncConnection]:
        """Past its deadline the driver's connection is cut: a cancelled Core would first wait
        for the silent server to say goodbye."""
        async with AsyncExitStack() as stack:
            async with asyncio.timeout_at(deadline):
                connection = await stack.enter_async_context(engine.connect())
            driver = _driver_of(await connection.get_raw_connection())
            cut = asyncio.get_running_loop().call_at(deadline, self._cut, driver, time.monotonic())
            stack.callback(cut.cancel)
            yield connection

    def _cut(self, driver: _Driver, since: float) -> None:
        driver.terminate()
        self._doubt(since)

    def _doubt(self, since: float) -> None:
        """A server that is there would have ended the statement by itself by now."""
        if time.monotonic() - since >= self._statement_timeout:
            self._distrusted = time.monotonic()

    async def _connect(self) -> _Driver:
        settings = {"application_name": self._application_name}
        timeout = {"statement_timeout": str(round(self._statement_timeout * 1000))}
        try:
            return await self._connect_with(settings | timeout)
        except asyncpg.ProtocolViolationError:  # pgbouncer passes no such setting on
            return await self._connect_with(settings)
        except _REFUSED as error:
            raise Unavailable from error

    async def _connect_with(self, settings: dict[str, str]) -> _Driver:
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
        driver: _Driver = connection.driver_connection
        if driver.is_closed() or record.info["born"] < self._distrusted:
            driver.terminate()
            raise exc.DisconnectionError


def _note_birth(_: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    record.info["born"] = time.monotonic()


def _driver_of(connection: PoolProxiedConnection) -> _Driver:
    return cast(_Driver, connection.driver_connection)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        cause = _driver_error(error)
        if _is_lost(cause) or isinstance(cause, _BUSY):
            raise Unavailable from error
        raise


def _driver_error(error: Exception) -> Exception:
    wrapped = error.orig if isinstance(error, exc.DBAPIError) else None
    return wrapped.driver_exception if isinstance(wrapped, exc.EmulatedDBAPIException) else error


def _is_lost(error: Exception) -> bool:
    if isinstance(error, asyncpg.InterfaceError):
        return "closed" in str(error)
    return isinstance(error, (*_LOST, *_STALE))


def _is_over(deadline: float) -> bool:
    return asyncio.get_running_loop().time() >= deadline


def _driver_url(url: str) -> str:
    """As the driver wants it: its scheme, `sslmode`, and none of what only libpq understands."""
    try:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        usable = parts.port is None or parts.port > 0
    except ValueError:
        raise UnusableUrl from None
    scheme = parts.scheme.removesuffix("+asyncpg")
    if scheme not in ("postgres", "postgresql") or parts.fragment or not usable:
        raise UnusableUrl
    if "ssl" in query:
        query.setdefault("sslmode", query.pop("ssl"))
    kept = {name: value for name, value in query.items() if name not in _NOT_FOR_THE_SERVER}
    return urlunsplit((scheme, parts.netloc, parts.path, urlencode(kept), ""))
