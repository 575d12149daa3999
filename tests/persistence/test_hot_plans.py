"""Each statement of the trackers' path finds its rows by an index, and names the user."""

import pytest

from domain.ids import new_id
from domain.sums import OWN, STRIPES, RunningSums
from persistence.engine import Database
from persistence.ingest import Ingest
from persistence.tallies import Tallies
from tests.persistence.servers import ask
from tests.persistence.shops import MEASURED, Shop, event_of, open_shop
from tests.persistence.statements import Statement, counted
from tests.putting import put_assignments, put_metrics, put_running_sums, put_user_totals
from tests.sums import make_running_sums, make_user_total

USERS = 1000
PER_USER = ("ab_assignments", "ab_metrics", "ab_user_totals")
BY_USER = "uq_ab_assignments_experiment_id_user_id"
BY_EVENT = "idx_metric_event_id"
TABLES = [
    "ab_assignments",  # who is there
    "ab_assignments",  # who comes
    "ab_running_sums",
    "ab_metrics",  # what is new
    "ab_assignments",  # who converts
    "ab_user_totals",
    "ab_metrics",  # what is there
]


@pytest.fixture
async def shop(database: Database, database_url: str) -> Shop:
    """One of six, each with many users who did something, and the sums of many phases."""
    shops = [await open_shop(database, MEASURED) for _ in range(6)]
    for shop in shops:
        users = shop.users(USERS)
        events = [event_of(user, id=new_id(), event_id=name) for user in users for name in "ab"]
        await put_assignments(database, users)
        await put_metrics(database, events)
        totals = [
            make_user_total(
                experiment_id=shop.experiment.id,
                user_id=user.user_id,
                metric_id=shop.definitions[0].id,
            )
            for user in users
        ]
        await put_user_totals(database, totals)
        await put_running_sums(database, sums_of_many_phases(shop))
    await ask(database_url, "ANALYZE")
    return shops[2]


@pytest.fixture
def ingest(database: Database) -> Ingest:
    return Ingest(database, lambda _: None)


def sums_of_many_phases(shop: Shop) -> list[RunningSums]:
    metrics = [OWN, *(definition.id for definition in shop.definitions)]
    return [
        make_running_sums(
            experiment_id=shop.experiment.id,
            variant_id=variant.id,
            metric_id=metric,
            phase=phase,
            stripe=stripe,
        )
        for variant in shop.variants
        for metric in metrics
        for phase in range(8)
        for stripe in range(STRIPES)
    ]


async def plans(database: Database, statement: Statement) -> list[str]:
    """Made for its values, and for any; of the statement that is explained nothing is done."""
    nulls = ", ".join("NULL" for _ in statement.arguments)
    async with database.at_leisure() as connection:
        custom = await connection.fetch(f"EXPLAIN {statement}", *statement.arguments)
        await connection.execute(
            f"SET plan_cache_mode = force_generic_plan; PREPARE it AS {statement}"
        )
        generic = await connection.fetch(f"EXPLAIN EXECUTE it({nulls})")
    return ["\n".join(row[0] for row in rows) for rows in (custom, generic)]


def scanned(plan: str) -> list[str]:
    """The tables of users and sums that are read from end to end."""
    return [name for name in (*PER_USER, "ab_running_sums") if f"Seq Scan on {name}" in plan]


async def test_what_trackers_write_and_ask_is_found_by_the_user(
    database: Database, ingest: Ingest, shop: Shop
) -> None:
    for users in (range(1), range(100, 150)):
        async with counted(database) as statements:
            await write(ingest, shop, [f"user-{number}" for number in users])

        different = list(dict.fromkeys(statements))
        assert [table_of(statement) for statement in different] == TABLES
        for statement in different:
            assert [scanned(plan) for plan in await plans(database, statement)] == [[], []]
            assert "user_id" in statement or table_of(statement) == "ab_running_sums"


async def test_users_and_events_are_found_by_their_own_indexes(
    database: Database, ingest: Ingest, shop: Shop
) -> None:
    await ingest.enrol([shop.assignment(user_id="new")])
    async with counted(database) as statements:
        await ingest.convert([shop.conversion("new")])
        await ingest.track([shop.report("user-7", event_id="a")])

    indexes = [BY_USER, None, "pk_ab_assignments", "pk_ab_user_totals", "pk_ab_running_sums"]
    indexes += [BY_USER, None, BY_EVENT, BY_USER]
    assert len(statements) == len(indexes)
    for statement, index in zip(statements, indexes, strict=True):
        for plan in await plans(database, statement):
            assert index is None or index in plan


async def test_sums_are_found_by_their_experiment(database: Database, shop: Shop) -> None:
    tallies = Tallies(database)
    async with counted(database) as statements:
        await tallies.by_variants(shop.project, [variant.id for variant in shop.variants])
        await tallies.publish([shop.experiment.id])

    assert len(statements) == 4
    for statement in statements:
        assert [scanned(plan) for plan in await plans(database, statement)] == [[], []]


async def write(ingest: Ingest, shop: Shop, names: list[str]) -> None:
    """All that trackers do, of known and of new users."""
    await ingest.find([(shop.experiment.id, name) for name in names])
    await ingest.enrol([shop.assignment(user_id=f"new-{name}") for name in names])
    await ingest.enrol([shop.assignment(user_id=name) for name in names])
    for _ in range(2):
        await ingest.convert([shop.conversion(name) for name in names])
    await ingest.track([shop.report(name, event_id="a") for name in names])
    await ingest.track([shop.report(name, event_id="z") for name in names])


def table_of(statement: Statement) -> str:
    words = statement.replace(".", " ").replace("(", " ").split()
    return next(word for word in words if word.startswith("ab_"))
