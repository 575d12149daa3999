from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any, NewType
from uuid import UUID

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Enum,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from domain.experiments import ExperimentStatus
from domain.ids import NIL
from domain.json_values import Json
from domain.variants import Variant
from persistence.engine import Database
from persistence.models import (
    EXPERIMENTS,
    MODELS,
    VARIANTS,
    CannotRead,
    CannotStore,
    Model,
    ModelsDiffer,
    validate_models,
)
from persistence.tables import experiments, metadata
from tests.factories import (
    NOON,
    make_assignment,
    make_experiment,
    make_metric,
    make_metric_definition,
    make_phase,
    make_project,
    make_variant,
)
from tests.persistence.graphs import stored, stored_experiment, stored_project

Mark = NewType("Mark", UUID)


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Colour(StrEnum):
    RED = "small"
    BLUE = "large"


SIZE = Enum(Size, name="size", native_enum=False, values_callable=lambda e: [m.value for m in e])


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    id: Mark
    name: str
    size: Size
    count: int
    share: float
    is_new: bool
    tags: list[Any]
    notes: dict[str, Any]
    content: Json
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MaybeThing:
    id: Mark | None
    name: str | None
    size: Size | None
    count: int | None
    share: float | None
    is_new: bool | None
    tags: list[Any] | None
    notes: dict[str, Any] | None
    content: Json | None
    seen_at: datetime | None


def thing_columns(*, nullable: bool) -> list[Column[Any]]:
    types: list[Any] = [Uuid, Text, SIZE, BigInteger, Double, Boolean, JSONB, JSONB, JSONB]
    names = [field.name for field in fields(Thing)]
    return [
        Column(name, kind, nullable=nullable)
        for name, kind in zip(names, [*types, DateTime(timezone=True)], strict=True)
    ]


THINGS = Model(Thing, Table("things", MetaData(), *thing_columns(nullable=False)))
MAYBES = Model(MaybeThing, Table("things", MetaData(), *thing_columns(nullable=True)))
THING = Thing(
    id=Mark(UUID(int=1)),
    name="Ünï\n",
    size=Size.SMALL,
    count=-(2**63),
    share=0.1,
    is_new=True,
    tags=[],
    notes={},
    content={"a": [1, None]},
    seen_at=NOON,
)


def row_of(thing: Thing, **changes: object) -> tuple[object, ...]:
    """As the driver returns it."""
    (values,) = zip(*(THINGS.arrays([thing])).values(), strict=True)
    row = dict(zip([field.name for field in fields(Thing)], values, strict=True))
    return tuple((row | changes).values())


def differences(*models: Model[Any], metadata: MetaData | None = None) -> list[str]:
    with pytest.raises(ModelsDiffer) as caught:
        validate_models(models, metadata or MetaData())
    return str(caught.value).split("\n")


def test_entities_and_tables_agree() -> None:
    validate_models()
    validate_models([THINGS, MAYBES], MetaData())


def test_every_table_has_an_entity() -> None:
    assert {model.table.name for model in MODELS} == set(metadata.tables)


def test_a_nullable_column_of_a_field_that_is_not_is_named() -> None:
    table = Table("things", MetaData(), *thing_columns(nullable=True))

    named = differences(Model(Thing, table))

    assert named[0] == "Thing.id: column is nullable, field is not"
    assert len(named) == len(fields(Thing))


def test_an_optional_field_of_a_column_that_is_not_nullable_is_named() -> None:
    table = Table("things", MetaData(), *thing_columns(nullable=False))

    named = differences(Model(MaybeThing, table))

    assert named[2] == "MaybeThing.size: field is optional, column is not nullable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    left: int
    right: datetime


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (Column("left", Text, nullable=False), "Pair.left: column is Text(), field is int"),
        (Column("left", Integer, nullable=False), "Pair.left: column is Integer(), field is int"),
        (
            Column("right", DateTime, nullable=False),
            "Pair.right: column is DateTime(), field is datetime",
        ),
    ],
)
def test_a_type_that_differs_is_named(column: Column[Any], expected: str) -> None:
    columns: dict[str, Column[Any]] = {
        "left": Column("left", BigInteger, nullable=False),
        "right": Column("right", DateTime(timezone=True), nullable=False),
    }
    columns[column.key] = column

    assert differences(Model(Pair, Table("pairs", MetaData(), *columns.values()))) == [expected]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shirt:
    size: Size


@pytest.mark.parametrize("kind", [Enum(Size, name="size"), Enum(Colour, name="size"), Text()])
def test_choices_of_another_class_or_stored_by_their_names_are_named(kind: Any) -> None:
    table = Table("shirts", MetaData(), Column("size", kind, nullable=False))

    assert differences(Model(Shirt, table)) == [f"Shirt.size: column is {kind!r}, field is Size"]


def test_all_differences_are_told_at_once() -> None:
    tables = MetaData()
    pairs = Table("pairs", tables, Column("left", Text), Column("extra", Text))
    Table("others", tables)

    named = differences(Model(Pair, pairs, skipped=["gone"]), metadata=tables)

    assert named == [
        "Pair.left: column is Text(), field is int",
        "Pair.left: column is nullable, field is not",
        "Pair.right: field has no column",
        "Pair.extra: column has no field",
        "Pair.gone: skipped, but there is no such column to skip",
        "others: table has no entity",
    ]


def test_a_column_declared_as_skipped_needs_no_field() -> None:
    columns = thing_columns(nullable=False)
    table = Table("things", MetaData(), *columns, Column("secret", Text))

    validate_models([Model(Thing, table, skipped=["secret"])], MetaData())


def test_a_field_of_a_type_that_nothing_stores_is_named() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Bag:
        marks: set[int]
        either: int | str

    table = Table(
        "bags",
        MetaData(),
        Column("marks", JSONB, nullable=False),
        Column("either", Text, nullable=False),
    )

    assert differences(Model(Bag, table)) == [
        "Bag.marks: column is JSONB(astext_type=Text()), field is set[int]",
        "Bag.either: column is Text(), field is int | str",
    ]


def test_columns_stand_in_the_order_of_the_fields() -> None:
    assert [column.key for column in VARIANTS.columns] == [field.name for field in fields(Variant)]
    assert VARIANTS.columns[2].name == "variant_name"


def test_a_row_becomes_an_entity_and_an_entity_a_row() -> None:
    (read,) = THINGS.read([row_of(THING)])

    assert read == THING
    assert type(read) is Thing
    assert hash((read.id, read.seen_at)) == hash((THING.id, THING.seen_at))
    assert THINGS.read([]) == []


def test_an_entity_made_from_a_row_is_frozen() -> None:
    (read,) = THINGS.read([row_of(THING)])

    with pytest.raises(AttributeError):
        setattr(read, "name", "other")  # noqa: B010  mypy knows that it cannot be


def test_null_reads_as_the_empty_value_where_the_field_is_not_optional() -> None:
    empty = THINGS.read([(None,) * 2 + ("large",) + (None,) * 7])[0]

    assert empty == Thing(
        id=Mark(NIL),
        name="",
        size=Size.LARGE,
        count=0,
        share=0.0,
        is_new=False,
        tags=[],
        notes={},
        content={},
        seen_at=datetime(1970, 1, 1, tzinfo=UTC),
    )


def test_null_reads_as_none_where_the_field_is_optional() -> None:
    (empty,) = MAYBES.read([(None,) * 10])

    assert all(getattr(empty, field.name) is None for field in fields(MaybeThing))


def test_the_json_null_of_a_document_is_empty_too() -> None:
    (read,) = THINGS.read([row_of(THING, tags="null", notes="null", content="null")])

    assert (read.tags, read.notes, read.content) == ([], {}, {})


def test_documents_of_two_rows_are_not_one() -> None:
    first, second = THINGS.read([row_of(THING), (None,) * 2 + ("small",) + (None,) * 7])
    first.notes["a"] = 1
    first.tags.append(1)

    assert (second.notes, second.tags) == ({}, [])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"size": "huge"}, "reading Thing.size: 'huge' is no Size"),
        ({"size": None}, "reading Thing.size: None is no Size"),
        ({"notes": "[]"}, "reading Thing.notes: list is no dict"),
        ({"tags": "{}"}, "reading Thing.tags: dict is no list"),
        ({"content": "5"}, "reading Thing.content: int is no dict | list"),
        ({"content": "{"}, "reading Thing.content: "),
        ({"content": 5}, "reading Thing.content: int is no dict | list"),
        ({"notes": "{", "name": 5}, "reading Thing.name: int is no str"),
        ({"notes": "{", "id": "x"}, "reading Thing.id: str is no UUID"),
        ({"seen_at": NOON.replace(tzinfo=None)}, "reading Thing.seen_at: infinity is no moment"),
    ],
)
def test_a_row_that_cannot_be_read_names_the_field(
    changes: Mapping[str, object], expected: str
) -> None:
    with pytest.raises(CannotRead) as caught:
        THINGS.read([row_of(THING), row_of(THING, **changes)])

    assert str(caught.value).startswith(expected)


def test_a_row_of_another_length_cannot_be_read() -> None:
    with pytest.raises(CannotRead, match=r"^reading Thing: 1 values for 10 fields$"):
        THINGS.read([(1,)])


HALF = "\ud800"
LOOP: list[object] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("id", None, "None"),
        ("id", "00000000-0000-0000-0000-000000000001", "str"),
        ("name", None, "None"),
        ("name", b"x", "bytes"),
        ("name", Size.SMALL, "Size"),
        ("name", "a\0", "str with NUL"),
        ("name", HALF, "str with half a character"),
        ("size", "small", "str"),
        ("size", Colour.RED, "Colour"),
        ("count", True, "bool"),
        ("count", 1.0, "float"),
        ("count", 2**63, "int beyond 64 bits"),
        ("count", -(2**63) - 1, "int beyond 64 bits"),
        ("share", True, "bool"),
        ("share", "1", "str"),
        ("share", float("nan"), "nan"),
        ("share", float("-inf"), "-inf"),
        ("share", 10**400, "int beyond 64 bits"),
        ("is_new", 1, "int"),
        ("is_new", None, "None"),
        ("tags", {}, "dict"),
        ("tags", (), "tuple"),
        ("notes", [], "list"),
        ("notes", '{"a": 1}', "str"),
        ("content", {1, 2}, "set"),
        ("content", {"a": [{1}]}, "set"),
        ("content", {"a": float("nan")}, "nan"),
        ("content", {"a": [1, float("inf")]}, "inf"),
        ("content", {"a": NIL}, "UUID"),
        ("content", {"a": NOON}, "datetime"),
        ("content", {"a": (1,)}, "tuple"),
        ("content", {"a": "\0"}, "str with NUL"),
        ("content", {"\0": 1}, "dict"),
        ("content", [HALF], "str with half a character"),
        ("content", {1: "a"}, "dict"),
        ("content", [2**64], "int beyond 64 bits"),
        ("content", LOOP, "list"),
        ("seen_at", NOON.replace(tzinfo=None), "datetime without a timezone"),
        ("seen_at", NOON.date(), "date"),
        ("seen_at", datetime.max.replace(tzinfo=UTC), "datetime beyond the calendar"),
        ("seen_at", datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
         "datetime beyond the calendar"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_stored_names_the_field(
    field: str, value: object, shown: str
) -> None:
    with pytest.raises(CannotStore) as caught:
        THINGS.changed({field: value})

    assert str(caught.value) == f"Thing.{field}: cannot store <{shown}>"


def test_an_entity_that_cannot_be_stored_is_refused_in_every_form() -> None:
    bad: Any = make_variant(config_overrides={1, 2})
    expected = "^Variant.config_overrides: cannot store <set>$"

    with pytest.raises(CannotStore, match=expected):
        VARIANTS.values(bad)
    with pytest.raises(CannotStore, match=expected):
        VARIANTS.arrays([make_variant(), bad])


def test_values_are_stored_as_they_are_or_as_what_they_mean() -> None:
    changed = THINGS.changed(
        {"share": 1, "seen_at": NOON.astimezone(timezone(timedelta(hours=9))), "tags": []}
    )

    assert changed == {"share": 1.0, "seen_at": NOON, "tags": []}
    assert isinstance(changed["share"], float)


def test_a_text_that_looks_like_an_escaped_nul_is_kept() -> None:
    document = {"path": "C:\\u0000", "\\u0000": 1}

    assert THINGS.changed({"content": document}) == {"content": document}


def test_a_partial_update_names_fields_and_nothing_else() -> None:
    assert VARIANTS.changed({"name": "B", "label": None}) == {"name": "B", "label": None}

    for name in ("variant_name", "id; DROP TABLE ab_variants", "table"):
        with pytest.raises(CannotStore, match=r": no such field$"):
            VARIANTS.changed({name: "x"})


async def test_each_entity_survives_the_database(database: Database) -> None:
    project = make_project()
    experiment = make_experiment(project_id=project.id, metadata=[], default_traffic_split={})
    variant = make_variant(experiment_id=experiment.id)
    owner = {"experiment_id": experiment.id}
    assignment = make_assignment(**owner, variant_id=variant.id, context=[])
    metric = make_metric(
        **owner, variant_id=variant.id, assignment_id=assignment.id, user_id=assignment.user_id
    )
    definition, phase = make_metric_definition(**owner), make_phase(**owner)
    made = [project, experiment, phase, variant, definition, assignment, metric]

    for model, entity in zip(MODELS, made, strict=True):
        await stored(database, model, entity)

    for model, entity in zip(MODELS, made, strict=True):
        assert model.read(await database.rows(select(*model.columns))) == [entity]
        assert model.read(await database.rows(select(*model.columns), {})) == [entity]


async def test_an_empty_list_is_stored_as_one(database: Database) -> None:
    experiment = await stored_experiment(database, await stored_project(database), metadata=[])

    rows = await database.rows(
        select(experiments.c.metadata == literal([], JSONB)).where(
            experiments.c.id == experiment.id
        )
    )

    assert rows[0][0] is True


async def test_the_nil_id_is_stored_as_itself(database: Database) -> None:
    project = await stored_project(database)
    await stored_experiment(database, project, created_by=NIL)

    (read,) = EXPERIMENTS.read(await database.rows(select(*EXPERIMENTS.columns)))

    assert read.created_by == NIL


async def test_what_a_write_returns_is_read_like_any_row(database: Database) -> None:
    experiment = await stored_experiment(database, await stored_project(database))

    async with database.begin() as connection:
        changed = EXPERIMENTS.changed({"status": ExperimentStatus.PAUSED, "metadata": {"a": 1}})
        statement = update(experiments).values(changed).returning(*EXPERIMENTS.columns)
        rows = (await connection.execute(statement)).all()

    (read,) = EXPERIMENTS.read(rows)
    assert (read.id, read.status, read.metadata) == (
        experiment.id,
        ExperimentStatus.PAUSED,
        {"a": 1},
    )
