"""Whatever is wrong with a sum is named, and nothing else is."""

from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import Double, Numeric, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from domain.ids import NIL
from domain.sums import exact
from persistence.engine import Database
from persistence.ingest import Ingest
from persistence.recount import Recount, differences, recounted
from tests.factories import NOON
from tests.persistence.servers import ask
from tests.persistence.shops import MEASURED, Shop, open_shop

COLUMNS = ("users", "total", "squares", "events", "event_squares", "cross_products", "capped")
CHANGE = """
UPDATE ab_running_sums SET {}
 WHERE ctid = (SELECT min(ctid) FROM ab_running_sums WHERE metric_id = '{}')
"""
LOSE = "DELETE FROM ab_running_sums WHERE metric_id = '{}'"
PRUNED = "UPDATE ab_experiments SET events_pruned_before = now()"


@pytest.fixture
async def shop(database: Database) -> Shop:
    """Ada's events go beyond a cap and a window, Bob has converted."""
    shop, ingest = await open_shop(database, MEASURED), Ingest(database, lambda _: None)
    await ingest.enrol([shop.assignment(user_id=name) for name in ("ada", "bob")])
    late = NOON + timedelta(hours=2)
    await ingest.track(
        [
            shop.report("ada", value=7.5),
            shop.report("ada", value=7.5, happened_at=late),
            shop.report("bob", value=-0.5),
        ]
    )
    await ingest.convert([shop.conversion("bob", value=2.0)])
    return shop


def orders(shop: Shop) -> str:
    """Where the sums of the first metric are."""
    return f"variant {shop.variants[0].id}, metric {shop.definitions[0].id}, phase 1"


async def test_what_trackers_wrote_is_right(database: Database, shop: Shop) -> None:
    assert await differences(database, shop.experiment.id) == []


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("which", ["own", "orders"])
async def test_each_figure_is_held_against_the_rows(
    database: Database, database_url: str, shop: Shop, column: str, which: str
) -> None:
    metric = NIL if which == "own" else shop.definitions[0].id
    await ask(database_url, CHANGE.format(f"{column} = {column} + 1", metric))

    [found] = await differences(database, shop.experiment.id)

    assert found.startswith(f"variant {shop.variants[0].id}, metric {metric}, phase 1: ")


async def test_a_difference_says_what_is_kept_and_what_would_be_right(
    database: Database, database_url: str, shop: Shop
) -> None:
    await ask(database_url, CHANGE.format("total = total + 1e-12", shop.definitions[0].id))

    [found] = await differences(database, shop.experiment.id)

    zeros = "0" * 12
    assert found == (
        f"{orders(shop)}: 2 9.500000000001 100.25{zeros}{zeros[2:]} 3 5 19.5{zeros[1:]} 1 is kept,"
        f" 2 9.5{zeros[1:]} 100.25{zeros}{zeros[2:]} 3 5 19.5{zeros[1:]} 1 is what the rows make"
    )


async def test_sums_that_are_missing_are_named(
    database: Database, database_url: str, shop: Shop
) -> None:
    await ask(database_url, LOSE.format(shop.definitions[0].id))

    [found] = await differences(database, shop.experiment.id)

    assert found.startswith(f"{orders(shop)}: nothing is kept, 2 9.5")


@pytest.mark.parametrize("too_many", ["phase = 2", "variant_id = experiment_id"])
async def test_sums_of_nobody_are_named(
    database: Database, database_url: str, shop: Shop, too_many: str
) -> None:
    await ask(database_url, CHANGE.format(too_many, shop.definitions[2].id))

    found = await differences(database, shop.experiment.id)

    assert sorted(line.partition(": ")[2].partition(" is")[0] == "nothing" for line in found) == [
        False,
        True,
    ]
    assert sum(line.endswith("nothing is what the rows make") for line in found) == 1


async def test_rows_that_are_lost_are_missed_by_the_sums(
    database: Database, database_url: str, shop: Shop
) -> None:
    await ask(database_url, "DELETE FROM ab_assignments WHERE user_id = 'ada'")

    found = await differences(database, shop.experiment.id)

    places = [line.partition(":")[0] for line in found]
    assert sorted(place for place in places if place.startswith("user")) == sorted(
        f"user ada, metric {metric.id}" for metric in shop.definitions[:2]
    )
    assert len([place for place in places if place.startswith("variant")]) == 3


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE ab_user_totals SET total = 1 WHERE {}", "1 2 is kept, 15.000000000000 2 is what"),
        ("UPDATE ab_user_totals SET events = 7 WHERE {}", "15.000000000000 7 is kept, 15.0"),
        ("DELETE FROM ab_user_totals WHERE {}", "nothing is kept, 15.000000000000 2 is what"),
    ],
)
async def test_a_users_total_is_held_against_the_events(
    database: Database, database_url: str, shop: Shop, damage: str, said: str
) -> None:
    metric = shop.definitions[0].id
    await ask(database_url, damage.format(f"user_id = 'ada' AND metric_id = '{metric}'"))

    [found] = await differences(database, shop.experiment.id)

    assert found.startswith(f"user ada, metric {metric}: {said}")


async def test_a_total_of_nobody_is_named(
    database: Database, database_url: str, shop: Shop
) -> None:
    totals = "SELECT experiment_id, 'eve', metric_id, total, events FROM ab_user_totals LIMIT 1"
    await ask(database_url, f"INSERT INTO ab_user_totals {totals}")

    [found] = await differences(database, shop.experiment.id)

    assert found.startswith("user eve, metric ")
    assert found.endswith("is kept, nothing is what the rows make")


async def test_where_events_were_pruned_the_totals_are_believed_and_sums_held_against_them(
    database: Database, database_url: str, shop: Shop
) -> None:
    await ask(database_url, "DELETE FROM ab_metrics WHERE user_id = 'ada'")
    assert len(await differences(database, shop.experiment.id)) == 4

    await ask(database_url, PRUNED)
    assert await differences(database, shop.experiment.id) == []

    await ask(database_url, "UPDATE ab_user_totals SET events = events + 1 WHERE user_id = 'ada'")
    assert len(await differences(database, shop.experiment.id)) == 2


async def test_at_most_a_hundred_differences_are_told(
    database: Database, database_url: str, shop: Shop
) -> None:
    users = f"'{shop.experiment.id}', number::text, gen_random_uuid(), 1, 1"
    numbers = "generate_series(1, 200) AS number"
    await ask(database_url, f"INSERT INTO ab_user_totals SELECT {users} FROM {numbers}")  # noqa: S608

    assert len(await differences(database, shop.experiment.id)) == 100


async def test_all_experiments_are_recounted_one_by_one_the_eldest_first(
    database: Database, database_url: str, shop: Shop
) -> None:
    later = await open_shop(database, name="later", created_at=NOON + timedelta(days=1))
    await ask(database_url, LOSE.format(shop.definitions[0].id))

    found = [each async for each in recounted(database)]

    assert [(recount.experiment, of) for recount, of in found] == [
        (shop.experiment.name, 2),
        ("later", 2),
    ]
    assert [len(recount.differences) for recount, _ in found] == [1, 0]
    assert found[1][0] == Recount(experiment=later.experiment.name, differences=[])


async def test_the_database_rounds_a_float_as_we_do(database: Database) -> None:
    random = Random(3)  # noqa: S311  the same every time
    values = [random.uniform(-1, 1) * 10 ** random.uniform(-14, 15) for _ in range(5000)]
    values += [0.0, -0.0, 5e-324, 5e-13, -5e-13, 2.5e-12, 0.1 + 0.2, 1e15, -1e15]
    given = func.unnest(bindparam("values", values, ARRAY(Double))).column_valued("value")

    rows = await database.rows(select(func.round(cast(given, Numeric), 12)))

    assert [row[0] for row in rows] == [exact(value) for value in values]
