"""Whoever wants to hear of statements hears each of them once, however it is run."""

from sqlalchemy import literal, select

from persistence.compiled import Transaction
from persistence.engine import Database

ONE, TWO = select(literal(1)), select(literal(2), literal(2))


def heard(database: Database) -> list[str]:
    texts: list[str] = []
    database.statements.listen(lambda text, seconds: texts.append(text) if seconds > 0 else None)
    return texts


async def test_a_kept_read_is_heard(database: Database) -> None:
    texts = heard(database)

    await database.rows(ONE, {})

    assert [text.split()[0] for text in texts] == ["SELECT"]


async def test_a_new_read_is_heard(database: Database) -> None:
    texts = heard(database)

    await database.rows(ONE)

    assert [text.split()[0] for text in texts] == ["SELECT"]


async def test_of_a_transaction_its_statements_are_heard(database: Database) -> None:
    texts = heard(database)

    async def work(transaction: Transaction) -> None:
        await transaction.rows(ONE, {})
        await transaction.rows(TWO, {})

    await database.written(work)

    assert [text.count("$") for text in texts] == [1, 2]


async def test_of_a_transaction_by_core_its_statements_are_heard(database: Database) -> None:
    texts = heard(database)

    async with database.begin() as connection:
        await connection.execute(ONE)
        await connection.execute(TWO)

    assert [text.count("$") for text in texts] == [1, 2]
