from sqlalchemy import func, literal, select, update

from persistence.engine import Database
from persistence.people_tables import projects
from tests.persistence.statements import counted

KEPT = select(literal(1))


async def test_statements_of_core_and_of_the_driver_are_counted(database: Database) -> None:
    async with counted(database) as statements:
        await database.rows(KEPT, {})
        await database.rows(select(func.count()).select_from(projects))
        async with database.begin() as connection:
            await connection.execute(update(projects).values(name="Shop"))

    assert [statement.split()[0] for statement in statements] == ["SELECT", "SELECT", "UPDATE"]


async def test_a_read_is_one_round_trip_and_a_write_has_a_frame(database: Database) -> None:
    async with counted(database, framed=True) as reading:
        await database.rows(KEPT, {})
        await database.rows(select(func.count()).select_from(projects))
    async with counted(database, framed=True) as writing, database.begin() as connection:
        await connection.execute(update(projects).values(name="Shop"))

    assert len(reading) == 2
    assert sorted(text.split()[0].strip(";") for text in writing) == ["BEGIN", "COMMIT", "UPDATE"]


async def test_statements_before_and_after_are_not_counted(database: Database) -> None:
    await database.rows(KEPT, {})
    async with counted(database) as statements:
        pass
    await database.rows(KEPT, {})

    assert statements == []
