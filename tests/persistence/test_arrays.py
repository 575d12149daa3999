from collections.abc import Collection

import pytest
from sqlalchemy import select

from domain.experiments import ExperimentStatus
from domain.ids import new_id
from persistence.arrays import among, among_given
from persistence.engine import Database
from persistence.tables import experiments
from tests.persistence.graphs import stored_experiment, stored_project
from tests.persistence.statements import counted

GIVEN = select(experiments.c.id).where(among_given(experiments.c.id, "ids"))


async def test_keys_of_any_number_are_one_array_of_one_text(database: Database) -> None:
    experiment = await stored_experiment(database, await stored_project(database))
    others = [new_id() for _ in range(1000)]

    async with counted(database) as statements:
        for keys in ([], [experiment.id], [experiment.id, experiment.id, *others]):
            new = await database.rows(select(experiments.c.id).where(among(experiments.c.id, keys)))
            kept = await database.rows(GIVEN, {"ids": keys})
            assert [tuple(row) for row in new] == [tuple(row) for row in kept]
            assert len(new) == bool(keys)

    assert (len(statements), len(set(statements))) == (6, 1)


@pytest.mark.parametrize(
    ("statuses", "found"),
    [
        (frozenset({ExperimentStatus.DRAFT, ExperimentStatus.ACTIVE}), 1),
        (frozenset({ExperimentStatus.PAUSED}), 0),
    ],
)
async def test_keys_may_be_choices(
    database: Database, statuses: Collection[ExperimentStatus], found: int
) -> None:
    await stored_experiment(database, await stored_project(database))

    rows = await database.rows(
        select(experiments.c.id).where(among(experiments.c.status, statuses))
    )

    assert len(rows) == found
