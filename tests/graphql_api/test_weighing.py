"""What a document is priced at, before any of it is executed."""

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
)

from graphql_api.schema import schema
from graphql_api.weighing import Weigher, Weight

PAGE = 100
SCHEMA = schema._schema  # noqa: SLF001  it has no other name
PAGED = "query ($n: Int) { experiments(first: $n) { nodes { id } } }"
BACKWARDS = "query ($n: Int) { experiments(last: $n) { nodes { id } } }"
BY_DEFAULT = "query ($n: Int = 50) { experiments(first: $n) { nodes { id } } }"
HISTORY = "{ activeExperiments { resultsHistory%s { revision } } }"
SEEN = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
BATCH = "mutation ($input: [AssignInput!]!) { assignBatch(input: $input) { results { reason } } }"


def weight(text: str) -> Weight:
    document = parse(text)
    [operation] = [
        node for node in document.definitions if isinstance(node, OperationDefinitionNode)
    ]
    return Weigher(SCHEMA, document, PAGE).weigh(operation)


def price(text: str, **variables: Any) -> int:
    return weight(text).price(variables)


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("{ __typename }", 1),
        ("{ viewer { scopes project { name } } }", 4),
        ("{ activeExperiments { results { revision } } }", 12),
        (
            '{ funnels(first: 3) { nodes { report(experiment: { name: "a" }) { __typename } } } }',
            1 + 3 * (1 + 1000 + 1),
        ),
        ("{ experiments { totalCount } }", 1 + 20),
        ("{ experiments { nodes { id name } } }", 1 + 20 * 3),
        ("{ experiments(first: 7) { nodes { id } } }", 1 + 7 * 2),
        ("{ experiments(last: 7) { nodes { id } } }", 1 + 7 * 2),
        ("{ experiments(first: 0) { nodes { id } } }", 1),
        ("{ experiments(first: 3, last: 7) { nodes { id } } }", 1 + 7 * 2),
        ("{ experiments(first: 1000000000) { nodes { id } } }", 1 + 100 * 2),
        ("{ experiments(first: -5) { nodes { id } } }", 1 + 20 * 2),
        ("{ experiments(first: null) { nodes { id } } }", 1 + 20 * 2),
        (
            "{ experiments(first: 3) { nodes { assignments(first: 5) { nodes { id } } } } }",
            1 + 3 * (1 + 1 + 5 * 2),
        ),
        (HISTORY % "", 1 + 10 + 100),
        (HISTORY % "(points: 30)", 1 + 10 + 30),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', 1 + 3),
        ('{ nodes(ids: "a") { id } }', 1 + 1),
        ("{ nodes(ids: 7) { id } }", 1 + 1),
        (f"{{ nodes(ids: {'9' * 5000}) {{ id }} }}", 1 + 1),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)
def test_a_field_is_1_results_are_10_a_report_1000_and_a_list_multiplies(
    text: str, cost: int
) -> None:
    assert price(text) == cost


@pytest.mark.parametrize(
    ("text", "variables", "cost"),
    [
        (PAGED, {"n": 7}, 1 + 7 * 2),
        (PAGED, {"n": 7.0}, 1 + 7 * 2),
        (PAGED, {"n": 10**9}, 1 + 100 * 2),
        (PAGED, {"n": None}, 1 + 20 * 2),
        (PAGED, {"n": "7"}, 1 + 20 * 2),
        (PAGED, {}, 1 + 20 * 2),
        (BACKWARDS, {"n": 7}, 1 + 7 * 2),
        (BY_DEFAULT, {}, 1 + 50 * 2),
        (BY_DEFAULT, {"n": None}, 1 + 20 * 2),
        (BY_DEFAULT, {"n": 7}, 1 + 7 * 2),
        (SEEN, {"ids": ["a", "b"]}, 1 + 2),
        (SEEN, {"ids": "a"}, 1 + 1),
        (SEEN, {"ids": 7}, 1 + 1),
        (SEEN, {"ids": []}, 1),
        (SEEN, {}, 1 + 1),
    ],
)
def test_a_size_may_be_a_variable(text: str, variables: Mapping[str, Any], cost: int) -> None:
    assert price(text, **variables) == cost


def test_a_fragment_counts_wherever_it_is_spread() -> None:
    text = "{ ...f ...f viewer { id: __typename } } fragment f on Query { viewer { scopes } }"

    assert price(text) == 2 + 2 + 2


def test_an_inline_fragment_costs_what_is_in_it() -> None:
    text = '{ node(id: "a") { ... on Experiment { assignments(first: 4) { nodes { id } } } } }'

    assert price(text) == 1 + 1 + 4 * 2


def test_what_may_be_skipped_is_paid_for() -> None:
    assert price("{ viewer { scopes @skip(if: true) } }") == 2


def test_a_document_that_is_a_hundred_steps_of_doubling_is_priced_at_once() -> None:
    steps = "".join(f"fragment f{n} on Query{{...f{n + 1} ...f{n + 1}}}" for n in range(90))

    found = price(f"{{ ...f0 }} {steps} fragment f90 on Query {{ __typename }}")

    assert found == 2**90


@pytest.mark.parametrize("seed", range(200))
def test_the_price_is_that_of_the_document_written_out(seed: int) -> None:
    chance = Random(seed)  # noqa: S311
    text, variables = _document(chance)

    naive = _Naive(parse(text), variables).cost

    assert price(text, **variables) == naive, text


class _Naive:
    """Expands every fragment wherever it is spread."""

    def __init__(self, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._variables = variables
        self._fragments = {
            node.name.value: node.selection_set
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        operation = document.definitions[0]
        assert isinstance(operation, OperationDefinitionNode)
        self.cost = self._of(operation.selection_set)

    def _of(self, selected: SelectionSetNode) -> int:
        return sum(self._one(node) for node in selected.selections)

    def _one(self, node: object) -> int:
        match node:
            case FieldNode():
                below = self._of(node.selection_set) if node.selection_set else 0
                own = 10 if node.name.value == "results" else 1
                return own + self._times(node) * below
            case InlineFragmentNode():
                return self._of(node.selection_set)
            case FragmentSpreadNode():
                return self._of(self._fragments[node.name.value])
            case _:
                raise AssertionError

    def _times(self, node: FieldNode) -> int:
        if node.name.value not in ("experiments", "assignments"):
            return 1
        if not node.arguments:
            return 20
        given: Any = node.arguments[0].value
        size = self._variables.get("n") if given.kind == "variable" else int(given.value)
        return 20 if size is None else min(size, PAGE)


def _document(chance: Random) -> tuple[str, Mapping[str, Any]]:
    """Fragments spread only those after them, so that none is in a circle."""
    choices: list[Mapping[str, Any]] = [{}, {"n": None}, {"n": 3}, {"n": 1000}]
    variables = chance.choice(choices)
    fragments = [
        f"fragment f{number} on Experiment {{ {_experiment(chance, 2, number + 1)} }}"
        for number in range(4)
    ]
    query = f"query ($n: Int) {{ {_page(chance, 'experiments', _experiment(chance, 3, 0))} }}"
    return " ".join([query, *fragments]), variables


def _page(chance: Random, name: str, inside: str) -> str:
    size = chance.choice(["", "(first: 2)", "(last: 5)", "(first: $n)", "(first: 400)"])
    return f"{name}{size} {{ totalCount nodes {{ {inside} }} }}"


def _experiment(chance: Random, levels: int, first: int) -> str:
    leaves = ["id", "name", "a: status", "results { revision }"]
    spreads = [f"...f{number}" for number in range(first, 4)]
    parts = chance.choices(leaves + spreads, k=chance.randint(1, 4))
    if levels and chance.random() < 0.7:
        inside = _experiment(chance, levels - 1, first)
        parts.append(_page(chance, "assignments", f"id experiment {{ {inside} }}"))
        parts.append(f"... on Experiment {{ {inside} }}")
    return " ".join(parts)
