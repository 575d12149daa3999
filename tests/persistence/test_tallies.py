"""What variants show: of experiments that run the sums, of others what was published last."""

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from domain.assignments import Assignment
from domain.closing import Closings
from domain.experiments import Edit, ExperimentChanges, ExperimentStatus
from domain.ids import new_id
from domain.reporting import Recorded
from domain.results import Designs, Results
from domain.variants import Standing, Tally, Variant
from persistence.engine import Database
from persistence.experiments import Experiments
from persistence.ingest import Ingest
from persistence.metrics import Metrics
from persistence.models import VARIANTS
from persistence.snapshots import Snapshots
from persistence.sums import Sums
from persistence.tallies import Tallies
from persistence.variants import Variants
from tests.factories import NOON, make_deed
from tests.persistence.servers import ask
from tests.persistence.shops import MEASURED, Shop, open_shop, rows_of
from tests.persistence.statements import counted

ALL = tuple(ExperimentStatus)
COMPLETED = ExperimentStatus.COMPLETED
LEFT_BEHIND = """
    UPDATE ab_variants SET is_control = true, impressions = 40, conversions = 8,
                           conversion_rate = 0.25
"""
SET_STATUS = "UPDATE ab_experiments SET status = '{}'"


@pytest.fixture
def tallies(database: Database) -> Tallies:
    return Tallies(database)


@pytest.fixture
def ingest(database: Database) -> Ingest:
    return Ingest(database, lambda _: None)


@pytest.fixture
async def shop(database: Database, ingest: Ingest) -> Shop:
    """Three users of the first variant, one of whom converted; nobody in the second."""
    shop = await open_shop(database, MEASURED)
    await ingest.enrol([shop.assignment(user_id=name) for name in ("ada", "bob", "eve")])
    await ingest.convert([shop.conversion("ada", value=2.5)])
    return shop


def published(variant: Variant) -> tuple[int, int, float, float]:
    return variant.impressions, variant.conversions, variant.conversion_rate, variant.total_value


async def columns(database: Database, shop: Shop) -> list[tuple[int, int, float, float]]:
    found = {one.id: one for one in await rows_of(database, VARIANTS)}
    return [published(found[variant.id]) for variant in shop.variants]


async def move_to(database: Database, shop: Shop, status: ExperimentStatus) -> Shop:
    edit = Edit(changes=ExperimentChanges(status=status))
    experiments = Experiments(database)
    designs = Designs(
        experiments=experiments, variants=Variants(database), metrics=Metrics(database)
    )
    results = Results(designs, Sums(database), Snapshots(database), lambda: NOON)
    closing = await Closings(results).of(shop.project, shop.experiment.id, status, NOON)
    saved = await experiments.save(shop.project, shop.experiment, edit, make_deed(), closing)
    assert saved is not None
    return replace(shop, experiment=saved)


async def set_status(url: str, status: ExperimentStatus) -> None:
    await ask(url, SET_STATUS.format(status))


@pytest.mark.parametrize("status", ALL)
async def test_variants_of_what_runs_are_counted_by_the_sums_in_one_statement(
    database: Database, database_url: str, tallies: Tallies, shop: Shop, status: ExperimentStatus
) -> None:
    await set_status(database_url, status)
    first, second = (variant.id for variant in shop.variants)

    async with counted(database, framed=True) as statements:
        found = await tallies.by_variants(shop.project, [first, second, new_id()])

    runs = status in (ExperimentStatus.ACTIVE, ExperimentStatus.PAUSED)
    expected = {
        first: Tally(variant_id=first, users=3, conversions=1, value=2.5),
        second: Tally(variant_id=second, users=0, conversions=0, value=0.0),
    }
    assert found == (expected if runs else {})
    assert len(statements) == 1


async def test_the_variants_of_another_project_are_not_counted(
    database: Database, tallies: Tallies, shop: Shop
) -> None:
    rival = await open_shop(database)

    assert await tallies.by_variants(rival.project, [shop.variants[0].id]) == {}


@pytest.mark.parametrize("status", ALL)
async def test_where_variants_stand_is_one_statement_whether_they_run_or_not(
    database: Database, database_url: str, tallies: Tallies, shop: Shop, status: ExperimentStatus
) -> None:
    await set_status(database_url, status)
    await ask(database_url, LEFT_BEHIND)
    first, second = (variant.id for variant in shop.variants)

    async with counted(database, framed=True) as statements:
        found = await tallies.standings(shop.project, [first, second, new_id()])

    left: dict[str, Any] = {"is_control": True, "users": 40, "conversions": 8, "rate": 0.25}
    live = {"is_control": True, "users": 3, "conversions": 1, "rate": 1 / 3}
    nobody = {"is_control": True, "users": 0, "conversions": 0, "rate": 0.0}
    runs = status in (ExperimentStatus.ACTIVE, ExperimentStatus.PAUSED)
    expected = {first: live, second: nobody} if runs else {first: left, second: left}
    assert found == {one: Standing(variant_id=one, **said) for one, said in expected.items()}
    assert len(statements) == 1


async def test_nobody_learns_where_the_variants_of_another_project_stand(
    database: Database, tallies: Tallies, shop: Shop
) -> None:
    rival = await open_shop(database)

    assert await tallies.standings(rival.project, [shop.variants[0].id]) == {}


async def test_phases_and_stripes_are_taken_together(
    tallies: Tallies, ingest: Ingest, shop: Shop
) -> None:
    await ingest.enrol([shop.assignment(user_id=f"u{n}", phase=n % 5) for n in range(50)])

    [found] = (await tallies.by_variants(shop.project, [shop.variants[0].id])).values()

    assert (found.users, found.conversions, found.rate) == (53, 1, 1 / 53)


async def test_those_that_run_are_known(
    database: Database, database_url: str, tallies: Tallies, shop: Shop
) -> None:
    await set_status(database_url, COMPLETED)
    running = [await open_shop(database, status=status) for status in ALL[1:3]]

    assert set(await tallies.running()) == {one.experiment.id for one in running}


async def test_what_is_published_is_what_the_sums_say(
    database: Database, tallies: Tallies, shop: Shop
) -> None:
    async with counted(database, framed=True) as statements:
        await tallies.publish([shop.experiment.id])

    assert [one.split()[0] for one in statements] == ["BEGIN", "SELECT", "SELECT", "WITH", "COMMIT"]
    assert await columns(database, shop) == [(3, 1, 1 / 3, 2.5), (0, 0, 0.0, 0.0)]


async def test_only_what_has_changed_is_written(
    database: Database, database_url: str, tallies: Tallies, shop: Shop
) -> None:
    await tallies.publish([shop.experiment.id])
    versions = "SELECT array_agg(xmin::text ORDER BY id) FROM ab_variants"
    first = await ask(database_url, versions)

    await tallies.publish([shop.experiment.id, new_id()])
    assert await ask(database_url, versions) == first

    await ask(database_url, "UPDATE ab_variants SET total_value = 9 WHERE position = 1")
    before = await ask(database_url, versions)
    await tallies.publish([shop.experiment.id])
    after = await ask(database_url, versions)
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False]


@pytest.mark.parametrize("status", ["draft", "completed", "archived"])
async def test_what_does_not_run_is_not_published(
    database: Database, database_url: str, tallies: Tallies, shop: Shop, status: str
) -> None:
    await set_status(database_url, ExperimentStatus(status))

    async with counted(database) as statements:
        await tallies.publish([shop.experiment.id])

    assert len(statements) == 1
    assert await columns(database, shop) == [(0, 0, 0.0, 0.0)] * 2


@pytest.mark.parametrize("status", [ExperimentStatus.PAUSED, COMPLETED])
async def test_a_transition_publishes(
    database: Database, shop: Shop, status: ExperimentStatus
) -> None:
    await move_to(database, shop, status)

    assert await columns(database, shop) == [(3, 1, 1 / 3, 2.5), (0, 0, 0.0, 0.0)]


async def test_what_is_completed_stays_as_it_was_then_whatever_comes_later(
    database: Database, tallies: Tallies, ingest: Ingest, shop: Shop
) -> None:
    completed = await move_to(database, shop, COMPLETED)
    before = await columns(database, shop)

    await ingest.convert([shop.conversion("bob", value=100.0)])
    await tallies.publish([shop.experiment.id])
    assert await columns(database, shop) == before

    await move_to(database, completed, ExperimentStatus.ARCHIVED)
    assert await columns(database, shop) == before


async def test_a_completion_waits_for_a_publication_under_way_and_has_the_last_word(
    database: Database, database_url: str, ingest: Ingest, shop: Shop
) -> None:
    publishing = await asyncpg.connect(database_url)
    async with publishing.transaction():
        await publishing.execute("SELECT FROM ab_experiments FOR SHARE")
        completing = asyncio.create_task(move_to(database, shop, COMPLETED))
        await asyncio.sleep(0.2)
        assert not completing.done()
        await publishing.execute("UPDATE ab_variants SET impressions = 2")
    await completing
    await publishing.close()

    assert await columns(database, shop) == [(3, 1, 1 / 3, 2.5), (0, 0, 0.0, 0.0)]


async def test_a_publication_waits_for_a_completion_under_way_and_then_writes_nothing(
    database: Database, database_url: str, tallies: Tallies, shop: Shop
) -> None:
    completing = await asyncpg.connect(database_url)
    async with completing.transaction():
        await completing.execute("UPDATE ab_experiments SET status = 'completed'")
        publishing: asyncio.Task[Any] = asyncio.create_task(tallies.publish([shop.experiment.id]))
        await asyncio.sleep(0.2)
        assert not publishing.done()
    await publishing
    await completing.close()

    assert await columns(database, shop) == [(0, 0, 0.0, 0.0)] * 2


async def test_trackers_need_not_wait_for_a_publication(
    database_url: str, ingest: Ingest, shop: Shop
) -> None:
    publishing = await asyncpg.connect(database_url)
    async with publishing.transaction(), asyncio.timeout(2):
        await publishing.execute("SELECT FROM ab_experiments FOR SHARE")
        await publishing.execute("UPDATE ab_variants SET impressions = 2")

        [enrolled] = await ingest.enrol([shop.assignment(1)])
        [recorded] = await ingest.convert([shop.conversion("bob")])
    await publishing.close()

    assert isinstance(enrolled, Assignment)
    assert isinstance(recorded, Recorded)
    assert recorded.is_new
