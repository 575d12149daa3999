"""What is listed and counted, asked of the stores in memory and of those in PostgreSQL."""

import pytest

from domain.experiments import Experiment, ExperimentOrderField, ExperimentStatus
from domain.ids import new_id
from domain.paging import Ordering, Page, window
from tests.factories import NOON
from tests.persistence.stores import EVERYTHING, HOUR, LATER, Stores


async def test_a_search_looks_at_name_description_and_hypothesis(stores: Stores) -> None:
    plain = {"description": None, "hypothesis": None}
    await stores.made(name="a Blue name", **plain)
    await stores.made(name="b", description="something BLUE", hypothesis=None)
    await stores.made(name="c", description=None, hypothesis="blueish")
    await stores.made(name="d", description="b l u e", hypothesis="100% _sure\\")

    assert await stores.listed(search="blue") == ["a Blue name", "b", "c"]
    assert await stores.listed(search="0% _S") == ["d"]
    assert await stores.listed(search="\\") == ["d"]
    assert await stores.listed(search="b%e") == []
    assert await stores.listed(search="") == ["a Blue name", "b", "c", "d"]


async def test_created_after_is_inclusive_and_before_is_exclusive(stores: Stores) -> None:
    for hour in range(4):
        await stores.made(name=f"at {hour}", created_at=NOON + hour * HOUR)

    assert await stores.listed(created_after=LATER) == ["at 1", "at 2", "at 3"]
    assert await stores.listed(created_before=LATER) == ["at 0"]
    assert await stores.listed(created_after=LATER, created_before=LATER + HOUR) == ["at 1"]


async def test_archived_ones_are_listed_only_where_they_are_asked_for(stores: Stores) -> None:
    for status in ExperimentStatus:
        await stores.made(name=status.value, status=status)

    assert await stores.listed() == ["active", "completed", "draft", "paused"]
    assert await stores.listed(status=frozenset()) == []
    asked = frozenset({ExperimentStatus.ARCHIVED, ExperimentStatus.DRAFT})
    assert await stores.listed(status=asked) == ["archived", "draft"]


async def test_filters_hold_all_at_once(stores: Stores) -> None:
    author = new_id()
    await stores.made(name="both", target_bot="bot", created_by=author)
    await stores.made(name="bot", target_bot="bot")
    await stores.made(name="author", target_bot="Bot", created_by=author)
    await stores.made(name="neither", target_bot=None)

    assert await stores.listed(target_bot="bot") == ["bot", "both"]
    assert await stores.listed(created_by=author) == ["author", "both"]
    assert await stores.listed(target_bot="bot", created_by=author) == ["both"]


async def test_experiments_are_counted_by_status(stores: Stores) -> None:
    for status in (ExperimentStatus.DRAFT, ExperimentStatus.DRAFT, ExperimentStatus.ARCHIVED):
        await stores.made(status=status)

    assert await stores.experiments.count_by_status(stores.home) == {
        ExperimentStatus.DRAFT: 2,
        ExperimentStatus.ARCHIVED: 1,
    }


async def test_those_active_come_by_name(stores: Stores) -> None:
    for name in ("c", "a", "b"):
        await stores.made(name=name, status=ExperimentStatus.ACTIVE)
    await stores.made(name="paused", status=ExperimentStatus.PAUSED)

    active = await stores.experiments.active(stores.home)

    assert [one.name for one in active] == ["a", "b", "c"]


@pytest.mark.parametrize("field", ExperimentOrderField)
async def test_walks_in_both_directions_see_all_once(
    stores: Stores, field: ExperimentOrderField
) -> None:
    for number in range(5):
        started = NOON if number % 2 else None
        await stores.made(name=f"n{number * 3 % 5}", started_at=started)

    for ordering in (Ordering(field), Ordering(field, descending=False)):
        forwards = await _walked(stores, ordering, backwards=False)
        backwards = await _walked(stores, ordering, backwards=True)

        assert len({one.id for one in forwards}) == 5
        assert backwards == forwards
        places = [(ordering.cursor(one).key, one.id) for one in forwards]
        assert places == sorted(places, key=str, reverse=ordering.descending)


async def _walked(stores: Stores, ordering: Ordering, *, backwards: bool) -> list[Experiment]:
    found: list[Experiment] = []
    asked = window(ordering, last=2) if backwards else window(ordering, first=2)
    while True:
        page: Page[Experiment] = await stores.experiments.page(stores.home, asked, EVERYTHING)
        found = [*page.items, *found] if backwards else [*found, *page.items]
        if not (page.has_previous if backwards else page.has_next):
            return found
        if backwards:
            asked = window(ordering, last=2, before=str(page.cursor(page.items[0])))
        else:
            asked = window(ordering, first=2, after=str(page.cursor(page.items[-1])))
