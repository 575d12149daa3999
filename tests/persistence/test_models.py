from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Enum,
    Integer,
    MetaData,
    Table,
    Text,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from domain.experiments import ExperimentStatus
from domain.funnels import LinkEnds
from domain.ids import NIL
from domain.variants import Variant
from persistence.columns import metadata
from persistence.engine import Database
from persistence.models import (
    EXPERIMENTS,
    MODELS,
    VARIANTS,
    CannotStore,
    Model,
    ModelsDiffer,
    validate_models,
)
from persistence.tables import experiments
from tests.elements import make_element, make_element_variant
from tests.factories import (
    make_assignment,
    make_deed,
    make_experiment,
    make_key,
    make_membership,
    make_metric,
    make_metric_definition,
    make_phase,
    make_project,
    make_session,
    make_user,
    make_variant,
)
from tests.funnels import make_funnel, make_path
from tests.persistence.graphs import stored, stored_experiment, stored_project
from tests.persistence.things import MAYBES, THINGS, Colour, MaybeThing, Size, Thing, thing_columns
from tests.sums import make_running_sums, make_snapshot, make_user_total


def differences(*models: Model[Any], metadata: MetaData | None = None) -> list[str]:
    with pytest.raises(ModelsDiffer) as caught:
        validate_models(models, metadata or MetaData())
    return str(caught.value).split("\n")


def test_entities_and_tables_agree() -> None:
    assert [line for model in (*MODELS, THINGS, MAYBES) for line in model.differences()] == []

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

    model = Model(Thing, table, skipped=["secret"])

    validate_models([model], MetaData())
    assert list(model.differences()) == []


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
    element = make_element(**owner)
    content = make_element_variant(element_id=element.id, variant_id=variant.id)
    definition, phase = make_metric_definition(**owner), make_phase(**owner)
    total = make_user_total(**owner, user_id=assignment.user_id, total=Decimal("-1e-12"))
    sums = make_running_sums(**owner, variant_id=variant.id, squares=Decimal("1e30"), events=2**60)
    snapshot = make_snapshot(**owner, sums=[["a", "0.1"]], fixed={"taken_at": None})
    user, key = make_user(), make_key(project_id=project.id, scopes=[])
    belonging = {"project_id": project.id, "user_id": user.id}
    people = [user, make_membership(**belonging), make_session(**belonging), key]
    entry = make_deed().entry(project.id, experiment.id, "checkout", {"a": [None]})
    made = [project, *people, entry]
    made += [experiment, phase, variant, element, content, definition, assignment, metric, total]
    funnel = make_funnel(project_id=project.id)
    step, _ = make_path(["order", "order"], funnel=funnel.id).steps
    ends = LinkEnds(funnel_id=funnel.id, source_id=step.id, target_id=step.id)
    made += [sums, snapshot, funnel, step, ends]

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
