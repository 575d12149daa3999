"""Queries for one experiment, for a filtered list, and for filtered lists within it."""

from collections.abc import Mapping

from tests.graphql_api.conftest import Graph

ONE = "query ($by: ExperimentBy!) { experiment(by: $by) { id name } }"
LIST = """query ($filter: ExperimentFilter) { experiments(filter: $filter) {
    nodes { name } totalCount } }"""
NESTED = """query ($assignments: AssignmentFilter, $metrics: MetricFilter) {
    experiments { nodes {
        assignments(filter: $assignments) { nodes { userId } totalCount }
        metrics(filter: $metrics) { nodes { eventValue } totalCount } } } }"""
UNSTORABLE = "a text holds NUL or half a character, as no text here can"


async def names(graph: Graph, filter: Mapping[str, object] | None) -> set[str]:
    """The count agrees with them."""
    found = (await graph(LIST, filter=filter))["experiments"]
    assert found["totalCount"] == len(found["nodes"])
    return {node["name"] for node in found["nodes"]}
