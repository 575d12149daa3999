from datetime import UTC, datetime, timedelta, timezone

import pytest

from domain.assignments import NEWEST_FIRST, AssignmentFilter
from domain.ids import NIL, new_id
from domain.paging import Owner, window
from persistence.assignments import Assignments
from persistence.engine import Database
from tests.factories import NOON
from tests.persistence.shops import Shop, open_shop
from tests.persistence.statements import counted
from tests.putting import put_assignments

ALL = AssignmentFilter()
WINDOW = window(NEWEST_FIRST)


@pytest.fixture
def store(database: Database) -> Assignments:
    return Assignments(database)


@pytest.fixture
async def shop(database: Database) -> Shop:
    return await open_shop(database)


@pytest.fixture
async def rival(database: Database) -> Shop:
    return await open_shop(database)


async def test_what_is_stored_is_read_again(
    database: Database, store: Assignments, shop: Shop
) -> None:
    plain = shop.assignment()
    full = shop.assignment(
        1,
        session_id=None,
        has_converted=True,
        converted_at=NOON + timedelta(hours=1),
        conversion_value=-12.5,
        context=[],
        metadata={"nested": [1, 2.5, None, {"é": "🎉\\u0000"}]},
    )

    await put_assignments(database, [plain, full])

    found = await store.by_ids(shop.project, [plain.id, full.id])
    assert found == {plain.id: plain, full.id: full}
    assert await store.of_user(shop.project, shop.experiment.id, full.user_id) == full


async def test_times_are_read_in_utc(database: Database, store: Assignments, shop: Shop) -> None:
    zurich = timezone(timedelta(hours=1))
    given = shop.assignment(assigned_at=datetime(2026, 11, 20, 13, tzinfo=zurich))

    await put_assignments(database, [given])
    read = (await store.by_ids(shop.project, [given.id]))[given.id]

    assert (read.assigned_at, read.assigned_at.tzinfo) == (NOON, UTC)


async def test_another_project_sees_none_of_it(
    database: Database, store: Assignments, shop: Shop, rival: Shop
) -> None:
    made = shop.assignment(user_id="ada")
    await put_assignments(database, [made])
    owner = shop.variants[0].id

    pages = await store.pages(rival.project, Owner.VARIANT, [owner], WINDOW, ALL)

    assert await store.by_ids(rival.project, [made.id]) == {}
    assert await store.of_user(rival.project, shop.experiment.id, "ada") is None
    assert pages[owner].items == []
    assert await store.counts(rival.project, Owner.VARIANT, [owner], ALL) == {owner: 0}


async def test_owners_of_two_projects_at_once_show_only_the_asking_one(
    database: Database, store: Assignments, shop: Shop, rival: Shop
) -> None:
    mine, theirs = shop.assignment(), rival.assignment()
    await put_assignments(database, [mine, theirs])
    owners = [mine.experiment_id, theirs.experiment_id]

    pages = await store.pages(shop.project, Owner.EXPERIMENT, owners, WINDOW, ALL)

    assert [pages[owner].items for owner in owners] == [[mine], []]


async def test_every_owner_gets_a_page_and_a_count(
    database: Database, store: Assignments, shop: Shop
) -> None:
    made = [shop.assignment(0), shop.assignment(0), shop.assignment(1)]
    await put_assignments(database, made)
    first, second = (variant.id for variant in shop.variants)

    pages = await store.pages(shop.project, Owner.VARIANT, [first, second, NIL], WINDOW, ALL)
    counts = await store.counts(shop.project, Owner.VARIANT, [first, second, NIL], ALL)

    assert {owner: len(page.items) for owner, page in pages.items()} == counts
    assert counts == {first: 2, second: 1, NIL: 0}


@pytest.mark.parametrize("owner", [Owner.EXPERIMENT, Owner.VARIANT])
@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (AssignmentFilter(), ["ada", "bob", "eve"]),
        (AssignmentFilter(user_id="bob"), ["bob"]),
        (AssignmentFilter(user_id="nobody"), []),
        (AssignmentFilter(has_converted=True), ["bob"]),
        (AssignmentFilter(has_converted=False), ["ada", "eve"]),
        (AssignmentFilter(assigned_after=NOON + timedelta(hours=1)), ["bob", "eve"]),
        (AssignmentFilter(assigned_before=NOON + timedelta(hours=1)), ["ada"]),
        (AssignmentFilter(user_id="ada", has_converted=True), []),
        (
            AssignmentFilter(
                assigned_after=NOON + timedelta(hours=1), assigned_before=NOON + timedelta(hours=2)
            ),
            ["bob"],
        ),
    ],
)
async def test_a_filter_narrows_pages_and_counts(
    database: Database, shop: Shop, owner: Owner, filter: AssignmentFilter, expected: list[str]
) -> None:
    store, users = Assignments(database), ["ada", "bob", "eve"]
    made = [
        shop.assignment(
            user_id=user, has_converted=user == "bob", assigned_at=NOON + timedelta(hours=hour)
        )
        for hour, user in enumerate(users)
    ]
    await put_assignments(database, made)
    key = getattr(made[0], owner)

    pages = await store.pages(shop.project, owner, [key], WINDOW, filter)
    counts = await store.counts(shop.project, owner, [key], filter)

    assert [item.user_id for item in pages[key].items] == expected[::-1]
    assert counts == {key: len(expected)}


async def test_each_read_is_one_statement(
    database: Database, store: Assignments, shop: Shop
) -> None:
    made = [shop.assignment() for _ in range(30)]
    await put_assignments(database, made)
    owners = [shop.experiment.id, new_id()]

    async with counted(database, framed=True) as statements:
        await store.by_ids(shop.project, [item.id for item in made])
        await store.of_user(shop.project, shop.experiment.id, made[0].user_id)
        await store.pages(shop.project, Owner.EXPERIMENT, owners, WINDOW, ALL)
        await store.counts(shop.project, Owner.EXPERIMENT, owners, ALL)

    assert len(statements) == 4
