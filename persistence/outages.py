"""Which errors mean that the database is away, or a connection to it lost."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy import exc

from domain.errors import BadRequest, Unavailable

REFUSED = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InternalClientError,  # between the last word of a server and the end of its socket
    asyncpg.ReadOnlySQLTransactionError,  # what was the primary is a replica now
)
_STALE = (  # what the connection remembers is from before a migration
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
    asyncpg.InvalidSQLStatementNameError,
    asyncpg.DuplicatePreparedStatementError,
    asyncpg.InternalServerError,
)
_BUSY = (
    exc.TimeoutError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.PostgresSystemError,
)


@contextmanager
def translated_outages() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        cause = driver_error(error)
        if is_lost(cause) or isinstance(cause, _BUSY):
            raise Unavailable from error
        if _is_about_text(cause):
            raise BadRequest("a text holds NUL or half a character, as no text here can") from error
        raise


def driver_error(error: BaseException) -> BaseException:
    """What the driver said, below what Core made of it."""
    while isinstance(error, exc.DBAPIError | exc.EmulatedDBAPIException) and error.__cause__:
        error = error.__cause__
    return error


def is_lost(error: BaseException) -> bool:
    """Whether the same statement may succeed on another connection."""
    cause = driver_error(error)
    if isinstance(cause, asyncpg.InterfaceError):
        return "closed" in str(cause)
    return isinstance(cause, (*_LOST, *_STALE))


def _is_about_text(error: BaseException) -> bool:
    return isinstance(error, asyncpg.CharacterNotInRepertoireError) or isinstance(
        error.__cause__, UnicodeEncodeError
    )
