"""Statements that are kept: compiled by Core once, and run on the driver itself."""

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any, Protocol, TypeAlias

import asyncpg
from sqlalchemy import CompoundSelect, Delete, Dialect, Insert, Select, Update

from persistence.statements import Statements

Read: TypeAlias = Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]]
Statement: TypeAlias = Read | Insert | Update | Delete
Driver: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Compiled:
    """The text of a statement that is kept, and how its parameters are bound."""

    def __init__(self, statement: Statement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        binds = {name: compiled.binds[name] for name in compiled.positiontup or ()}
        self.text = compiled.string
        self._defaults = {name: bind.value for name, bind in binds.items() if not bind.required}
        self._processes = [
            (name, bind.type.dialect_impl(dialect).bind_processor(dialect))
            for name, bind in binds.items()
        ]

    def arguments(self, parameters: Mapping[str, Any]) -> list[object]:
        values = {**self._defaults, **parameters}
        return [
            values[name] if process is None else process(values[name])
            for name, process in self._processes
        ]


class Source(Protocol):
    async def rows(
        self, statement: Read, parameters: Mapping[str, Any]
    ) -> Sequence[asyncpg.Record]: ...


class Transaction:
    """Kept statements, run one after the other on the driver itself."""

    def __init__(
        self, driver: Driver, compiled: Callable[[Statement], Compiled], statements: Statements
    ) -> None:
        self._driver = driver
        self._compiled = compiled
        self._statements = statements

    async def rows(
        self, statement: Statement, parameters: Mapping[str, Any]
    ) -> Sequence[asyncpg.Record]:
        compiled = self._compiled(statement)
        began = perf_counter()
        try:
            return await self._driver.fetch(compiled.text, *compiled.arguments(parameters))
        finally:
            self._statements.note(compiled.text, began)
