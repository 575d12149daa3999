"""Operations made at random from the schema that a server shows."""

from collections.abc import Callable, Sequence
from typing import Any

import schemathesis
from graphql import (
    GraphQLInputObjectType,
    NameNode,
    ObjectFieldNode,
    ObjectValueNode,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    ValueNode,
    Visitor,
    build_schema,
    get_nullable_type,
    parse,
    print_ast,
    visit,
)
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.graphql import nodes
from schemathesis.schemas import APIOperation

from graphql_api.schema import schema

Values = st.SearchStrategy[ValueNode]

_SHOWN = build_schema(schema.as_str())
_WORDS = ["control", "other", "ada", "bob", "click", "conversion", "ada@shop.example", "0", ""]
_TIMES = ["2026-02-07T12:00:00Z", "2026-02-30T12:00:00Z", "0001-01-01T00:00:00+23:59", "soon"]
_NAMES = st.from_regex(r"\A[a-z][a-z0-9]{0,9}\Z")
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_SCALARS: Values = (
    st.just(nodes.Null)
    | st.booleans().map(nodes.Boolean)
    | (st.sampled_from([2**63, -(2**70)]) | st.integers()).map(nodes.Int)
    | _FLOATS.map(nodes.Float)
    | st.text().map(nodes.String)
)
_SETTINGS = settings(
    derandomize=True,  # the same operations every time
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def register(names: Sequence[str], ids: Sequence[str]) -> None:
    """Values of scalars, many of which name what there is."""
    texts = st.sampled_from([*names, *names, *_WORDS]) | st.text()
    times = st.sampled_from(_TIMES) | st.datetimes().map(lambda time: f"{time.isoformat()}Z")
    whole = st.sampled_from([0, 1, 2, 5]) | st.integers(-(2**31), 2**31 - 1)
    broken = st.sampled_from([0.05, 0.25, 0.5, 0.8, 1.0]) | _FLOATS
    schemathesis.graphql.scalar("String", texts.map(nodes.String))
    schemathesis.graphql.scalar("ID", (st.sampled_from(ids) | texts).map(nodes.String))
    schemathesis.graphql.scalar("DateTime", times.map(nodes.String))
    schemathesis.graphql.scalar("Int", whole.map(nodes.Int))
    schemathesis.graphql.scalar("Float", broken.map(nodes.Float))
    schemathesis.graphql.scalar("BigInt", st.integers(-(2**54), 2**54).map(nodes.Int))
    schemathesis.graphql.scalar("JSON", st.recursive(_SCALARS, _nested, max_leaves=5))


def run(
    operation: APIOperation[Any, Any, Any, Any], examples: int, send: Callable[[Case[Any]], None]
) -> None:
    """Sends so many cases of one field of Query or Mutation."""

    @settings(_SETTINGS, max_examples=examples)
    @given(operation.as_strategy())
    def each(case: Case[Any]) -> None:
        types = TypeInfo(_SHOWN)
        document = visit(parse(str(case.body)), TypeInfoVisitor(types, _OneOf(types)))
        case.body = print_ast(document)
        send(case)

    each()


def _nested(inner: Values) -> Values:
    return st.lists(inner).map(nodes.List) | st.dictionaries(_NAMES, inner).map(_object)


def _object(fields: dict[str, ValueNode]) -> ValueNode:
    return ObjectValueNode(
        fields=tuple(
            ObjectFieldNode(name=NameNode(value=name), value=value)
            for name, value in fields.items()
        )
    )


class _OneOf(Visitor):
    """Makes right what the generator does not know: some inputs have just one field."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self._types = types

    def leave_object_value(self, node: ObjectValueNode, *_: Any) -> ValueNode | None:
        kind = get_nullable_type(self._types.get_input_type())
        if not isinstance(kind, GraphQLInputObjectType) or not kind.is_one_of:
            return None
        if len(node.fields) == 1:
            return None
        texts = [each for each in node.fields if isinstance(each.value, StringValueNode)]
        return ObjectValueNode(fields=tuple(texts[-1:]))
