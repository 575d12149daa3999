"""Old events go, and what they came to stays."""

from datetime import datetime, timedelta

import pytest

from domain.errors import InvalidInput
from domain.experiments import ExperimentKey
from domain.ids import new_id
from domain.reporting import TrackRequest
from persistence.engine import Database
from persistence.ingest import Ingest
from persistence.models import ASSIGNMENTS, EXPERIMENTS, METRICS, RUNNING_SUMS, USER_TOTALS
from persistence.pruning import BATCH, prune
from persistence.recount import differences
from tests.factories import NOON, make_design
from tests.fake_tracking import make_running
from tests.persistence.servers import ask
from tests.persistence.shops import MEASURED, Shop, event_of, open_shop, rows_of, sums_of
from tests.putting import put_metrics

DAY = timedelta(days=1)
BEFORE = NOON - DAY


async def pruned(database: Database, before: datetime = BEFORE) -> list[tuple[int, int]]:
    return [step async for step in prune(database, before, noticed=0.0)]


@pytest.fixture
async def shop(database: Database) -> Shop:
    """Ada has ordered on each of the last three days, and converted two days ago."""
    shop, ingest = await open_shop(database, MEASURED), Ingest(database, lambda _: None)
    await ingest.enrol([shop.assignment(user_id="ada", assigned_at=NOON - 3 * DAY)])
    await ingest.track(
        [shop.report("ada", value=3.0, happened_at=NOON - days * DAY) for days in range(3)]
    )
    await ingest.convert([shop.conversion("ada", happened_at=NOON - 2 * DAY)])
    return shop


async def test_events_before_the_time_are_gone_and_those_at_it_are_kept(
    database: Database, shop: Shop
) -> None:
    assert await pruned(database) == [(0, 1), (1, 1)]

    kept = [row for row in await rows_of(database, METRICS) if row.event_type == "order"]
    assert sorted(row.event_timestamp for row in kept) == [NOON - DAY, NOON]


async def test_that_a_user_converted_is_kept_however_long_ago(
    database: Database, shop: Shop
) -> None:
    await pruned(database, NOON + DAY)

    assert [row.event_type for row in await rows_of(database, METRICS)] == ["conversion"]
    [again] = await Ingest(database, lambda _: None).convert([shop.conversion("ada", value=9.0)])
    assert not isinstance(again, Exception)
    assert (again.is_new, again.assignment.conversion_value) == (False, 1.0)


async def test_results_stay_as_they_were_and_can_be_verified(
    database: Database, shop: Shop
) -> None:
    before = [await rows_of(database, model) for model in (RUNNING_SUMS, USER_TOTALS, ASSIGNMENTS)]

    await pruned(database, NOON + DAY)

    after = [await rows_of(database, model) for model in (RUNNING_SUMS, USER_TOTALS, ASSIGNMENTS)]
    assert after == before
    assert await differences(database, shop.experiment.id) == []


async def test_what_comes_afterwards_counts_on_top(database: Database, shop: Shop) -> None:
    await pruned(database, NOON + DAY)

    await Ingest(database, lambda _: None).track([shop.report("ada", value=0.5)])

    [sums] = (await sums_of(database, shop.definitions[0].id)).values()
    assert sums.total == 9.5
    assert await differences(database, shop.experiment.id) == []


async def test_large_numbers_go_in_batches_and_say_how_far_they_are(
    database: Database, shop: Shop
) -> None:
    [user] = await rows_of(database, ASSIGNMENTS)
    old = NOON - 9 * DAY
    await put_metrics(
        database,
        [event_of(user, id=new_id(), event_timestamp=old) for _ in range(2 * BATCH)],
    )

    steps = await pruned(database)

    assert steps == [(0, 20_001), (10_000, 20_001), (20_000, 20_001), (20_001, 20_001)]


async def test_where_nothing_is_old_nothing_is_changed(
    database: Database, database_url: str, shop: Shop
) -> None:
    rows = "SELECT array_agg(xmin::text) FROM ab_experiments"
    before = await ask(database_url, rows)

    assert await pruned(database, NOON - 9 * DAY) == [(0, 0)]

    assert await ask(database_url, rows) == before


async def test_what_was_pruned_is_noted_at_the_experiment_and_never_taken_back(
    database: Database, shop: Shop
) -> None:
    bare = await open_shop(database)

    await pruned(database)
    await pruned(database, BEFORE - DAY / 2)

    found = {row.id: row for row in await rows_of(database, EXPERIMENTS)}
    marked, unmarked = found[shop.experiment.id], found[bare.experiment.id]
    assert (marked.events_pruned_before, marked.version) == (BEFORE, 2)
    assert (unmarked.events_pruned_before, unmarked.version) == (None, 1)


async def test_events_of_that_age_are_refused_from_then_on(database: Database, shop: Shop) -> None:
    await pruned(database)
    [experiment] = await rows_of(database, EXPERIMENTS)
    running = make_running(make_design(events_pruned_before=experiment.events_pruned_before))
    key = ExperimentKey(id=experiment.id)

    def event(at: datetime) -> TrackRequest:
        return TrackRequest(key=key, user_id="ada", event_type="order", timestamp=at)

    with pytest.raises(InvalidInput, match=r"^lies before 2026-11-19 12:00Z"):
        event(BEFORE - timedelta(microseconds=1)).report(running, NOON)
    assert event(BEFORE).report(running, NOON).happened_at == BEFORE


async def test_what_an_unmarked_experiment_takes_meanwhile_stays(
    database: Database, shop: Shop
) -> None:
    """It would count again when it is sent again, and no recount would find it."""
    young, ingest = await open_shop(database, MEASURED), Ingest(database, lambda _: None)
    await ingest.enrol([young.assignment(user_id="eve")])

    async for gone, _ in prune(database, BEFORE, noticed=0.0):
        if gone == 0:
            await ingest.track([young.report("eve", event_id="e", happened_at=NOON - 5 * DAY)])

    assert await differences(database, young.experiment.id) == []
    assert await differences(database, shop.experiment.id) == []
