"""The composition root: the only place that knows both the API and the store."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.applications import Starlette
from starlette.requests import Request

from domain.accounts import Accounts
from domain.administration import Administration, Directory
from domain.attempts import Attempts
from domain.authentication import Authentication
from domain.authoring import Authoring
from domain.closing import Closings
from domain.errors import DomainError, Invalid, Unavailable
from domain.keeping import Keeper
from domain.keys import Keys as KeyUseCases
from domain.results import Designs, Results
from domain.running import RunningExperiments
from domain.setup import Beginning, Setup, Wanted
from domain.tracking import Tracker
from graphql_api.context import Context, Services
from graphql_api.guard import Guard
from graphql_api.loaders import Stores
from graphql_api.schema import closed_schema, schema
from graphql_api.settings import Settings, WrongSetting
from graphql_api.site import site
from graphql_api.transport import GraphQLEndpoint
from persistence import distribution, pruning, recount, revisions, setup
from persistence.address import UnusableUrl
from persistence.assignments import Assignments
from persistence.audit import Audit
from persistence.credentials import Credentials
from persistence.embedded import EmbeddedPostgres, EmbeddedPostgresError
from persistence.engine import Database
from persistence.experiments import Experiments
from persistence.ingest import Ingest
from persistence.keys import Keys
from persistence.metrics import Metrics
from persistence.models import validate_models
from persistence.passwords import Passwords
from persistence.people import People
from persistence.projects import Projects
from persistence.publishing import Publisher
from persistence.snapshots import Snapshots
from persistence.sums import Sums
from persistence.tallies import Tallies
from persistence.variants import Variants

START_FAULTS = (
    WrongSetting,
    UnusableUrl,
    EmbeddedPostgresError,
    revisions.MigrationRefused,
    Unavailable,
    Invalid,
    DomainError,
)


def create_app(settings: Settings, url: str) -> Starlette:
    """On the database of that URL, which is migrated already."""
    validate_models()
    database = Database(
        url, pool_size=settings.pool_size, prepared_statements=settings.prepared_statements
    )
    tallies, results = Tallies(database), _results(database)
    publisher = Publisher(tallies)
    keeper = Keeper(results, tallies, Snapshots(database), _now)
    ingest = Ingest(database, publisher.notice, keeper.notice)
    services = _services(database, ingest, results)
    endpoint = GraphQLEndpoint(
        closed_schema if settings.is_production else schema,
        lambda request: Context(services, request.state.caller, _address(request)),
        is_open=not settings.is_production,
    )
    guard = Guard(services.authentication, endpoint.answer)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(each.run()) for each in (publisher, keeper)]
        yield
        for task in tasks:
            task.cancel()
        await ingest.drain()
        await publisher.publish()
        await database.dispose()

    app = site(guard.answer, lambda: _problems(database), lifespan)
    app.state.database, app.state.services = database, services
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
        return [*await revisions.upgrade(url, revision), *await distribution.distribute(url)]


async def verify(settings: Settings) -> AsyncIterator[tuple[recount.Recount, int]]:
    """Experiment by experiment: whether the running sums are what their rows make."""
    async with _database(settings) as database:
        async for found in recount.recounted(database):
            yield found


async def prune(settings: Settings, before: datetime) -> AsyncIterator[tuple[int, int]]:
    """How many of how many events are gone, again and again."""
    async with _database(settings) as database:
        async for progress in pruning.prune(database, before):
            yield progress


async def begin(settings: Settings, url: str) -> Beginning | None:
    """What a server without users is given to begin with."""
    wanted = Wanted(
        email=settings.bootstrap_email,
        password=settings.bootstrap_password,
        server_key=settings.bootstrap_server_key,
        tracker_key=settings.bootstrap_tracker_key,
    )
    database = Database(url)
    try:
        return await Setup(setup.Setup(database), Passwords(), _now).begin(wanted)
    except Invalid as wrong:
        [(name, message), *_] = [(str(each.path[0]), each.message) for each in wrong.refusals]
        raise WrongSetting(f"ABGRAPH_BOOTSTRAP_{name.upper()}", message) from None
    finally:
        await database.dispose()


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
        case Invalid(refusals=refusals):
            return "; ".join(f"{_place(refusal)}{refusal.message}" for refusal in refusals)
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


def _results(database: Database) -> Results:
    designs = Designs(
        experiments=Experiments(database), variants=Variants(database), metrics=Metrics(database)
    )
    return Results(designs, Sums(database), Snapshots(database), _now)


def _services(database: Database, ingest: Ingest, results: Results) -> Services:
    experiments, variants, keys = Experiments(database), Variants(database), Keys(database)
    people, metrics = People(database), Metrics(database)
    running = RunningExperiments(experiments, variants, metrics, time.monotonic)
    stores = Stores(
        experiments=experiments,
        variants=variants,
        tallies=Tallies(database),
        assignments=Assignments(database),
        metrics=metrics,
        projects=Projects(database),
        people=people,
        keys=keys,
        audit=Audit(database),
    )
    return Services(
        stores=stores,
        authentication=Authentication(Credentials(database), _now, time.monotonic),
        authoring=Authoring(
            experiments, variants, _now, closings=Closings(results), announce=running.forget
        ),
        running=running,
        tracker=Tracker(running, ingest, _now),
        results=results,
        accounts=Accounts(people, Passwords(), Attempts(time.monotonic), _now),
        keys=KeyUseCases(keys, _now),
    )


@asynccontextmanager
async def administration(settings: Settings, operator: str) -> AsyncIterator[Administration]:
    async with _database(settings) as database:
        directory = Directory(
            people=People(database), projects=Projects(database), keys=Keys(database)
        )
        passwords = Passwords()
        accounts = Accounts(directory.people, passwords, Attempts(time.monotonic), _now)
        yield Administration(directory, passwords, accounts, operator, _now)


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    """For an operator's command, with the server running or not."""
    async with database_url(settings, share=True) as url:
        database = Database(url)
        try:
            yield database
        finally:
            await database.dispose()


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


async def _problems(database: Database) -> Sequence[str]:
    try:
        async with database.begin() as connection:
            missing = await revisions.pending(connection)
    except Unavailable as fault:
        return [str(fault)]
    return [f"revision {revision} is not applied: run abgraph migrate" for revision in missing]


def _place(refusal: DomainError) -> str:
    return " ".join(map(str, refusal.path)).replace("_", " ") + ": " if refusal.path else ""


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
