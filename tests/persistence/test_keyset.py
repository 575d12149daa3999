from collections.abc import Mapping, Sequence
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import select

from domain.assignments import NEWEST_FIRST, Assignment, AssignmentFilter
from domain.errors import BadRequest
from domain.experiments import Experiment, ExperimentOrderField
from domain.ids import ProjectId, new_id
from domain.paging import Cursor, Ordering, Owner, Page, Window, page, window
from persistence.assignments import Assignments
from persistence.engine import Database
from persistence.keyset import paged
from persistence.models import EXPERIMENTS
from tests.factories import NOON, make_assignment, make_experiment
from tests.persistence.graphs import (
    stored,
    stored_experiment,
    stored_project,
    stored_variants,
)
from tests.persistence.statements import counted
from tests.putting import put_assignments

ALL = AssignmentFilter()
BY_START = Ordering(ExperimentOrderField.STARTED_AT)


async def experiments_page(database: Database, window: Window) -> Page[Experiment]:
    rows = await database.rows(paged(select(*EXPERIMENTS.columns), EXPERIMENTS, window))
    return page(EXPERIMENTS.read(rows), window)


async def stored_experiments(database: Database, random: Random, count: int) -> list[Experiment]:
    project = await stored_project(database)
    starts = [None, *(NOON + timedelta(hours=hour) for hour in range(3))]
    made = [
        make_experiment(project_id=project, started_at=random.choice(starts)) for _ in range(count)
    ]
    await stored(database, EXPERIMENTS, *made)
    return made


def ordered(rows: Sequence[Experiment], ordering: Ordering) -> list[Experiment]:
    def place(row: Experiment) -> tuple[object, UUID]:
        cursor = ordering.cursor(row)
        return cursor.key, cursor.id

    return sorted(rows, key=place, reverse=ordering.descending)


@pytest.mark.parametrize("ordering", [BY_START, Ordering("started_at", descending=False)])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 20])
async def test_walking_forwards_gives_the_sorted_list(
    database: Database, ordering: Ordering, size: int
) -> None:
    made = await stored_experiments(database, Random(size), 20)  # noqa: S311  the same every time

    seen: list[Experiment] = []
    part = await experiments_page(database, window(ordering, first=size))
    seen += part.items
    while part.has_next:
        after = str(part.cursor(part.items[-1]))
        part = await experiments_page(database, window(ordering, first=size, after=after))
        seen += part.items

    assert seen == ordered(made, ordering)


@pytest.mark.parametrize("ordering", [BY_START, Ordering("name", descending=False)])
@pytest.mark.parametrize("size", [1, 3, 20])
async def test_walking_backwards_gives_the_sorted_list(
    database: Database, ordering: Ordering, size: int
) -> None:
    made = await stored_experiments(database, Random(size), 20)  # noqa: S311  the same every time

    seen: list[Experiment] = []
    part = await experiments_page(database, window(ordering, last=size))
    seen = [*part.items]
    while part.has_previous:
        before = str(part.cursor(part.items[0]))
        part = await experiments_page(database, window(ordering, last=size, before=before))
        seen = [*part.items, *seen]

    assert seen == ordered(made, ordering)


async def test_both_cursors_together_enclose_a_part(database: Database) -> None:
    made = ordered(await stored_experiments(database, Random(1), 9), BY_START)  # noqa: S311
    after, before = (str(BY_START.cursor(made[index])) for index in (1, 6))

    first = await experiments_page(database, window(BY_START, first=3, after=after, before=before))
    last = await experiments_page(database, window(BY_START, last=3, after=after, before=before))

    assert first.items == made[2:5]
    assert last.items == made[3:6]


@pytest.mark.parametrize(
    "key",
    ["yesterday", "\0", "\ud800", NOON.replace(tzinfo=None), NOON.max.replace(tzinfo=NOON.tzinfo)],
)
async def test_a_cursor_with_a_key_that_no_row_has_is_refused(database: Database, key: str) -> None:
    forged = Window(ordering=BY_START, after=Cursor(BY_START.token, key, new_id()))

    with pytest.raises(BadRequest, match="malformed"):
        await experiments_page(database, forged)


async def walked(
    store: Assignments, project: ProjectId, owners: Sequence[UUID], size: int
) -> Mapping[UUID, list[Assignment]]:
    """Each owner's own pages until its end, all others with it."""
    seen: dict[UUID, list[Assignment]] = {owner: [] for owner in owners}
    for owner in owners:
        after: str | None = None
        while True:
            pages = await store.pages(
                project, Owner.VARIANT, owners, window(NEWEST_FIRST, first=size, after=after), ALL
            )
            seen[owner] += pages[owner].items
            if not pages[owner].has_next:
                break
            after = str(pages[owner].cursor(pages[owner].items[-1]))
    return seen


@pytest.mark.parametrize("size", [1, 4, 50])
async def test_walking_nested_pages_gives_the_sorted_lists(database: Database, size: int) -> None:
    store, random = Assignments(database), Random(size)  # noqa: S311  the same every time
    project = await stored_project(database)
    experiment = await stored_experiment(database, project)
    variants = await stored_variants(database, experiment.id, 3)
    made = [
        make_assignment(
            experiment_id=experiment.id,
            variant_id=random.choice(variants[:2]).id,
            assigned_at=NOON + timedelta(hours=random.randrange(3)),
        )
        for _ in range(20)
    ]
    await put_assignments(database, made)

    seen = await walked(store, project, [variant.id for variant in variants], size)

    newest = sorted(made, key=lambda row: (row.assigned_at, row.id), reverse=True)
    for variant in variants:
        assert seen[variant.id] == [row for row in newest if row.variant_id == variant.id]


async def test_the_pages_of_any_number_of_owners_are_one_statement(database: Database) -> None:
    store, project = Assignments(database), await stored_project(database)

    texts = set()
    for count in (1, 2, 50):
        async with counted(database) as statements:
            owners = [new_id() for _ in range(count)]
            await store.pages(project, Owner.VARIANT, owners, window(NEWEST_FIRST), ALL)
        assert len(statements) == 1
        texts.update(statements)

    assert len(texts) == 1
