"""No Citus is at hand: of the spreading itself nothing is shown here."""

from persistence.columns import metadata
from persistence.distribution import PER_USER, STRIPED, distribute
from tests.persistence.servers import ask


async def test_on_a_postgresql_of_its_own_nothing_is_done(database_url: str) -> None:
    tables = "SELECT array_agg(oid::text || relname ORDER BY oid) FROM pg_class"
    before = await ask(database_url, tables)

    assert await distribute(database_url) == ()

    assert await ask(database_url, tables) == before


async def test_a_database_without_tables_may_be_asked_too(empty_database_url: str) -> None:
    assert await distribute(empty_database_url) == ()


def test_what_is_spread_exists_and_what_it_refers_to_comes_first() -> None:
    order = [table.name for table in metadata.sorted_tables]

    assert set(PER_USER + STRIPED) <= set(order)
    assert order.index("ab_experiments") < min(order.index(name) for name in PER_USER + STRIPED)
    assert order.index("ab_assignments") < order.index("ab_metrics")
