"""What trackers write: in few statements, and answered by what is stored."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from domain.assignments import Assignment, NotAssigned
from domain.errors import NotFound
from domain.reporting import Recorded
from domain.sums import OWN
from domain.tracking import Outcome
from persistence.engine import Database
from persistence.ingest import Ingest
from persistence.models import ASSIGNMENTS, METRICS, USER_TOTALS
from persistence.recount import differences
from tests.factories import NOON
from tests.persistence.contents import everything
from tests.persistence.shops import MEASURED, Shop, open_shop, rows_of, sums_of
from tests.persistence.statements import FRAME, Statement, counted
from tests.putting import put_assignments

ENROL = ["INSERT ab_assignments", "INSERT ab_running_sums"]
HELD, EVENTS = "SELECT ab_assignments", "INSERT ab_metrics"
MEASURE = ["INSERT ab_user_totals", "INSERT ab_running_sums"]


@pytest.fixture
async def shop(database: Database) -> Shop:
    return await open_shop(database, MEASURED)


@pytest.fixture
def noticed() -> list[Collection[UUID]]:
    return []


@pytest.fixture
def ingest(database: Database, noticed: list[Collection[UUID]]) -> Ingest:
    return Ingest(database, noticed.append)


def framed(*inner: str) -> list[str]:
    return ["BEGIN", *inner, "COMMIT"]


def shown(statements: list[Statement]) -> list[str]:
    """What each does to which table, and where it begins and ends."""
    return [one if one in ("BEGIN", "COMMIT") else _told(one) for one in statements]


def news(outcomes: Collection[Outcome[Recorded]]) -> list[object]:
    return [one.is_new if isinstance(one, Recorded) else type(one) for one in outcomes]


@pytest.mark.parametrize("count", [1, 500])
async def test_new_users_are_two_statements_in_one_transaction_however_many(
    database: Database, ingest: Ingest, shop: Shop, count: int
) -> None:
    users = shop.users(count)

    async with counted(database, framed=True) as statements:
        assert list(await ingest.enrol(users)) == users

    assert shown(statements) == framed(*ENROL)
    stored = await rows_of(database, ASSIGNMENTS)
    assert sorted(stored, key=lambda one: one.id) == sorted(users, key=lambda one: one.id)
    assert await differences(database, shop.experiment.id) == []


@pytest.mark.parametrize("count", [1, 500])
async def test_known_users_are_told_what_they_have_and_nothing_is_written(
    database: Database, database_url: str, ingest: Ingest, shop: Shop, count: int
) -> None:
    users = shop.users(count)
    await ingest.enrol(users)
    before = await everything(database_url)

    async with counted(database, framed=True) as statements:
        again = await ingest.enrol(shop.users(count, session_id="again"))

    assert list(again) == users
    assert shown(statements) == [*framed("INSERT ab_assignments"), HELD]
    assert await everything(database_url) == before


async def test_of_one_user_who_stands_twice_in_a_batch_the_first_is_kept(
    database: Database, ingest: Ingest, shop: Shop
) -> None:
    first, second = shop.assignment(user_id="ada"), shop.assignment(1, user_id="ada")
    other = shop.assignment(1)

    assert list(await ingest.enrol([first, other, second])) == [first, other, first]
    assert len(await rows_of(database, ASSIGNMENTS)) == 2


async def test_a_mixture_of_known_and_new_is_answered_in_order(ingest: Ingest, shop: Shop) -> None:
    known, new = shop.assignment(user_id="ada"), shop.assignment(1)
    await ingest.enrol([known])

    assert list(await ingest.enrol([new, shop.assignment(1, user_id="ada")])) == [new, known]
    users = [(shop.experiment.id, user) for user in ("ada", "nobody", new.user_id, "ada")]
    assert list(await ingest.find(users)) == [known, None, new, known]


@pytest.mark.parametrize("count", [1, 500])
async def test_finding_is_one_statement_outside_of_any_transaction(
    database: Database, ingest: Ingest, shop: Shop, count: int
) -> None:
    await put_assignments(database, users := shop.users(count))

    async with counted(database, framed=True) as statements:
        found = await ingest.find([(one.experiment_id, one.user_id) for one in users])

    assert (list(found), shown(statements)) == (users, [HELD])


@pytest.mark.parametrize("count", [1, 500])
async def test_conversions_are_counted_in_six_statements(
    database: Database, ingest: Ingest, shop: Shop, count: int
) -> None:
    users = shop.users(count)
    await ingest.enrol(users)
    at = NOON + timedelta(hours=2)

    async with counted(database, framed=True) as statements:
        outcomes = await ingest.convert(
            [shop.conversion(one.user_id, value=2.5, happened_at=at) for one in users]
        )

    assert shown(statements) == framed(HELD, EVENTS, "UPDATE ab_assignments", *MEASURE)
    converted = [
        replace(one, has_converted=True, converted_at=at, conversion_value=2.5) for one in users
    ]
    assert [one.assignment for one in outcomes if isinstance(one, Recorded)] == converted
    assert sorted(await rows_of(database, ASSIGNMENTS), key=lambda one: one.id) == converted
    assert await differences(database, shop.experiment.id) == []


async def test_a_second_conversion_writes_nothing_and_hears_of_the_first(
    database: Database, database_url: str, ingest: Ingest, shop: Shop
) -> None:
    await ingest.enrol([shop.assignment(user_id="ada")])
    [first] = await ingest.convert([shop.conversion("ada", value=5.0)])
    before = await everything(database_url)

    async with counted(database, framed=True) as statements:
        [second] = await ingest.convert([shop.conversion("ada", value=7.0)])

    assert isinstance(first, Recorded)
    assert second == replace(first, is_new=False)
    assert shown(statements) == [*framed(HELD, EVENTS), "SELECT ab_metrics", HELD]
    assert await everything(database_url) == before


@pytest.mark.parametrize("count", [1, 500])
async def test_events_are_measured_in_four_statements(
    database: Database, ingest: Ingest, shop: Shop, count: int
) -> None:
    users = shop.users(count)
    await ingest.enrol(users)
    reports = [shop.report(one.user_id, value=4.0) for one in users]

    async with counted(database, framed=True) as statements:
        outcomes = await ingest.track(reports)

    assert shown(statements) == framed(HELD, EVENTS, *MEASURE)
    pairs = zip(reports, users, strict=True)
    assert list(outcomes) == [
        Recorded(metric=report.of(user), assignment=user, is_new=True) for report, user in pairs
    ]
    assert len(await rows_of(database, METRICS)) == count
    assert await differences(database, shop.experiment.id) == []


async def test_events_that_nothing_measures_move_nothing(
    database: Database, ingest: Ingest, shop: Shop
) -> None:
    await ingest.enrol([shop.assignment(user_id="ada")])

    async with counted(database, framed=True) as statements:
        assert news(await ingest.track([shop.report("ada", event_type="view")])) == [True]

    assert shown(statements) == framed(HELD, EVENTS)
    assert await rows_of(database, USER_TOTALS) == []


async def test_five_hundred_events_of_a_few_users_move_each_total_once(
    database: Database, ingest: Ingest, shop: Shop
) -> None:
    await ingest.enrol(shop.users(3))
    reports = [shop.report(f"user-{n % 3}", value=n / 10) for n in range(500)]

    async with counted(database, framed=True) as statements:
        assert news(await ingest.track(reports)) == [True] * 500

    assert shown(statements) == framed(HELD, EVENTS, *MEASURE)
    totals = [one for one in await rows_of(database, USER_TOTALS) if one.user_id == "user-1"]
    assert [one.events for one in totals] == [167, 167]
    assert {one.total for one in totals} == {Decimal(4175)}
    assert await differences(database, shop.experiment.id) == []


async def test_who_is_not_assigned_is_told_so_and_nothing_is_written(
    database: Database, database_url: str, ingest: Ingest, shop: Shop
) -> None:
    before = await everything(database_url)

    async with counted(database, framed=True) as statements:
        assert news(await ingest.track([shop.report("ada")])) == [NotAssigned]
        assert news(await ingest.convert([shop.conversion("ada")])) == [NotAssigned]

    assert shown(statements) == [*framed(HELD), *framed(HELD)]
    assert await everything(database_url) == before


async def test_an_event_counts_once_and_the_first_of_its_name_stands(
    database: Database, ingest: Ingest, shop: Shop
) -> None:
    await ingest.enrol([shop.assignment(user_id="ada"), shop.assignment(user_id="bob")])
    first, twin = (shop.report("ada", event_id="e", value=value) for value in (1.0, 2.0))
    other = shop.report("bob", event_id="e", value=4.0)

    outcomes = await ingest.track([first, twin, other])
    again = await ingest.track([shop.report("ada", event_id="e", value=8.0)])

    assert news([*outcomes, *again]) == [True, False, True, False]
    assert [one.metric.id for one in [*outcomes, *again] if isinstance(one, Recorded)] == [
        first.id,
        first.id,
        other.id,
        first.id,
    ]
    sums = await sums_of(database, shop.definitions[0].id)
    assert sums[shop.variants[0].id].total == 5


async def test_a_cap_and_a_window_hold_across_calls(
    database: Database, ingest: Ingest, shop: Shop
) -> None:
    await ingest.enrol([shop.assignment(user_id="ada")])
    late = NOON + timedelta(hours=2)

    for value, at in ((6.0, NOON), (6.0, late), (-3.5, NOON)):
        await ingest.track([shop.report("ada", value=value, happened_at=at)])

    (capped,) = (await sums_of(database, shop.definitions[0].id)).values()
    (within,) = (await sums_of(database, shop.definitions[1].id)).values()
    assert (capped.users, capped.events, capped.capped) == (1, 3, 0)
    assert (float(capped.total), float(capped.squares)) == (8.5, 72.25)
    assert (within.users, int(within.total), within.events) == (1, 2, 2)
    assert await differences(database, shop.experiment.id) == []


async def test_whose_sums_may_have_changed_is_noticed(
    ingest: Ingest, shop: Shop, noticed: list[Collection[UUID]]
) -> None:
    await ingest.enrol([shop.assignment(user_id="ada")])
    await ingest.track([shop.report("ada")])
    await ingest.convert([shop.conversion("nobody")])

    assert [set(each) for each in noticed] == [{shop.experiment.id}, {shop.experiment.id}, set()]


async def test_users_are_counted_by_variant_and_phase(
    database: Database, ingest: Ingest, shop: Shop
) -> None:
    made: list[Assignment] = [*shop.users(20), *(shop.assignment(1, phase=2) for _ in range(3))]

    await ingest.enrol(made)

    sums = await sums_of(database, OWN)
    assert [sums[variant.id].users for variant in shop.variants] == [10, 13]


async def test_what_hangs_on_something_removed_is_found_and_spoils_nobody(
    database: Database, ingest: Ingest, shop: Shop
) -> None:
    good = shop.users(7)
    lost = replace(shop.assignment(), variant_id=shop.experiment.id)

    async with counted(database, framed=True) as statements:
        outcomes = await ingest.enrol([*good[:5], lost, *good[5:]])

    assert isinstance(outcomes[5], NotFound)
    assert [*outcomes[:5], *outcomes[6:]] == good
    frames = [str(one) for one in statements if one.startswith(FRAME)]
    assert [frames.count(word) for word in FRAME] == [7, 3, 4]
    assert await differences(database, shop.experiment.id) == []


def _told(statement: Statement) -> str:
    words = statement.replace(".", " ").split()
    verb = next(word for word in words if word in ("INSERT", "UPDATE", "SELECT"))
    return f"{verb} {next(word for word in words if word.startswith('ab_'))}"
