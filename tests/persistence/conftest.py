"""Two projects, and Ada who owns the first; stores of both kinds; a database of long ago."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from domain.ids import ProjectId, new_id
from domain.people import User
from domain.tokens import new_session_token
from persistence import revisions
from persistence.engine import Database
from persistence.experiments import Experiments
from persistence.models import MEMBERSHIPS, SESSIONS, USERS
from persistence.variants import Variants
from tests.factories import make_membership, make_session, make_user
from tests.fakes import FakeExperiments, FakeVariants, Memory
from tests.persistence.graphs import stored, stored_project
from tests.persistence.history import rows
from tests.persistence.stores import Stores


@pytest.fixture
async def live(empty_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(empty_database_url, statement_cache_size=0)
    yield connection
    await connection.close()


@pytest.fixture
async def url(empty_database_url: str, live: asyncpg.Connection) -> str:
    """Of a database at 001 with rows in every table; `live` is connected to it."""
    await revisions.upgrade(empty_database_url, "001")
    await live.execute(rows("001"))
    return empty_database_url


@pytest.fixture
async def home(database: Database) -> ProjectId:
    return await stored_project(database)


@pytest.fixture
async def elsewhere(database: Database) -> ProjectId:
    return await stored_project(database)


@pytest.fixture
async def ada(database: Database, home: ProjectId) -> User:
    """Who owns the project and has a session."""
    user = make_user()
    await stored(database, USERS, user)
    await stored(database, MEMBERSHIPS, make_membership(project_id=home, user_id=user.id))
    session = make_session(project_id=home, user_id=user.id, token_hash=new_session_token().hash)
    await stored(database, SESSIONS, session)
    return user


@pytest.fixture(params=["memory", "postgres"])
async def stores(request: pytest.FixtureRequest, database: Database) -> Stores:
    if request.param == "memory":
        memory = Memory()
        return Stores(
            experiments=FakeExperiments(memory),
            variants=FakeVariants(memory),
            home=ProjectId(new_id()),
            elsewhere=ProjectId(new_id()),
        )
    return Stores(
        experiments=Experiments(database),
        variants=Variants(database),
        home=await stored_project(database),
        elsewhere=await stored_project(database),
    )
