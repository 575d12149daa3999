"""The composition root: the only place that knows both the API and the store."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from domain.authoring import Authoring
from domain.errors import Unavailable
from graphql_api import health
from graphql_api.context import Context, Services
from graphql_api.loaders import Stores
from graphql_api.request_log import RequestLog
from graphql_api.schema import schema
from graphql_api.settings import Settings, WrongSetting
from graphql_api.transport import GraphQLEndpoint, internal_error, misdirected
from persistence import revisions
from persistence.address import UnusableUrl
from persistence.assignments import Assignments
from persistence.embedded import EmbeddedPostgres, EmbeddedPostgresError
from persistence.engine import Database
from persistence.experiments import Experiments
from persistence.metrics import Metrics
from persistence.models import validate_models
from persistence.projects import Projects
from persistence.variants import Variants

_STATIC = Path(__file__).parent / "static"
_FIRST_PROJECT = "Default"

START_FAULTS = (
    WrongSetting,
    UnusableUrl,
    EmbeddedPostgresError,
    revisions.MigrationRefused,
    Unavailable,
)


def create_app(settings: Settings, url: str) -> Starlette:
    """On the database of that URL, which is migrated already."""
    validate_models()
    database = Database(
        url, pool_size=settings.pool_size, prepared_statements=settings.prepared_statements
    )
    services = _services(database)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.project = await Projects(database).first(_FIRST_PROJECT, _now())
        yield
        await database.dispose()

    app = Starlette(
        lifespan=lifespan,
        middleware=[
            Middleware(RequestLog),
            Middleware(ExceptionMiddleware, handlers={Exception: internal_error}),
        ],
        exception_handlers={HTTPException: misdirected},
        routes=[
            Route("/healthz", health.alive),
            Route("/readyz", health.ready(lambda: _problems(database))),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
    )
    endpoint = GraphQLEndpoint(
        schema,
        lambda: Context(services, app.state.project.id),
        with_page=not settings.is_production,
    )
    app.state.database = database
    app.add_route("/graphql", endpoint.answer, methods=["GET", "POST"])
    return app


@asynccontextmanager
async def database_url(settings: Settings, *, share: bool) -> AsyncIterator[str]:
    """The URL of the configured database; where none is configured, of the embedded one, which
    runs as long as this does."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    postgres = EmbeddedPostgres(settings.data_dir)
    try:
        url = await postgres.start(share=share)
        watch = asyncio.create_task(postgres.watch())
        try:
            yield url
        finally:
            watch.cancel()
    finally:
        await postgres.stop()


async def migrate(settings: Settings, revision: str) -> Sequence[str]:
    async with database_url(settings, share=True) as url:
        return await revisions.upgrade(url, revision)


async def downgrade(settings: Settings, revision: str) -> Sequence[str]:
    async with database_url(settings, share=True) as url:
        return await revisions.downgrade(url, revision)


async def refuse_old_tables(url: str) -> None:
    """Where `abgraph serve` is not to migrate by itself."""
    if missing := await revisions.pending(url):
        raise revisions.MigrationRefused(
            f"the database lacks {_listed(missing)} and ABGRAPH_MIGRATE is off: "
            "run abgraph migrate first"
        )


def in_words(fault: Exception) -> str:
    """One sentence that names what has to be put right."""
    match fault:
        case UnusableUrl():
            return f"DATABASE_URL cannot be used: {fault}"
        case Unavailable():
            return f"the database of DATABASE_URL cannot be used: {_reason(fault.__cause__)}"
        case _:
            return str(fault)


async def drift() -> Sequence[str]:
    """How a database that the migrations have made differs from the tables of the code."""
    async with _scratch_database() as url:
        return await revisions.differences(url)


async def create_revision(message: str) -> str:
    async with _scratch_database() as url:
        return await revisions.create_revision(url, message)


@asynccontextmanager
async def _scratch_database() -> AsyncIterator[str]:
    with _open_folder() as folder:
        postgres = EmbeddedPostgres(folder / "data", durable=False)
        try:
            url = await postgres.start()
            await revisions.upgrade(url)
            yield url
        finally:
            await postgres.stop()


@contextmanager
def _open_folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="abgraph-") as folder:
        Path(folder).chmod(0o755)  # started by root, PostgreSQL runs as somebody else
        yield Path(folder)


def _services(database: Database) -> Services:
    experiments, variants = Experiments(database), Variants(database)
    stores = Stores(
        experiments=experiments,
        variants=variants,
        assignments=Assignments(database),
        metrics=Metrics(database),
    )
    return Services(stores=stores, authoring=Authoring(experiments, variants, _now))


async def _problems(database: Database) -> Sequence[str]:
    try:
        async with database.begin() as connection:
            missing = await revisions.pending(connection)
    except Unavailable as fault:
        return [str(fault)]
    return [f"revision {revision} is not applied: run abgraph migrate" for revision in missing]


def _listed(missing: Sequence[str]) -> str:
    if len(missing) == 1:
        return f"revision {missing[0]}"
    return f"the revisions {missing[0]} to {missing[-1]}"


def _reason(cause: BaseException | None) -> str:
    """What a server says never holds the password; what the driver says of a URL might."""
    match cause:
        case TimeoutError():
            return "it does not answer"
        case OSError(errno=int(number)) if number > 0:
            return os.strerror(number)
        case OSError(strerror=str(reason)):
            return reason
        case OSError():
            return "it cannot be reached"
        case Exception() if getattr(cause, "sqlstate", None):
            return str(cause).partition("\n")[0]
        case _:
            return type(cause).__name__


def _now() -> datetime:
    return datetime.now(UTC)
