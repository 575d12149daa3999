from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import insert, select

from domain.ids import NIL
from persistence.engine import Database
from persistence.models import VARIANTS, CannotRead, CannotStore, Model
from tests.factories import NOON, make_variant
from tests.persistence.things import (
    MAYBES,
    TABLES,
    THING,
    THINGS,
    Colour,
    Mark,
    MaybeThing,
    Size,
    Thing,
    row_of,
)


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


FULL = MaybeThing(**{field.name: getattr(THING, field.name) for field in fields(Thing)})
EMPTY = MaybeThing(**dict.fromkeys(field.name for field in fields(MaybeThing)))


@pytest.mark.parametrize(
    ("model", "entity"),
    [(THINGS, THING), (MAYBES, FULL), (MAYBES, EMPTY)],
    ids=["all", "full", "empty"],
)
async def test_values_of_every_kind_survive_the_database(
    empty_database_url: str, model: Model[Any], entity: Thing | MaybeThing
) -> None:
    database = Database(empty_database_url)
    async with database.begin() as connection:
        await connection.run_sync(TABLES.create_all)
        await connection.execute(insert(model.table).values(model.values(entity)))

    unset = select(model.table.c.notes.is_(None))
    assert model.read(await database.rows(select(*model.columns))) == [entity]
    assert (await database.rows(unset))[0][0] is (entity.notes is None)
    await database.dispose()
