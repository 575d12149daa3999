"""Which documents are not worth looking at any closer."""

from collections.abc import Iterator

from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode, OperationType

from graphql_api.bounds import Bounds
from graphql_api.weighing import NestedTooDeeply, Weigher, Weight


class LimitPassed(Exception):
    """Of the size of a document, or of its cost."""


class CostLimitPassed(LimitPassed):
    pass


def weighed(
    schema: GraphQLSchema, document: DocumentNode, bounds: Bounds
) -> dict[str | None, Weight]:
    """Each operation by its name. Raises LimitPassed, naming the limit."""
    weigher, found = Weigher(schema, document, bounds.max_page), {}
    nodes = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    try:
        weights = [weigher.weigh(node) for node in nodes]
        comparisons = sum(each.comparisons for each in (*weights, *weigher.unspread()))
    except NestedTooDeeply:
        raise LimitPassed("selections are nested too deeply") from None
    for node, weight in zip(nodes, weights, strict=True):
        for fault in _passed(node, weight, bounds):
            raise LimitPassed(fault)
        found[node.name.value if node.name else None] = weight
    if comparisons > bounds.max_comparisons:
        name = "comparisons of fields with the same name"
        raise LimitPassed(_said(name, comparisons, bounds.max_comparisons, "document"))
    return found


def check_cost(cost: int, bounds: Bounds) -> None:
    if cost > bounds.max_cost:
        raise CostLimitPassed(_said("cost", cost, bounds.max_cost))


def _passed(node: OperationDefinitionNode, weight: Weight, bounds: Bounds) -> Iterator[str]:
    sizes = {
        "depth": (weight.depth, bounds.max_depth),
        "aliases": (weight.aliases, bounds.max_aliases),
        "directives": (weight.directives, bounds.max_directives),
    }
    if node.operation is OperationType.MUTATION:
        sizes["root fields in a mutation"] = (weight.fields, bounds.max_mutations)
    for name, (size, most) in sizes.items():
        if size > most:
            yield _said(name, size, most)


def _said(name: str, size: int, most: int, whole: str = "operation") -> str:
    shown = size if size < 10**9 else "more than 10^9"
    return f"limit of {name}: this {whole} has {shown}, at most {most} are allowed"
