"""Documents that were found to be right: reading and checking one takes longer than answering most.
The last ones are kept, parsed and weighed."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse, validate
from graphql.validation import specified_rules

from graphql_api.bounds import Bounds
from graphql_api.limits import LimitPassed, weighed
from graphql_api.weighing import Weight

_KEPT = 1_000  # documents
_KEPT_TEXT = 10_000  # characters


@dataclass(frozen=True, slots=True)
class Entry:
    document: DocumentNode
    weights: Mapping[str | None, Weight]

    def weight(self, operation_name: str | None) -> Weight:
        if operation_name is None:
            return next(iter(self.weights.values()))
        return self.weights[operation_name]


class Library:
    def __init__(self, bounds: Bounds, *, with_hints: bool) -> None:
        self._bounds = bounds
        self._with_hints = with_hints
        self._kept: OrderedDict[str, Entry] = OrderedDict()

    def known(self, text: str) -> Entry | None:
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
        return found

    def document(self, text: str) -> DocumentNode:
        """Raises GraphQLError."""
        known = self.known(text)
        return self.read(text) if known is None else known.document

    def read(self, text: str) -> DocumentNode:
        """Raises GraphQLError."""
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
            specified_rules,
            max_errors=self._bounds.max_errors,
            hide_suggestions=not self._with_hints,
        )
        if found:
            return None, found[: self._bounds.max_errors]
        entry = Entry(document, weights)
        self._keep(text, entry)
        return entry, ()

    def _keep(self, text: str, entry: Entry) -> None:
        if len(text) <= _KEPT_TEXT:
            self._kept[text] = entry
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
