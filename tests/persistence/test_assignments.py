import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from random import Random

import pytest

from domain.assignments import NEWEST_FIRST, Assignment, AssignmentFilter
from domain.errors import NotFound
from domain.experiments import Experiment
from domain.ids import NIL, ProjectId, new_id
from domain.paging import Owner, window
from domain.variants import Variant
from persistence.assignments import Assignments
from persistence.engine import Database
from tests.factories import NOON, make_assignment
from tests.persistence.graphs import stored_experiment, stored_project, stored_variants
from tests.persistence.statements import counted

ALL = AssignmentFilter()
WINDOW = window(NEWEST_FIRST)


@dataclass(frozen=True)
class Shop:
    """A project with an experiment of two variants."""

    project: ProjectId
    experiment: Experiment
    variants: Sequence[Variant]

    def assignment(self, variant: int = 0, **changes: object) -> Assignment:
        owner = self.variants[variant]
        return make_assignment(experiment_id=self.experiment.id, variant_id=owner.id, **changes)


async def open_shop(database: Database) -> Shop:
    project = await stored_project(database)
    experiment = await stored_experiment(database, project)
    return Shop(project, experiment, await stored_variants(database, experiment.id))


@pytest.fixture
def store(database: Database) -> Assignments:
    return Assignments(database)


@pytest.fixture
async def shop(database: Database) -> Shop:
    return await open_shop(database)


@pytest.fixture
async def rival(database: Database) -> Shop:
    return await open_shop(database)


async def test_what_is_added_is_read_again(store: Assignments, shop: Shop) -> None:
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

    added = await store.add(shop.project, [plain, full])

    assert set(added) == {plain.id, full.id}
    assert await store.by_ids(shop.project, added) == {plain.id: plain, full.id: full}


async def test_times_are_read_in_utc(store: Assignments, shop: Shop) -> None:
    zurich = timezone(timedelta(hours=1))
    given = shop.assignment(assigned_at=datetime(2026, 11, 20, 13, tzinfo=zurich))

    await store.add(shop.project, [given])
    read = (await store.by_ids(shop.project, [given.id]))[given.id]

    assert (read.assigned_at, read.assigned_at.tzinfo) == (NOON, UTC)


async def test_thousands_are_added_by_one_statement_of_one_text(
    database: Database, store: Assignments, shop: Shop
) -> None:
    texts = set()
    for count in (1, 2000):
        async with counted(database) as statements:
            added = await store.add(shop.project, [shop.assignment() for _ in range(count)])
        assert (len(statements), len(added)) == (1, count)
        texts.update(statements)

    assert len(texts) == 1


async def test_nothing_to_add_is_no_statement(
    database: Database, store: Assignments, shop: Shop
) -> None:
    async with counted(database, framed=True) as statements:
        assert await store.add(shop.project, []) == ()

    assert statements == []


async def test_a_user_keeps_the_first_assignment(store: Assignments, shop: Shop) -> None:
    first, second = shop.assignment(user_id="ada"), shop.assignment(1, user_id="ada")
    other = shop.assignment(1)

    assert await store.add(shop.project, [first]) == [first.id]
    assert await store.add(shop.project, [second, other]) == [other.id]

    assert await store.of_user(shop.project, shop.experiment.id, "ada") == first


async def test_of_two_for_one_user_in_a_batch_the_earlier_stays(
    store: Assignments, shop: Shop
) -> None:
    first, second = shop.assignment(user_id="ada"), shop.assignment(1, user_id="ada")

    assert await store.add(shop.project, [second, first]) == [first.id]


async def test_adding_the_same_again_adds_nothing(store: Assignments, shop: Shop) -> None:
    made = [shop.assignment() for _ in range(3)]
    await store.add(shop.project, made)

    assert await store.add(shop.project, made) == []


async def test_writers_of_the_same_users_leave_one_assignment_each(
    store: Assignments, shop: Shop
) -> None:
    users = [f"user-{number}" for number in range(200)]
    batches = [[shop.assignment(n % 2, user_id=user) for user in users] for n in range(8)]
    for number, batch in enumerate(batches):
        Random(number).shuffle(batch)  # noqa: S311  the same every time

    added = await asyncio.gather(*(store.add(shop.project, batch) for batch in batches))

    counts = await store.counts(shop.project, Owner.EXPERIMENT, [shop.experiment.id], ALL)
    assert counts == {shop.experiment.id: 200}
    assert sum(map(len, added)) == 200


async def test_what_hangs_on_nothing_of_the_project_is_refused_with_its_batch(
    store: Assignments, shop: Shop, rival: Shop
) -> None:
    good = shop.assignment()
    strangers = [
        rival.assignment(),
        replace(good, id=new_id(), user_id="bob", variant_id=rival.variants[0].id),
        replace(good, id=new_id(), user_id="bob", variant_id=NIL),
        replace(good, id=new_id(), user_id="bob", experiment_id=new_id()),
    ]

    for stranger in strangers:
        with pytest.raises(NotFound):
            await store.add(shop.project, [good, stranger])

    counts = await store.counts(shop.project, Owner.EXPERIMENT, [shop.experiment.id], ALL)
    assert counts == {shop.experiment.id: 0}


async def test_another_project_sees_none_of_it(store: Assignments, shop: Shop, rival: Shop) -> None:
    made = shop.assignment(user_id="ada")
    await store.add(shop.project, [made])
    owner = shop.variants[0].id

    pages = await store.pages(rival.project, Owner.VARIANT, [owner], WINDOW, ALL)

    assert await store.by_ids(rival.project, [made.id]) == {}
    assert await store.of_user(rival.project, shop.experiment.id, "ada") is None
    assert pages[owner].items == []
    assert await store.counts(rival.project, Owner.VARIANT, [owner], ALL) == {owner: 0}


async def test_owners_of_two_projects_at_once_show_only_the_asking_one(
    store: Assignments, shop: Shop, rival: Shop
) -> None:
    mine, theirs = shop.assignment(), rival.assignment()
    await store.add(shop.project, [mine])
    await store.add(rival.project, [theirs])
    owners = [mine.experiment_id, theirs.experiment_id]

    pages = await store.pages(shop.project, Owner.EXPERIMENT, owners, WINDOW, ALL)

    assert [pages[owner].items for owner in owners] == [[mine], []]


async def test_every_owner_gets_a_page_and_a_count(store: Assignments, shop: Shop) -> None:
    made = [shop.assignment(0), shop.assignment(0), shop.assignment(1)]
    await store.add(shop.project, made)
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
    store: Assignments, shop: Shop, owner: Owner, filter: AssignmentFilter, expected: list[str]
) -> None:
    users = ["ada", "bob", "eve"]
    made = [
        shop.assignment(
            user_id=user, has_converted=user == "bob", assigned_at=NOON + timedelta(hours=hour)
        )
        for hour, user in enumerate(users)
    ]
    await store.add(shop.project, made)
    key = getattr(made[0], owner)

    pages = await store.pages(shop.project, owner, [key], WINDOW, filter)
    counts = await store.counts(shop.project, owner, [key], filter)

    assert [item.user_id for item in pages[key].items] == expected[::-1]
    assert counts == {key: len(expected)}


async def test_each_read_is_one_statement(
    database: Database, store: Assignments, shop: Shop
) -> None:
    made = [shop.assignment() for _ in range(30)]
    await store.add(shop.project, made)
    owners = [shop.experiment.id, new_id()]

    async with counted(database, framed=True) as statements:
        await store.by_ids(shop.project, [item.id for item in made])
        await store.of_user(shop.project, shop.experiment.id, made[0].user_id)
        await store.pages(shop.project, Owner.EXPERIMENT, owners, WINDOW, ALL)
        await store.counts(shop.project, Owner.EXPERIMENT, owners, ALL)

    assert len(statements) == 4
