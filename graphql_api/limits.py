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
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            try:
                weight = weigher.weigh(node)
            except NestedTooDeeply:
                raise LimitPassed("selections are nested too deeply") from None
            for fault in _passed(node, weight, bounds):
                raise LimitPassed(fault)
            found[node.name.value if node.name else None] = weight
    return found


def check_cost(cost: int, bounds: Bounds) -> None:
    if cost > bounds.max_cost:
        raise CostLimitPassed(_said("cost", cost, bounds.max_cost))


def _passed(node: OperationDefinitionNode, weight: Weight, bounds: Bounds) -> Iterator[str]:
    sizes = {
        "depth": (weight.depth, bounds.max_depth),
        "aliases": (weight.aliases, bounds.max_aliases),
        "directives": (weight.directives, bounds.max_directives),
        "comparisons of fields with the same name": (weight.comparisons, bounds.max_comparisons),
    }
    if node.operation is OperationType.MUTATION:
        roots = sum(count for count, _ in weight.names.values())
        sizes["root fields in a mutation"] = (roots, bounds.max_mutations)
    for name, (size, most) in sizes.items():
        if size > most:
            yield _said(name, size, most)


def _said(name: str, size: int, most: int) -> str:
    shown = size if size < 10**9 else "more than 10^9"
    return f"limit of {name}: this operation has {shown}, at most {most} are allowed"
