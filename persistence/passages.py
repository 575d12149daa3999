"""How far users get in a funnel: one statement, generated from the funnel's graph.

Each user's events come as two arrays in their order: which of the funnel's event types each is of,
and when it was. A step is a place in them, the next step a place behind it. Each level of the
statement finds what the places of the level before lead to, and is computed once: OFFSET 0 keeps
the planner from writing one level into the next. Only numbers of ours are written into the text.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from graphlib import TopologicalSorter
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import (
    ColumnElement,
    Double,
    FromClause,
    Integer,
    Select,
    Text,
    any_,
    bindparam,
    case,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from domain.errors import TookTooLong, Unavailable
from domain.funnels import LinkPassage, Passage, Path
from domain.ids import ProjectId
from persistence.columns import TIME
from persistence.engine import Database
from persistence.outages import driver_error
from persistence.tables import experiments, metrics

_AT_ONCE = 2  # of one process; trackers need connections and processors, too
_ZERO: ColumnElement[int] = literal_column("0")
_HALF: ColumnElement[float] = literal_column("0.5")

Place = ColumnElement[int]


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the text of the statement depends on: for each step the number of its event type, the
    links by the positions of their steps, and whether there is a window."""

    types: tuple[int, ...]
    links: tuple[tuple[int, int], ...]
    is_windowed: bool

    def sources(self, step: int) -> Sequence[int]:
        return [source for source, target in self.links if target == step]

    @property
    def first(self) -> Sequence[int]:
        return [step for step in range(len(self.types)) if not self.sources(step)]

    def depths(self) -> Sequence[Sequence[int]]:
        """Steps behind the first ones; those of a depth rest on those of the depths before."""
        order = TopologicalSorter({step: self.sources(step) for step in range(len(self.types))})
        order.prepare()
        found = []
        while order.is_active():
            found.append(sorted(order.get_ready()))
            order.done(*found[-1])
        return found[1:]


class Passages:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def of(
        self, project: ProjectId, experiment: UUID, path: Path, within: timedelta | None
    ) -> Mapping[UUID, Passage]:
        types = list(dict.fromkeys(step.event_type for step in path.steps))
        statement = _statement(_shape(path, types, within))
        asked = {"project": project, "experiment": experiment, "types": types}
        if within is not None:
            asked["seconds"] = within.total_seconds()
        async with self._turns:
            rows = await self._read(statement, asked)
        return {row[0]: _passage(path, row) for row in rows}

    async def _read(
        self, statement: Select[*tuple[Any, ...]], asked: Mapping[str, object]
    ) -> Sequence[asyncpg.Record]:
        try:
            return await self._database.rows(statement, asked)
        except Unavailable as fault:
            if isinstance(driver_error(fault.__cause__ or fault), asyncpg.QueryCanceledError):
                raise TookTooLong("the report of a funnel") from fault
            raise


def _shape(path: Path, types: Sequence[str], within: timedelta | None) -> _Shape:
    return _Shape(
        types=tuple(types.index(step.event_type) + 1 for step in path.steps),
        links=tuple((link.source.position, link.target.position) for link in path.links),
        is_windowed=within is not None,
    )


def _passage(path: Path, row: asyncpg.Record) -> Passage:
    _, began, *counts = row
    steps, links = len(path.steps), len(path.links)
    users, medians = counts[2 * steps : 2 * steps + links], counts[2 * steps + links :]
    return Passage(
        began=began,
        reached=counts[:steps],
        before=counts[steps : 2 * steps],
        links=[
            LinkPassage(users=count, median_seconds=median)
            for count, median in zip(users, medians, strict=True)
        ],
    )


@lru_cache(maxsize=200)
def _statement(shape: _Shape) -> Select[*tuple[Any, ...]]:
    walk = _Walk(shape)
    walk.begin()
    for steps in shape.depths():
        walk.go_on(steps)
    return walk.counted()


def _histories() -> Select[*tuple[Any, ...]]:
    """A row for each user who did anything of what the funnel asks for."""
    types = bindparam("types", type_=ARRAY(Text()))
    experiment: ColumnElement[UUID] = bindparam("experiment")
    own = select(experiments.c.id).where(
        experiments.c.id == experiment, experiments.c.project_id == bindparam("project")
    )
    kind = func.array_position(types, metrics.c.event_type, type_=Integer())
    return (
        select(
            metrics.c.variant_id,
            func.array_agg(_in_order(kind), type_=ARRAY(Integer())).label("kinds"),
            func.array_agg(_in_order(metrics.c.event_timestamp), type_=ARRAY(TIME)).label("times"),
        )
        .where(metrics.c.experiment_id == experiment, own.exists())
        .where(metrics.c.event_type == any_(types))
        .group_by(metrics.c.assignment_id, metrics.c.user_id, metrics.c.variant_id)  # sorts fastest
    )


def _in_order(value: ColumnElement[Any]) -> ColumnElement[Any]:
    return aggregate_order_by(value, metrics.c.event_timestamp, metrics.c.id)


class _Walk:
    def __init__(self, shape: _Shape) -> None:
        self._shape = shape
        self._level: FromClause = _fenced(_histories())

    def begin(self) -> None:
        """At whichever of the first steps comes first; the window opens there."""
        began = _earliest([self._place(step) for step in self._shape.first])
        self._add(began.label("began"))
        known = self._level.c
        kinds: ColumnElement[Any] = known.kinds
        if self._shape.is_windowed:
            ends = known.times[known.began] + _interval()
            kinds = known.kinds[1 : func.width_bucket(ends, known.times, type_=Integer())]
        self._level = _fenced(
            select(known.variant_id, known.times, kinds.label("kinds")).where(
                known.began.is_not(None)
            )
        )
        self._add(*(self._place(step).label(_step(step)) for step in self._shape.first))

    def go_on(self, steps: Sequence[int]) -> None:
        self._add(
            *(
                self._place(step, behind=self._reached(source)).label(_link(source, step))
                for step in steps
                for source in self._shape.sources(step)
            )
        )

    def counted(self) -> Select[*tuple[Any, ...]]:
        """By variant. Arrays are left behind, which would be sorted with the rows."""
        known, first, links = self._level.c, self._shape.first, self._shape.links
        self._level = _fenced(
            select(
                known.variant_id,
                *(known[_step(step)] for step in first),
                *(self._seconds(*link).label(_link(*link)) for link in links),
            )
        )
        known, steps = self._level.c, range(len(self._shape.types))
        seconds = [known[_link(*link)] for link in links]
        before = [self._shape.sources(step) or [step] for step in steps]
        return select(
            known.variant_id,
            func.count(),
            *(func.count(self._reached(step)) for step in steps),
            *(func.count(_earliest([*map(self._reached, each)])) for each in before),
            *map(func.count, seconds),
            *(func.percentile_cont(_HALF).within_group(each) for each in seconds),
        ).group_by(known.variant_id)

    def _add(self, *columns: ColumnElement[Any]) -> None:
        self._level = _fenced(select(*self._level.c, *columns))

    def _place(self, step: int, behind: Place | None = None) -> Place:
        """Of the first event of the step's type, or of the first one behind a place."""
        asked = [self._level.c.kinds, literal_column(str(self._shape.types[step]))]
        if behind is None:
            return func.array_position(*asked, type_=Integer())
        found = func.array_position(*asked, behind + literal_column("1"), type_=Integer())
        return case((behind.is_not(None), found))

    def _reached(self, step: int) -> Place:
        """The earliest place; once arrays are left behind, not null where there is one."""
        ways = [_link(source, step) for source in self._shape.sources(step)] or [_step(step)]
        return _earliest([self._level.c[way] for way in ways])

    def _seconds(self, source: int, step: int) -> ColumnElement[float]:
        times = self._level.c.times
        taken = times[self._level.c[_link(source, step)]] - times[self._reached(source)]
        return func.date_part("epoch", taken, type_=Double())


def _step(step: int) -> str:
    return f"step_{step}"


def _link(source: int, target: int) -> str:
    return f"link_{source}_{target}"


def _fenced(statement: Select[*tuple[Any, ...]]) -> FromClause:
    return statement.offset(_ZERO).subquery()


def _earliest(places: Sequence[Place]) -> Place:
    return places[0] if len(places) == 1 else func.least(*places)


def _interval() -> ColumnElement[timedelta]:
    """Of seconds alone: the length of a day may depend on the server's time zone."""
    return func.make_interval(*[_ZERO] * 6, bindparam("seconds", type_=Double()))
