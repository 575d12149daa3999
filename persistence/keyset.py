"""Pages of a select: behind which row they start, in which order they are read, how long they are.
Nested pages, one for each owner, are one statement for all of them."""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Subquery,
    Uuid,
    bindparam,
    func,
    literal,
    select,
    true,
    tuple_,
)

from domain.errors import BadRequest
from domain.ids import ProjectId
from domain.paging import NEVER, Cursor, Identified, Owner, Page, Window, page
from persistence.arrays import among_given
from persistence.engine import Database
from persistence.models import CannotStore, Model
from persistence.tables import assignments, experiments, variants

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    class _Entity(Identified, DataclassInstance, Protocol): ...


Item = TypeVar("Item", bound="_Entity")
Query: TypeAlias = Select[*tuple[Any, ...]]
Condition: TypeAlias = Callable[[FromClause], ColumnElement[bool]]

_OWNERS: Mapping[Owner, tuple[ColumnElement[UUID], FromClause]] = {
    Owner.EXPERIMENT: (experiments.c.id, experiments),
    Owner.VARIANT: (variants.c.id, variants.join(experiments)),
    Owner.ASSIGNMENT: (assignments.c.id, assignments.join(experiments)),
}


def paged(statement: Query, model: Model[Any], window: Window) -> Query:
    """Up to size + 1 rows in the direction of reading, for `domain.paging.page`. A statement that
    is kept gets its values from `bounds`."""
    key = _key(model, window)
    place = tuple_(key, model.table.c.id)
    bound = bounds(model, window)
    for side, is_there in (("after", window.after), ("before", window.before)):
        if is_there:
            cursor = tuple_(
                bindparam(f"{side}_key", bound[f"{side}_key"], key.type),
                bindparam(f"{side}_id", bound[f"{side}_id"], Uuid()),
            )
            falls = window.ordering.descending == (side == "after")
            statement = statement.where(place < cursor if falls else place > cursor)
    falls = window.ordering.descending != window.backwards
    order = [part.desc() if falls else part.asc() for part in (key, model.table.c.id)]
    return statement.order_by(*order).limit(bindparam("limit", bound["limit"], Integer()))


def bounds(model: Model[Any], window: Window) -> dict[str, object]:
    bound: dict[str, object] = {"limit": window.size + 1}
    for side, cursor in (("after", window.after), ("before", window.before)):
        if cursor:
            bound |= {f"{side}_key": _storable(model, window, cursor), f"{side}_id": cursor.id}
    return bound


def _key(model: Model[Any], window: Window) -> ColumnElement[Any]:
    column = model.table.c[window.ordering.attribute]
    return func.coalesce(column, literal(NEVER, column.type)) if column.nullable else column


def _storable(model: Model[Any], window: Window, cursor: Cursor) -> object:
    """A cursor is the caller's text: its key may be of a type that this column never had."""
    attribute = window.ordering.attribute
    try:
        return model.changed({attribute: cursor.key})[attribute]
    except CannotStore:
        raise BadRequest("that cursor is malformed: use one that this list has returned") from None


class Nested(Generic[Item]):
    """What hangs on experiments, variants or assignments of a project; each statement is made once.
    A condition is what one attribute of a filter asks for, with `not` where it asks for False."""

    def __init__(
        self, database: Database, model: Model[Item], conditions: Mapping[str, Condition]
    ) -> None:
        self.database = database
        self._model = model
        self._conditions = conditions
        self._statements: dict[Hashable, Query] = {}
        self._by_ids = of_project(model).where(among_given(model.table.c.id, "ids"))

    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Item]:
        parameters = {"project": project, "ids": list(ids)}
        rows = await self.database.rows(self._by_ids, parameters)
        return {item.id: item for item in self._model.read(rows)}

    async def pages(
        self,
        project: ProjectId,
        owner: Owner,
        owners: Collection[UUID],
        window: Window,
        filter: "DataclassInstance",
    ) -> Mapping[UUID, Page[Item]]:
        """One for each of `owners`, empty where that is none of the project's."""
        asked = _asked(filter)
        shape = (owner, *_shape(window), *asked)
        if shape not in self._statements:
            self._statements[shape] = self._page_statement(owner, window, asked)
        parameters = _owned_by(project, owners) | asked | bounds(self._model, window)
        rows = await self.database.rows(self._statements[shape], parameters)
        found = defaultdict(list)
        for item in self._model.read(rows):
            found[getattr(item, owner)].append(item)
        return {key: page(found[key], window) for key in owners}

    async def counts(
        self,
        project: ProjectId,
        owner: Owner,
        owners: Collection[UUID],
        filter: "DataclassInstance",
    ) -> Mapping[UUID, int]:
        """One for each of `owners`, 0 where that is none of the project's."""
        asked = _asked(filter)
        shape = (owner, *asked)
        if shape not in self._statements:
            self._statements[shape] = self._count_statement(owner, asked)
        parameters = _owned_by(project, owners) | asked
        rows = await self.database.rows(self._statements[shape], parameters)
        return dict.fromkeys(owners, 0) | dict(map(tuple, rows))

    def _page_statement(self, owner: Owner, window: Window, asked: Collection[str]) -> Query:
        """The rows of one owner follow each other in the order in which they are read."""
        owned = _owned(owner)
        rows = select(*self._model.columns).where(*self._where(owner, owned, asked))
        part = paged(rows, self._model, window).lateral("part")
        columns = [part.c[column.key] for column in self._model.columns]
        return select(*columns).select_from(owned.join(part, true()))

    def _count_statement(self, owner: Owner, asked: Collection[str]) -> Query:
        owned = _owned(owner)
        count = select(func.count()).select_from(self._model.table)
        return select(
            owned.c.id,
            count.where(*self._where(owner, owned, asked)).correlate(owned).scalar_subquery(),
        )

    def _where(
        self, owner: Owner, owned: Subquery, asked: Collection[str]
    ) -> list[ColumnElement[bool]]:
        conditions = [self._conditions[name](owned) for name in asked]
        return [self._model.table.c[owner] == owned.c.id, *conditions]


def of_project(model: Model[Any]) -> Query:
    """What hangs on an experiment of the parameter `project`."""
    return (
        select(*model.columns)
        .join(experiments, experiments.c.id == model.table.c.experiment_id)
        .where(experiments.c.project_id == bindparam("project"))
    )


def _owned(owner: Owner) -> Subquery:
    """Those of the parameter `owners` that the project has: asked once each, not for each row."""
    key, source = _OWNERS[owner]
    return (
        select(key.label("id"), experiments.c.id.label("experiment_id"))
        .select_from(source)
        .where(experiments.c.project_id == bindparam("project"), among_given(key, "owners"))
        .subquery("owned")
    )


def _owned_by(project: ProjectId, owners: Collection[UUID]) -> dict[str, object]:
    return {"project": project, "owners": list(owners)}


def _asked(filter: "DataclassInstance") -> dict[str, object]:
    values = ((field.name, getattr(filter, field.name)) for field in fields(filter))
    return {
        f"not {name}" if value is False else name: value
        for name, value in values
        if value is not None
    }


def _shape(window: Window) -> tuple[Hashable, ...]:
    return window.ordering, window.backwards, window.after is None, window.before is None
