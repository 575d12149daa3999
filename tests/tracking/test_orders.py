"""Two writers on pools of their own, who touch the same rows from opposite ends at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import httpx
import pytest

from domain.assigning import AssignRequest
from domain.experiments import ExperimentKey
from domain.reporting import Recorded, TrackRequest
from domain.tracking import Tracker
from graphql_api.app import begin, create_app
from graphql_api.settings import Settings
from persistence.engine import Database
from persistence.projects import Projects
from tests.graphql_api.serving import AUTHORIZATION, KEY
from tests.persistence.servers import ask
from tests.secret import SECRET_KEY
from tests.tracking.load import CREATE, written
from tests.tracking.reconciling import LIMIT
from tests.tracking.recounting import miscounted, stored

ROUNDS = 8
USERS = [f"user-{number}" for number in range(100)]
WAITING = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
TAKE = """
    INSERT INTO ab_metrics (id, experiment_id, variant_id, assignment_id, user_id, event_id,
           event_type, event_value, event_data, event_timestamp, session_context, created_at)
    SELECT gen_random_uuid(), experiment_id, variant_id, id, user_id, $1,
           'purchase', 1, '{}', now(), '{}', now() FROM ab_assignments WHERE user_id = 'user-0'
"""
CHECKOUT = ExperimentKey(name="checkout")


@pytest.fixture
async def trackers(database_url: str) -> AsyncIterator[list[Tracker]]:
    """With an experiment in which all users are."""
    settings = Settings(bootstrap_server_key=KEY, secret_key=SECRET_KEY)
    await begin(settings, database_url)
    apps = [create_app(settings, database_url) for _ in range(2)]
    async with AsyncExitStack() as stack:
        for app in apps:
            await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(apps[0])
        async with httpx.AsyncClient(transport=transport, headers=AUTHORIZATION) as http:
            content = written(CREATE, name="checkout")
            json = {"Content-Type": "application/json"}
            answer = await http.post("http://abgraph/graphql", content=content, headers=json)
            assert answer.status_code == 200, answer.text
        yield [app.state.services.tracker for app in apps]


async def test_writers_who_report_in_opposite_orders_never_lock_each_other_out(
    database: Database, database_url: str, trackers: list[Tracker]
) -> None:
    (project,) = await Projects(database).all()
    one, other = trackers
    await one.assign(project.id, [AssignRequest(key=CHECKOUT, user_id=user) for user in USERS])

    for number in range(ROUNDS):
        events = [_purchase(user, str(number)) for user in USERS]
        async with _first_row_taken(database_url, str(number)):
            writers = [
                asyncio.create_task(tracker.track(project.id, each))
                for tracker, each in ((one, events), (other, events[::-1]))
            ]
            await _until_they_wait(database_url, len(writers))
        outcomes = [outcome for told in await asyncio.gather(*writers) for outcome in told]
        new = [each.is_new for each in outcomes if isinstance(each, Recorded)]
        assert (len(new), sum(new)) == (2 * len(USERS), len(USERS)), outcomes

    held = await stored(database_url, "checkout")
    assert len(held.events) == ROUNDS * len(USERS)
    assert miscounted(held) == []


def _purchase(user: str, event: str) -> TrackRequest:
    return TrackRequest(
        key=CHECKOUT, user_id=user, event_type="purchase", event_id=event, value=2.5
    )


@asynccontextmanager
async def _first_row_taken(url: str, event: str) -> AsyncIterator[None]:
    """By somebody who thinks better of it: whoever has locked rows before is still there then."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("BEGIN")
        await connection.execute(TAKE, event)
        yield
        await connection.execute("ROLLBACK")
    finally:
        await connection.close()


async def _until_they_wait(url: str, count: int) -> None:
    async with asyncio.timeout(LIMIT):
        while await ask(url, WAITING) < count:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)
