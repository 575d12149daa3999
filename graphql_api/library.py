"""Documents that were found to be right: reading and checking one takes longer than answering most.
The last ones are kept, parsed and weighed."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    Source,
    parse,
    validate,
)
from graphql.validation import specified_rules

from graphql_api.bounds import Bounds
from graphql_api.limits import LimitPassed, weighed
from graphql_api.weighing import Weight

_KEPT = 1_000  # documents
_KEPT_TEXT = 1_000_000  # characters in all; parsed, each takes about a hundred bytes
_LONGEST_KEPT = 10_000

Value = TypeVar("Value")


class Shelf(Generic[Value]):
    """What was used last, by its name; there is room for so many entries and characters."""

    def __init__(self, entries: int, characters: int) -> None:
        self._entries = entries
        self._room = characters
        self._kept: OrderedDict[str, tuple[Value, int]] = OrderedDict()

    def get(self, name: str) -> Value | None:
        if name not in self._kept:
            return None
        self._kept.move_to_end(name)
        return self._kept[name][0]

    def put(self, name: str, value: Value, size: int) -> None:
        _, before = self._kept.pop(name, (None, 0))
        self._kept[name] = value, size
        self._room += before - size
        while len(self._kept) > self._entries or self._room < 0:
            _, (_, freed) = self._kept.popitem(last=False)
            self._room += freed


@dataclass(frozen=True, slots=True)
class Named:
    """An operation of a document."""

    name: str | None
    kind: str


@dataclass(frozen=True, slots=True)
class Entry:
    document: DocumentNode
    weights: Mapping[str | None, Weight]
    operations: Mapping[str | None, Named]

    def weight(self, operation_name: str | None) -> Weight:
        if operation_name is None:
            return next(iter(self.weights.values()))
        return self.weights[operation_name]

    def operation(self, operation_name: str | None) -> Named:
        if operation_name is None:
            return next(iter(self.operations.values()))
        return self.operations[operation_name]


class Library:
    def __init__(self, bounds: Bounds, *, is_open: bool) -> None:
        """One that is not open tells nothing of its schema."""
        self._bounds = bounds
        self._is_open = is_open
        self._rules = (*specified_rules, *(() if is_open else (NoSchemaIntrospectionCustomRule,)))
        self._kept: Shelf[Entry] = Shelf(_KEPT, _KEPT_TEXT)
        self._latest = "", DocumentNode()

    def known(self, text: str) -> Entry | None:
        return self._kept.get(text)

    def document(self, text: str) -> DocumentNode:
        """Raises GraphQLError."""
        known = self.known(text)
        if known is not None:
            return known.document
        if self._latest[0] != text:  # it is asked for what it is, and then run
            self._latest = text, self._parsed(text)
        return self._latest[1]

    def _parsed(self, text: str) -> DocumentNode:
        most = self._bounds.max_document
        if len(text) > most:
            said = f"the document has {len(text)} characters, at most {most} are allowed"
            raise GraphQLSyntaxError(Source(""), 0, said)
        return parse(text, max_tokens=self._bounds.max_tokens)

    def checked(
        self, schema: GraphQLSchema, text: str, document: DocumentNode
    ) -> tuple[Entry | None, Sequence[GraphQLError]]:
        """What is wrong with a document; one that is right is kept."""
        try:
            weights = weighed(schema, document, self._bounds)
        except LimitPassed as passed:
            return None, [GraphQLError(str(passed), original_error=passed)]
        found = validate(
            schema,
            document,
            self._rules,
            max_errors=self._bounds.max_errors,
            hide_suggestions=not self._is_open,
        )
        if found:
            return None, found[: self._bounds.max_errors]
        entry = Entry(document, weights, _operations(document))
        if len(text) <= _LONGEST_KEPT:
            self._kept.put(text, entry, len(text))
        return entry, ()


def _operations(document: DocumentNode) -> Mapping[str | None, Named]:
    found = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    named = [Named(each.name.value if each.name else None, each.operation.value) for each in found]
    return {each.name: each for each in named}
