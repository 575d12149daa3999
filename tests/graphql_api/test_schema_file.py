from collections.abc import Iterator
from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    build_schema,
    is_introspection_type,
    is_specified_scalar_type,
)
from graphql.utilities import find_breaking_changes

from graphql_api.schema import schema

ROOT = Path(__file__).parents[2]
CONTRACT = build_schema((ROOT / "tests" / "contract.graphql").read_text())
EXPORTED = build_schema(schema.as_str())


def test_the_committed_file_is_what_the_code_says() -> None:
    committed = (ROOT / "schema.graphql").read_text()

    assert committed == schema.as_str() + "\n", "run make schema"


def test_the_contract_is_kept() -> None:
    assert find_breaking_changes(CONTRACT, EXPORTED) == []


def _described() -> Iterator[tuple[str, str | None]]:
    for kind in EXPORTED.type_map.values():
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        yield kind.name, kind.description
        yield from _parts(kind)


def _parts(kind: GraphQLNamedType) -> Iterator[tuple[str, str | None]]:
    if isinstance(kind, GraphQLEnumType):
        for name, value in kind.values.items():
            yield f"{kind.name}.{name}", value.description
    if isinstance(kind, GraphQLInputObjectType):
        for name, given in kind.fields.items():
            yield f"{kind.name}.{name}", given.description
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in kind.fields.items():
            yield f"{kind.name}.{name}", field.description
            for argument, known in field.args.items():
                yield f"{kind.name}.{name}({argument})", known.description


def test_everything_is_described_in_a_sentence() -> None:
    poor = [place for place, text in _described() if not (text and text.endswith("."))]

    assert poor == []
