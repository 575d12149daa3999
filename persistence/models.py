"""Entity ↔ table pairs: what a row becomes and what an entity is stored as follows from the fields
and the columns, once at import. The loop that makes entities of rows is generated code."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import repeat, starmap
from operator import attrgetter, itemgetter
from textwrap import indent
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, get_type_hints

import asyncpg
from sqlalchemy import Column, MetaData, Row, Table, null

from domain.assignments import Assignment
from domain.audit import AuditEntry
from domain.elements import Element, ElementVariant
from domain.experiments import Experiment, Phase
from domain.funnels import Funnel, FunnelStep, LinkEnds
from domain.keys import ApiKey
from domain.metrics import Metric, MetricDefinition
from domain.people import Membership, Session, User
from domain.projects import Project
from domain.snapshots import Snapshot
from domain.sums import RunningSums, UserTotal
from domain.variants import Variant
from persistence import element_tables, funnel_tables, people_tables, tables
from persistence.columns import metadata as all_tables
from persistence.documents import Documents
from persistence.kind import Unstorable
from persistence.kinds import kind_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

AnyRow: TypeAlias = Row[*tuple[Any, ...]] | asyncpg.Record | tuple[object, ...]
Entity = TypeVar("Entity", bound="DataclassInstance")

_LOOP = """
def read(rows):
    entities = list(starmap(Thawed, repeat((), len(rows))))
    for entity, {variables} in zip(entities, {columns}, strict=True):
{conversions}
{assignments}
        entity.__class__ = Entity
    return entities
"""


class CannotStore(Exception):
    """A value that does not fit its column: names model and field."""


class CannotRead(Exception):
    """A row that does not fit its entity: names model and field."""


class ModelsDiffer(Exception):
    """Entities and tables say different things: all the differences at once."""


class _Field:
    def __init__(
        self, model: str, name: str, hint: object, column: Column[Any] | None, index: int
    ) -> None:
        self.name = name
        self.label = f"{model}.{name}"
        self.variable = f"{name}_"
        self.kind, self.is_optional = kind_of(hint)
        self.column = column
        self.is_read_at_once = isinstance(self.kind, Documents) and not self.is_optional
        self._value_of = itemgetter(index)

    def store(self, value: object) -> object:
        if value is None and self.is_optional and isinstance(self.kind, Documents):
            return null()  # None would be stored as the null of JSON
        return self._storable(value, self.kind.storable)

    def pack(self, value: object) -> object:
        return self._storable(value, self.kind.packed)

    def pack_all(self, values: list[object]) -> list[object]:
        given = [value for value in values if value is not None] if self.is_optional else values
        return values if self.kind.are_plain(given) else [self.pack(value) for value in values]

    def _storable(self, value: object, convert: Callable[[Any], object]) -> object:
        if value is None and self.is_optional:
            return None
        try:
            return convert(value)
        except Unstorable as unstorable:
            raise CannotStore(f"{self.label}: cannot store <{unstorable}>") from None

    def read(self, value: object) -> object:
        if value is None and self.is_optional:
            return None
        try:
            return self.kind.read(value)
        except ValueError as error:
            raise CannotRead(f"reading {self.label}: {error}") from None

    @property
    def conversion(self) -> str:
        return "" if self.is_read_at_once else self.kind.conversion(self.variable, self.is_optional)

    def scope(self) -> dict[str, object]:
        """What the generated loop knows of this field."""
        return {**self.kind.globals(self.variable), f"all_{self.variable}": self._read_all}

    def _read_all(self, rows: Sequence[AnyRow]) -> Sequence[object]:
        return self.kind.read_all(map(self._value_of, rows))

    def differences(self) -> Iterator[str]:
        if self.column is None:
            yield f"{self.label}: field has no column"
            return
        if not self.kind.fits(self.column.type):
            yield f"{self.label}: column is {self.column.type!r}, field is {self.kind.name}"
        if self.column.nullable and not self.is_optional:
            yield f"{self.label}: column is nullable, field is not"
        if self.is_optional and not self.column.nullable:
            yield f"{self.label}: field is optional, column is not nullable"


class Model(Generic[Entity]):
    def __init__(
        self, entity: type[Entity], table: Table, *, skipped: Collection[str] = ()
    ) -> None:
        hints = get_type_hints(entity)
        self.entity = entity
        self.table = table
        self._skipped = skipped
        self._fields = [
            _Field(entity.__name__, field.name, hints[field.name], table.c.get(field.name), index)
            for index, field in enumerate(fields(entity))
        ]
        self.columns = tuple(field.column for field in self._fields if field.column is not None)
        self._read = self._generated_loop()

    def read(self, rows: Sequence[AnyRow]) -> list[Entity]:
        try:
            return self._read(rows)
        except Exception:  # whatever it is, the slow way names the field
            return [self._read_slowly(row) for row in rows]

    def values(self, entity: Entity) -> dict[str, object]:
        return {field.name: field.store(getattr(entity, field.name)) for field in self._fields}

    def rows(self, entities: Sequence[Entity]) -> list[dict[str, object]]:
        return [self.values(entity) for entity in entities]

    def changed(self, given: Mapping[str, object]) -> dict[str, object]:
        known = {field.name: field for field in self._fields}
        if unknown := given.keys() - known.keys():
            raise CannotStore(f"{self.entity.__name__}.{min(unknown)}: no such field")
        return {name: known[name].store(value) for name, value in given.items()}

    def arrays(self, entities: Sequence[Entity]) -> dict[str, list[object]]:
        """The values of each column, for `unnest`: one statement text for any number of rows."""
        return {
            field.name: field.pack_all([*map(attrgetter(field.name), entities)])
            for field in self._fields
        }

    def differences(self) -> Iterator[str]:
        for field in self._fields:
            yield from field.differences()
        named = {field.name for field in self._fields}
        for column in self.table.columns:
            if column.key not in named and column.key not in self._skipped:
                yield f"{self.entity.__name__}.{column.key}: column has no field"
        for name in self._skipped:
            if name in named or name not in self.table.c:
                yield f"{self.entity.__name__}.{name}: skipped, but there is no such column to skip"

    def _read_slowly(self, row: AnyRow) -> Entity:
        if len(row) != len(self._fields):
            name = self.entity.__name__
            raise CannotRead(f"reading {name}: {len(row)} values for {len(self._fields)} fields")
        pairs = zip(self._fields, row, strict=True)
        return self.entity(**{field.name: field.read(value) for field, value in pairs})

    def _generated_loop(self) -> Callable[[Sequence[Any]], list[Entity]]:
        scope: dict[str, Any] = {"Entity": self.entity, "Thawed": _thawed(self.entity)}
        scope |= {"repeat": repeat, "starmap": starmap}
        for field in self._fields:
            scope |= field.scope()
        exec(_loop_source(self._fields), scope)  # noqa: S102  # of our own field names, at import
        loop: Callable[[Sequence[Any]], list[Entity]] = scope["read"]
        return loop


def _thawed(entity: type) -> type:
    """The same, but not frozen: a frozen class takes a function call to set each field, which
    made reading four times as slow. What is filled in as this becomes the entity at the end."""
    plain = ("__init__", "__setattr__", "__delattr__")
    return type(
        "Thawed", (entity,), {"__slots__": ()} | {name: getattr(object, name) for name in plain}
    )


def _loop_source(fields: Sequence[_Field]) -> str:
    at_once = [field.variable for field in fields if field.is_read_at_once]
    row = ", ".join("_" if field.is_read_at_once else field.variable for field in fields)
    return _LOOP.format(
        variables=", ".join([f"({row},)", *at_once]),
        columns=", ".join(["rows", *(f"all_{variable}(rows)" for variable in at_once)]),
        conversions=indent("\n".join(field.conversion for field in fields), " " * 8),
        assignments="\n".join(f"        entity.{f.name} = {f.variable}" for f in fields),
    )


PROJECTS = Model(Project, people_tables.projects)
USERS = Model(User, people_tables.users)
MEMBERSHIPS = Model(Membership, people_tables.memberships)
SESSIONS = Model(Session, people_tables.sessions)
API_KEYS = Model(ApiKey, people_tables.api_keys)
AUDIT = Model(AuditEntry, people_tables.audit)
EXPERIMENTS = Model(Experiment, tables.experiments)
PHASES = Model(Phase, tables.phases)
VARIANTS = Model(Variant, tables.variants)
ELEMENTS = Model(Element, element_tables.elements)
ELEMENT_VARIANTS = Model(ElementVariant, element_tables.element_variants)
METRIC_DEFINITIONS = Model(MetricDefinition, tables.metric_definitions)
ASSIGNMENTS = Model(Assignment, tables.assignments)
METRICS = Model(Metric, tables.metrics)
USER_TOTALS = Model(UserTotal, tables.user_totals)
RUNNING_SUMS = Model(RunningSums, tables.running_sums)
SNAPSHOTS = Model(Snapshot, tables.snapshots)
FUNNELS = Model(Funnel, funnel_tables.funnels)
FUNNEL_STEPS = Model(FunnelStep, funnel_tables.funnel_steps)
FUNNEL_LINKS = Model(LinkEnds, funnel_tables.funnel_links)

MODELS: tuple[Model[Any], ...] = (
    PROJECTS,
    USERS,
    MEMBERSHIPS,
    SESSIONS,
    API_KEYS,
    AUDIT,
    EXPERIMENTS,
    PHASES,
    VARIANTS,
    ELEMENTS,
    ELEMENT_VARIANTS,
    METRIC_DEFINITIONS,
    ASSIGNMENTS,
    METRICS,
    USER_TOTALS,
    RUNNING_SUMS,
    SNAPSHOTS,
    FUNNELS,
    FUNNEL_STEPS,
    FUNNEL_LINKS,
)


def validate_models(
    models: Collection[Model[Any]] = MODELS, metadata: MetaData = all_tables
) -> None:
    stored = {model.table for model in models}
    differences = [difference for model in models for difference in model.differences()]
    differences += [
        f"{table.name}: table has no entity"
        for table in metadata.sorted_tables
        if table not in stored
    ]
    if differences:
        raise ModelsDiffer("\n".join(differences))
