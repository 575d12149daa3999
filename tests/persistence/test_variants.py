from dataclasses import replace

from domain.ids import new_id
from persistence.engine import Database
from persistence.models import VARIANTS
from persistence.variants import Variants
from tests.factories import make_variant
from tests.persistence.graphs import (
    stored,
    stored_experiment,
    stored_project,
    stored_variants,
)
from tests.persistence.statements import counted


async def test_variants_are_read_by_id_in_one_statement(database: Database) -> None:
    home = await stored_project(database)
    made = await stored_variants(database, (await stored_experiment(database, home)).id, 30)

    for some in (made[:1], made):
        async with counted(database) as statements:
            found = await Variants(database).by_ids(home, [one.id for one in some])
        assert found == {one.id: one for one in some}
        assert len(statements) == 1


async def test_variants_of_many_experiments_are_read_in_one_statement(database: Database) -> None:
    home = await stored_project(database)
    owners = [(await stored_experiment(database, home)).id for _ in range(10)]
    made = {owner: await stored_variants(database, owner, 3) for owner in owners}

    async with counted(database) as statements:
        found = await Variants(database).by_experiment(home, owners)

    assert {owner: list(variants) for owner, variants in found.items()} == made
    assert len(statements) == 1


async def test_they_come_by_position_and_then_by_age(database: Database) -> None:
    home = await stored_project(database)
    owner = (await stored_experiment(database, home)).id
    first, second, third = (make_variant(experiment_id=owner, position=1) for _ in range(3))
    early = replace(third, position=0, is_active=False)
    await stored(database, VARIANTS, second, first, early)

    found = await Variants(database).by_experiment(home, [owner])

    assert list(found[owner]) == [early, first, second]


async def test_what_is_of_another_project_is_not_read(database: Database) -> None:
    home, elsewhere = await stored_project(database), await stored_project(database)
    theirs = await stored_experiment(database, elsewhere)
    [variant, _] = await stored_variants(database, theirs.id)
    store = Variants(database)

    assert await store.by_ids(home, [variant.id]) == {}
    assert await store.by_experiment(home, [theirs.id]) == {}
    assert set(await store.by_ids(elsewhere, [variant.id, new_id()])) == {variant.id}


async def test_nothing_is_found_of_nothing(database: Database) -> None:
    home = await stored_project(database)

    assert await Variants(database).by_ids(home, []) == {}
    assert await Variants(database).by_experiment(home, [new_id()]) == {}
