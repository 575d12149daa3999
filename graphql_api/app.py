"""The composition root: the only place that knows both the API and the store."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from starlette.applications import Starlette

from domain.access import Actor, ActorKind, Caller, Scope
from domain.accounts import Accounts
from domain.adapting import Adapting
from domain.administration import Administration, Directory
from domain.arranging import Arranging
from domain.attempts import Attempts
from domain.authentication import Authentication
from domain.authoring import Authoring
from domain.bandits import Beliefs
from domain.closing import Closings
from domain.demonstration import AGE, Clock, Demonstration
from domain.errors import Invalid, Unavailable
from domain.funnelling import Funnelling, FunnelReports
from domain.keeping import Keeper
from domain.keys import Keys as KeyUseCases
from domain.live import Live
from domain.results import Designs, Results
from domain.running import RunningExperiments
from domain.sealing import Box
from domain.setup import Beginning, Setup, Wanted
from domain.tracking import Tracker
from graphql_api.context import Services
from graphql_api.endpoints import Endpoints
from graphql_api.loaders import Stores
from graphql_api.observation import Observation, observation
from graphql_api.settings import Settings, WrongSetting
from graphql_api.site import site
from persistence import distribution, pruning, recount, revisions, setup
from persistence.embedded import EmbeddedPostgres
from persistence.engine import Database
from persistence.ingest import Ingest
from persistence.key_file import KeyFile, configured
from persistence.models import validate_models
from persistence.passwords import Passwords
from persistence.pool import pool_use
from persistence.publishing import Publisher
from persistence.rotation import Rotation
from persistence.scratch import scratch_database
from persistence.sealing import ALGORITHM_STATE, SealedBox
from persistence.secret_keys import GivenKeys
from persistence.stores import AllStores


def create_app(settings: Settings, url: str, observed: Observation | None = None) -> Starlette:
    """On the database of that URL, which is migrated already."""
    validate_models()
    observed = observed or observation(settings)
    database = Database(
        url, pool_size=settings.pool_size, prepared_statements=settings.prepared_statements
    )
    database.statements.listen(*observed.statement_listeners)
    parts = _Parts(database, _now, observed, _box(settings))
    services = parts.services()
    endpoints = Endpoints(services, settings, observed)
    always = (parts.publisher, parts.keeper, parts.adapting, services.live, endpoints.vigil)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(each.run()) for each in always]
        yield
        for task in tasks:
            task.cancel()
        await parts.ingest.drain()
        await parts.publisher.publish()
        await database.dispose()

    metrics = endpoints.metrics(lambda: pool_use(database), parts.ingest.waiting)
    app = site(endpoints, lambda: _problems(database), metrics, lifespan)
    app.state.database, app.state.services, app.state.endpoints = database, services, endpoints
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


def secret_keys(settings: Settings) -> GivenKeys | KeyFile:
    """Those of an embedded database are made when they are first needed."""
    folder = settings.data_dir if settings.database_url is None else None
    return configured(settings.secret_key, settings.secret_key_file, folder)


def _box(settings: Settings) -> Box:
    return SealedBox(secret_keys(settings), ALGORITHM_STATE)


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


@asynccontextmanager
async def rotation(settings: Settings) -> AsyncIterator[Rotation]:
    keys = secret_keys(settings)
    async with _database(settings) as database:
        yield Rotation(database, keys)


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
    await revisions.require_head(url)


async def drift() -> Sequence[str]:
    """How a database that the migrations have made differs from the tables of the code."""
    async with scratch_database() as url:
        return await revisions.differences(url)


async def create_revision(message: str) -> str:
    async with scratch_database() as url:
        return await revisions.create_revision(url, message)


class _Parts:
    """What hangs together on one database: what trackers write, and who hears of it."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], observed: Observation, box: Box
    ) -> None:
        self._stores, self._clock, self._observed = AllStores(database), clock, observed
        stores = self._stores
        designs = Designs(
            experiments=stores.experiments, variants=stores.variants, metrics=stores.metrics
        )
        self._results = Results(designs, stores.sums, stores.snapshots, clock)
        self._beliefs = Beliefs(box)
        self.publisher = Publisher(stores.tallies)
        self.keeper = Keeper(self._results, stores.tallies, stores.snapshots, clock)
        self.adapting = Adapting(designs, self._results, stores.bandits, self._beliefs, clock)
        heard = self.publisher.notice, self.keeper.notice, self.adapting.notice
        self.ingest = Ingest(database, *heard, on_flush=observed.measures.note_flush)

    def services(self) -> Services:
        stores, clock, seconds = self._stores, self._clock, time.monotonic
        experiments, variants = stores.experiments, stores.variants
        running = RunningExperiments(
            experiments, variants, stores.metrics, seconds, self.adapting.mended
        )
        forget, closings = running.forget, Closings(self._results)
        self.adapting.tell(forget)
        return Services(
            stores=_shown(stores),
            authentication=Authentication(stores.credentials, clock, seconds),
            authoring=Authoring(
                experiments,
                variants,
                clock,
                closings=closings,
                announce=forget,
                begun=self._beliefs.begun,
            ),
            arranging=Arranging(experiments, variants, stores.elements, clock, forget),
            running=running,
            tracker=Tracker(running, self.ingest, clock),
            results=self._results,
            live=Live(stores.feed, experiments, self._results, seconds),
            funnelling=Funnelling(stores.funnels, clock),
            funnel_reports=FunnelReports(stores.funnels, experiments, variants),
            accounts=Accounts(stores.people, Passwords(), Attempts(seconds), clock),
            keys=KeyUseCases(stores.keys, clock),
            beliefs=self._beliefs,
            batches=self._observed.batches,
        )


def _shown(stores: AllStores) -> Stores:
    """In the graph."""
    return Stores(
        experiments=stores.experiments,
        variants=stores.variants,
        elements=stores.elements,
        tallies=stores.tallies,
        assignments=stores.assignments,
        metrics=stores.metrics,
        projects=stores.projects,
        people=stores.people,
        keys=stores.keys,
        audit=stores.audit,
        funnels=stores.funnels,
    )


@asynccontextmanager
async def administration(settings: Settings, operator: str) -> AsyncIterator[Administration]:
    async with _database(settings) as database:
        stores, passwords = AllStores(database), Passwords()
        directory = Directory(people=stores.people, projects=stores.projects, keys=stores.keys)
        accounts = Accounts(directory.people, passwords, Attempts(time.monotonic), _now)
        yield Administration(directory, passwords, accounts, operator, _now)


@asynccontextmanager
async def demonstration(
    settings: Settings, project: str | None, operator: str
) -> AsyncIterator[Demonstration]:
    """Whose story begins in the past."""
    box = _box(settings)
    async with administration(settings, operator) as administered:
        found = await administered.project(project)
    actor = Actor(kind=ActorKind.OPERATOR, name=operator)
    caller = Caller(project=found.id, actor=actor, scopes=frozenset(Scope))
    clock = Clock(_now() - AGE)
    async with _database(settings) as database:
        parts = _Parts(database, clock, Observation(), box)
        services = parts.services()
        try:
            yield Demonstration(services.authoring, services.tracker, parts.keeper, clock, caller)
        finally:
            await parts.publisher.publish()


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    """For an operator's command, with the server running or not."""
    async with database_url(settings, share=True) as url:
        database = Database(url)
        try:
            yield database
        finally:
            await database.dispose()


async def _problems(database: Database) -> Sequence[str]:
    try:
        async with database.begin() as connection:
            missing = await revisions.pending(connection)
    except Unavailable as fault:
        return [str(fault)]
    return [f"revision {revision} is not applied: run abgraph migrate" for revision in missing]


def _now() -> datetime:
    return datetime.now(UTC)
