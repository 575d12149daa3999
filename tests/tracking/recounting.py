"""Running sums held against the rows, in plain Python: by nothing that counted them before."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from persistence import recount
from persistence.engine import Database

NIL = "00000000-0000-0000-0000-000000000000"
Place: TypeAlias = tuple[str, int, str]  # variant, phase, metric
Figures: TypeAlias = tuple[Decimal | int, ...]

_ID = "SELECT id FROM ab_experiments WHERE experiment_name = $1"
_ASSIGNMENTS = """
    SELECT a.user_id, v.variant_name, a.phase, a.has_converted, a.conversion_value
      FROM ab_assignments a JOIN ab_variants v ON v.id = a.variant_id
      JOIN ab_experiments e ON e.id = a.experiment_id WHERE e.experiment_name = $1
"""
_METRICS = """
    SELECT m.user_id, m.event_id, m.event_type, m.event_value
      FROM ab_metrics m JOIN ab_experiments e ON e.id = m.experiment_id
     WHERE e.experiment_name = $1
"""
_DEFINITIONS = """
    SELECT d.name, d.event_type, d.aggregation, d.cap_high, d.cap_low, d.window_hours
      FROM ab_metric_definitions d JOIN ab_experiments e ON e.id = d.experiment_id
     WHERE e.experiment_name = $1
"""
_SUMS = f"""
    SELECT v.variant_name, s.phase,
           CASE WHEN s.metric_id = '{NIL}' THEN 'own' ELSE d.name END AS metric,
           sum(s.users), sum(s.total), sum(s.squares), sum(s.events), sum(s.event_squares),
           sum(s.cross_products), sum(s.capped)
      FROM ab_running_sums s JOIN ab_experiments e ON e.id = s.experiment_id
      JOIN ab_variants v ON v.id = s.variant_id
      LEFT JOIN ab_metric_definitions d ON d.id = s.metric_id
     WHERE e.experiment_name = $1 GROUP BY 1, 2, 3
"""  # noqa: S608  a constant


@dataclass(slots=True)
class Stored:
    """What the database holds of an experiment."""

    users: Mapping[str, asyncpg.Record]
    events: list[asyncpg.Record]
    definitions: list[asyncpg.Record]
    sums: Mapping[Place, Figures]
    differences: Sequence[str]  # as the server's own recount finds them

    @property
    def conversions(self) -> int:
        return sum(int(self.sums[place][3]) for place in self.sums if place[2] == "own")

    @property
    def impressions(self) -> int:
        return sum(int(self.sums[place][0]) for place in self.sums if place[2] == "own")


@dataclass(slots=True)
class _Counted:
    users: int = 0
    total: Decimal = Decimal(0)
    squares: Decimal = Decimal(0)
    events: int = 0
    event_squares: int = 0
    cross_products: Decimal = Decimal(0)
    capped: int = 0

    def add(self, x: Decimal, events: int, capped: int = 0) -> None:
        """A user."""
        self.users += 1
        self.total += x
        self.squares += x * x
        self.events += events
        self.event_squares += events * events
        self.cross_products += x * events
        self.capped += capped


async def stored(database: str, experiment: str) -> Stored:
    """In one snapshot, when nobody writes any more."""
    async with _snapshot(database) as connection:
        users = await connection.fetch(_ASSIGNMENTS, experiment)
        events = await connection.fetch(_METRICS, experiment)
        definitions = await connection.fetch(_DEFINITIONS, experiment)
        sums = await connection.fetch(_SUMS, experiment)
        found = await connection.fetchval(_ID, experiment)
    assert len({user["user_id"] for user in users}) == len(users)
    return Stored(
        users={user["user_id"]: user for user in users},
        events=events,
        definitions=definitions,
        sums={(row[0], row[1], row[2]): tuple(row)[3:] for row in sums},
        differences=await _differences(database, found),
    )


def miscounted(held: Stored) -> list[str]:
    """Empty where every sum is what the rows make."""
    counted = _recounted(held)
    return [*held.differences] + [
        f"{place}: {held.sums.get(place)} is kept, {counted.get(place)} is what the rows make"
        for place in sorted({*held.sums, *counted})
        if held.sums.get(place) != counted.get(place)
    ]


def _recounted(held: Stored) -> Mapping[Place, Figures]:
    counted: defaultdict[Place, _Counted] = defaultdict(_Counted)
    for user in held.users.values():
        own = counted[user["variant_name"], user["phase"], "own"]
        converted = user["has_converted"]
        own.add(_exact(user["conversion_value"]) if converted else Decimal(0), int(converted))
    for definition in held.definitions:
        assert definition["window_hours"] is definition["cap_low"] is None, "not counted here"
        for name, values in _reported(held, definition["event_type"]):
            user, (x, capped) = held.users[name], _value(definition, values)
            place = user["variant_name"], user["phase"], definition["name"]
            counted[place].add(x, len(values), capped)
    return {place: astuple(each) for place, each in counted.items()}


def _reported(held: Stored, event_type: str) -> Iterator[tuple[str, list[Decimal]]]:
    """By user."""
    values: defaultdict[str, list[Decimal]] = defaultdict(list)
    for event in held.events:
        if event["event_type"] == event_type:
            values[event["user_id"]].append(_exact(event["event_value"]))
    yield from values.items()


def _value(definition: asyncpg.Record, values: list[Decimal]) -> tuple[Decimal, int]:
    match definition["aggregation"]:
        case "binary":
            return Decimal(1), 0
        case "count":
            raw = Decimal(len(values))
        case _:
            raw = sum(values, Decimal(0))
    value = raw if definition["cap_high"] is None else min(raw, _exact(definition["cap_high"]))
    return value, int(value != raw)


def _exact(value: Any) -> Decimal:
    return Decimal(str(value))


async def _differences(url: str, experiment: UUID) -> Sequence[str]:
    database = Database(url)
    try:
        return await recount.differences(database, experiment)
    finally:
        await database.dispose()


@asynccontextmanager
async def _snapshot(database: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(database)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield connection
    finally:
        await connection.close()
