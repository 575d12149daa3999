"""However many rows there are, a level of a query is one statement."""

from dataclasses import replace

import pytest
from starlette.applications import Starlette

from domain.experiments import Edit, ExperimentChanges
from persistence.experiments import Experiments
from tests.factories import make_deed, make_experiment, make_phase, make_variant
from tests.graphql_api.conftest import Graph
from tests.graphql_api.rows import (
    AUTHENTICATION,
    Rows,
    database_of,
    ids_of,
    own_project,
    populate,
    put,
    shown,
)
from tests.persistence.statements import counted

DEEP = """{ experiments(first: 100) { nodes { variants { assignments(first: 10) {
    nodes { metrics(first: 5) { nodes { id } } } } } } } }"""
EDGES = {
    "Experiment.variants": (2, "variants { id }"),
    "Experiment.variant": (2, 'variant(name: "v1") { id }'),
    "Experiment.winner": (2, "winner { id }"),
    "Experiment.phases": (2, "phases { number }"),
    "Experiment.metricDefinitions": (2, "metricDefinitions { name }"),
    "Experiment.assignments": (2, "assignments { nodes { id } }"),
    "Experiment.metrics": (2, "metrics { nodes { id } }"),
    "Variant.experiment": (3, "variants { experiment { id } }"),
    "Variant.assignments": (3, "variants { assignments { nodes { id } } }"),
    "Variant.metrics": (3, "variants { metrics { nodes { id } } }"),
    "Assignment.experiment": (3, "assignments { nodes { experiment { id } } }"),
    "Assignment.variant": (3, "assignments { nodes { variant { id } } }"),
    "Assignment.metrics": (3, "assignments { nodes { metrics { nodes { id } } } }"),
    "Metric.experiment": (3, "metrics { nodes { experiment { id } } }"),
    "Metric.variant": (3, "metrics { nodes { variant { id } } }"),
    "Metric.assignment": (3, "metrics { nodes { assignment { id } } }"),
}


async def statements(app: Starlette, graph: Graph, query: str) -> int:
    async with counted(database_of(app), besides=AUTHENTICATION) as seen:
        await graph(query)
    return len(seen)


@pytest.mark.parametrize("experiments", [1, 100])
async def test_four_levels_are_four_statements(
    app: Starlette, graph: Graph, experiments: int
) -> None:
    rows = await populate(app, experiments=experiments, variants=2, assignments=2, metrics=1)

    async with counted(database_of(app), besides=AUTHENTICATION) as seen:
        answer = await graph(DEEP)

    assert len(seen) == 4
    found = [
        event
        for experiment in answer["experiments"]["nodes"]
        for variant in experiment["variants"]
        for assignment in variant["assignments"]["nodes"]
        for event in assignment["metrics"]["nodes"]
    ]
    assert len(found) == 4 * experiments
    assert sorted(event["id"] for event in found) == sorted(
        event["id"] for event in shown(rows.metrics)
    )


@pytest.mark.parametrize("edge", EDGES)
async def test_an_edge_is_one_statement_for_all_its_parents(
    app: Starlette, graph: Graph, edge: str
) -> None:
    expected, selected = EDGES[edge]
    await populate(app, experiments=3, variants=2, assignments=2, metrics=2, winner_variant="v0")

    assert await statements(app, graph, f"{{ experiments {{ nodes {{ {selected} }} }} }}") == (
        expected
    )


async def test_all_edges_of_an_experiment_lead_to_what_belongs_to_it(
    app: Starlette, graph: Graph
) -> None:
    rows = await populate(app, variants=2, assignments=1, metrics=1, winner_variant="v1")

    answer = await graph(
        """{ experiments { nodes { variants { id } winner { id } variant(name: "v0") { id }
        metricDefinitions { name eventType aggregation role direction scale capLow }
        assignments { nodes { id } } metrics { nodes { id } } } } }"""
    )

    [node] = answer["experiments"]["nodes"]
    assert node["variants"] == shown(rows.variants)
    assert [node["variant"], node["winner"]] == shown(rows.variants)
    assert node["assignments"]["nodes"] == shown(rows.assignments[::-1])
    assert node["metrics"]["nodes"] == shown(rows.metrics[::-1])
    [definition] = node["metricDefinitions"]
    assert list(definition.values()) == [
        "orders",
        "order",
        "BINARY",
        "PRIMARY",
        "INCREASE",
        "RELATIVE",
        None,
    ]


async def test_all_edges_lead_back_to_where_they_came_from(app: Starlette, graph: Graph) -> None:
    rows = await populate(app, experiments=2, variants=2, assignments=2, metrics=2)

    answer = await graph(
        """{ experiments { nodes { id variants { id experiment { id } assignments(first: 9) {
        nodes { id experiment { id } variant { id } metrics(first: 9) { nodes {
        experiment { id } variant { id } assignment { id } } } } } } } } }"""
    )

    walked = 0
    for experiment in answer["experiments"]["nodes"]:
        for variant in experiment["variants"]:
            assert variant["experiment"] == {"id": experiment["id"]}
            for assignment in variant["assignments"]["nodes"]:
                assert assignment["experiment"] == {"id": experiment["id"]}
                assert assignment["variant"] == {"id": variant["id"]}
                for event in assignment["metrics"]["nodes"]:
                    walked += 1
                    assert event["experiment"] == {"id": experiment["id"]}
                    assert event["variant"] == {"id": variant["id"]}
                    assert event["assignment"] == {"id": assignment["id"]}
    assert walked == len(rows.metrics) == 16


async def test_parents_without_children_have_empty_lists(app: Starlette, graph: Graph) -> None:
    await populate(app, variants=0)

    answer = await graph(
        """{ experiments { nodes { variants { id } winner { id } variant(name: "v0") { id }
        phases { number } assignments { nodes { id } totalCount }
        metrics { edges { cursor } } } } }"""
    )

    assert answer["experiments"]["nodes"] == [
        {
            "variants": [],
            "winner": None,
            "variant": None,
            "phases": [],
            "assignments": {"nodes": [], "totalCount": 0},
            "metrics": {"edges": []},
        }
    ]


async def test_inactive_variants_are_shown_only_where_they_are_asked_for(
    app: Starlette, graph: Graph
) -> None:
    experiment = make_experiment(name="checkout")
    variants = [
        make_variant(name=name, experiment_id=experiment.id, is_active=name == "on", position=place)
        for place, name in enumerate(["on", "off"])
    ]
    await put(app, Rows(experiments=[experiment], variants=variants))

    answer = await graph(
        """{ experiment(by: { name: "checkout" }) {
        variants { name } all: variants(includeInactive: true) { name }
        variant(name: "off") { isActive } } }"""
    )

    assert answer["experiment"] == {
        "variants": [{"name": "on"}],
        "all": [{"name": "on"}, {"name": "off"}],
        "variant": {"isActive": False},
    }


async def test_phases_are_shown_oldest_first(app: Starlette, graph: Graph) -> None:
    [experiment] = (await populate(app)).experiments
    stores, project = Experiments(database_of(app)), own_project(app)
    for number in (1, 2):
        phase = make_phase(experiment_id=experiment.id, number=number, weights={"v0": 1 / number})
        edit = Edit(changes=ExperimentChanges(phase=number), phase=phase)
        saved = await stores.save(project, replace(experiment, version=number), edit, make_deed())
        assert saved is not None

    answer = await graph("{ experiments { nodes { phases { number weights openedAt } } } }")

    assert answer["experiments"]["nodes"][0]["phases"] == [
        {"number": 1, "weights": {"v0": 1.0}, "openedAt": "2026-11-20T12:00:00+00:00"},
        {"number": 2, "weights": {"v0": 0.5}, "openedAt": "2026-11-20T12:00:00+00:00"},
    ]


@pytest.mark.parametrize(
    ("expected", "query"),
    [
        (1, "{ experiments { totalCount } }"),
        (1, "{ experiments { nodes { id } } }"),
        (2, "{ experiments { totalCount nodes { id } } }"),
        (1, "{ experiments { edges { cursor node { id } } nodes { id } pageInfo { endCursor } } }"),
        (2, "{ experiments { nodes { assignments { totalCount } } } }"),
        (3, "{ experiments { nodes { assignments { totalCount nodes { id } } } } }"),
        (2, "{ experiments { nodes { metrics { edges { cursor } pageInfo { endCursor } } } } }"),
        (3, "{ experiments { nodes { variants { metrics { totalCount } } } } }"),
        (3, "{ experiments { nodes { assignments { nodes { metrics { totalCount } } } } } }"),
        (0, "{ __typename }"),
    ],
    ids=str,
)  # fmt: skip
async def test_only_what_is_selected_is_read(
    app: Starlette, graph: Graph, expected: int, query: str
) -> None:
    await populate(app, experiments=3, variants=2, assignments=2, metrics=2)

    assert await statements(app, graph, query) == expected


async def test_the_count_alone_reads_no_page(app: Starlette, graph: Graph) -> None:
    await populate(app, variants=2, assignments=3)

    async with counted(database_of(app), besides=AUTHENTICATION) as seen:
        answer = await graph("{ experiments { nodes { assignments(first: 1) { totalCount } } } }")

    assert answer["experiments"]["nodes"] == [{"assignments": {"totalCount": 6}}]
    assert [text for text in seen if "LATERAL" in text] == []
    assert sum("count(*)" in text for text in seen) == 1


@pytest.mark.parametrize(
    ("expected", "selected"),
    [
        (2, "a: assignments(first: 1) { nodes { id } } b: assignments(first: 1) { nodes { id } }"),
        (3, "a: assignments(first: 1) { nodes { id } } b: assignments(first: 2) { nodes { id } }"),
        (2, "a: variants { id } b: variants(includeInactive: true) { id } winner { id }"),
        (2, 'a: assignments { totalCount } b: assignments(first: 1, filter: {}) { totalCount }'),
        (3, 'a: assignments { totalCount } b: assignments(filter: { userId: "x" }) { totalCount }'),
        (3, "a: metrics(first: 1) { nodes { id } } b: metrics(last: 1) { nodes { id } }"),
    ],
    ids=str,
)  # fmt: skip
async def test_an_alias_costs_a_statement_only_where_it_asks_for_something_else(
    app: Starlette, graph: Graph, expected: int, selected: str
) -> None:
    await populate(app, experiments=2, assignments=3, metrics=1)

    assert await statements(app, graph, f"{{ experiments {{ nodes {{ {selected} }} }} }}") == (
        expected
    )


@pytest.mark.parametrize(
    ("expected", "second"),
    [(1, "first: 1"), (2, "first: 2"), (2, "first: 1, filter: { status: [DRAFT] }")],
)
async def test_the_same_holds_for_lists_at_the_top(
    app: Starlette, graph: Graph, expected: int, second: str
) -> None:
    await populate(app, experiments=2)
    page = "{ nodes { id } }"
    query = f"{{ a: experiments(first: 1) {page} b: experiments({second}) {page} }}"

    assert await statements(app, graph, query) == expected


async def test_the_same_thing_named_by_many_is_read_once(app: Starlette, graph: Graph) -> None:
    rows = await populate(app, variants=1, assignments=3)
    edges = "{ ... on Assignment { variant { experiment { id } } } }"
    aliases = " ".join(
        f'n{place}: node(id: "{one}") {edges}' for place, one in enumerate(ids_of(rows.assignments))
    )

    assert await statements(app, graph, f"{{ {aliases} }}") == 3


async def test_each_operation_reads_anew(app: Starlette, graph: Graph) -> None:
    await populate(app)
    first = await graph("{ experiments { totalCount } }")
    await populate(app)
    second = await graph("{ experiments { totalCount } }")

    assert (first["experiments"]["totalCount"], second["experiments"]["totalCount"]) == (1, 2)
