"""What a tracker may expect of its log, asked of the one in memory and of that in PostgreSQL."""

from dataclasses import dataclass, replace

import pytest

from domain.assignments import NotAssigned
from domain.reporting import Recorded
from domain.tracking import TrackingLog
from persistence.engine import Database
from persistence.ingest import Ingest
from tests.factories import NOON
from tests.fake_tracking import FakeLog
from tests.persistence.shops import Shop, open_shop


@dataclass(frozen=True)
class Till:
    log: TrackingLog
    shop: Shop


@pytest.fixture(params=["memory", "postgres"])
async def till(request: pytest.FixtureRequest, database: Database) -> Till:
    shop = await open_shop(database)
    log = FakeLog() if request.param == "memory" else Ingest(database, lambda _: None)
    return Till(log, shop)


async def test_who_is_enrolled_stays_what_they_were_first(till: Till) -> None:
    first, twin, other = (till.shop.assignment(n, user_id="ada") for n in (0, 1, 1))
    bob = till.shop.assignment(user_id="bob")

    assert list(await till.log.enrol([first, bob, twin])) == [first, bob, first]
    assert list(await till.log.enrol([other])) == [first]

    users = [(till.shop.experiment.id, name) for name in ("bob", "eve", "ada")]
    assert list(await till.log.find(users)) == [bob, None, first]


async def test_who_converts_does_so_once_and_is_known_to_have(till: Till) -> None:
    user = till.shop.assignment(user_id="ada")
    await till.log.enrol([user])
    reports = [
        till.shop.conversion(name, value=value)
        for name, value in (("ada", 5.0), ("eve", 1.0), ("ada", 7.0))
    ]

    first, stranger, second = await till.log.convert(reports)

    converted = replace(user, has_converted=True, converted_at=NOON, conversion_value=5.0)
    kept = Recorded(metric=reports[0].of(user), assignment=converted, is_new=True)
    assert (first, second) == (kept, replace(kept, is_new=False))
    assert isinstance(stranger, NotAssigned)
    assert list(await till.log.find([reports[0].user])) == [converted]
    assert list(await till.log.convert(reports[2:])) == [second]


async def test_an_event_with_an_id_counts_once_and_others_each_time(till: Till) -> None:
    user, other = (till.shop.assignment(user_id=name) for name in ("ada", "bob"))
    await till.log.enrol([user, other])
    reports = [
        till.shop.report(name, event_id=event)
        for name, event in (("ada", "e"), ("ada", "e"), ("bob", "e"), ("ada", None), ("ada", None))
    ]

    outcomes = [one for one in await till.log.track(reports) if isinstance(one, Recorded)]

    assert [one.is_new for one in outcomes] == [True, False, True, True, True]
    owners = (user, None, other, user, user)
    rows = [report.of(owner) for report, owner in zip(reports, owners, strict=True) if owner]
    assert [one.metric for one in outcomes] == [rows[0], *rows]


async def test_what_is_written_again_is_answered_as_before(till: Till) -> None:
    await till.log.enrol([till.shop.assignment(user_id="ada")])
    reports = [till.shop.report("ada", event_id=name) for name in ("e", None)]

    first, second = [await till.log.track(reports) for _ in range(2)]

    assert list(first) == list(second)
    assert [one.is_new for one in first if isinstance(one, Recorded)] == [True, True]
