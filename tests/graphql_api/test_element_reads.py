"""What reading elements costs, and whose numbers they show."""

from typing import Any

import pytest
from starlette.applications import Starlette

from domain.access import Scope
from domain.projects import Project
from persistence.models import ELEMENT_VARIANTS, ELEMENTS
from tests.elements import make_element, make_element_variant
from tests.graphql_api.conftest import Graph
from tests.graphql_api.neighbours import key_of, put
from tests.graphql_api.places import TEXT, filling, given, with_element
from tests.graphql_api.rows import AUTHENTICATION, database_of, populate
from tests.graphql_api.tracking import convert, document
from tests.graphql_api.writing import Shown, change, changed, running
from tests.persistence.statements import counted

NUMBERS = "totalAllocations totalConversions conversionRate"
OF_ELEMENTS = f"elements {{ variants {{ content {NUMBERS} isControl }} }}"
BY_NAME = '{{ experiment(by: {{ name: "checkout" }}) {{ {} }} }}'
SHOWN = "reason variant { name contents { content element { selectorType selectorValue } } }"


async def furnish(app: Starlette, elements: int, **rows: Any) -> None:
    """Experiments with so many elements, into each of which each variant puts something."""
    populated = await populate(app, **(rows or {"name": "checkout"}))
    for experiment in populated.experiments:
        made = [
            make_element(experiment_id=experiment.id, position=place) for place in range(elements)
        ]
        contents = [
            make_element_variant(element_id=element.id, variant_id=variant.id, position=place)
            for element in made
            for place, variant in enumerate(populated.variants)
            if variant.experiment_id == experiment.id
        ]
        await put(database_of(app), ELEMENTS, *made)
        await put(database_of(app), ELEMENT_VARIANTS, *contents)


async def statements(app: Starlette, graph: Graph, query: str) -> int:
    async with counted(database_of(app), besides=AUTHENTICATION) as seen:
        await graph(query)
    return len(seen)


@pytest.mark.parametrize("elements", [1, 20])
@pytest.mark.parametrize(
    ("expected", "selected"),
    [
        (2, "elements { name selectorType selectorValue elementType position }"),
        (3, "elements { variants { content isActive } }"),
        (4, OF_ELEMENTS),
        (4, "elements { name variants { name content variant { name isControl } } }"),
        (4, "variants { name contents { content element { name } } }"),
    ],
)
async def test_an_experiment_with_its_elements_is_four_statements_at_most(
    app: Starlette, graph: Graph, expected: int, selected: str, elements: int
) -> None:
    await furnish(app, elements)

    assert await statements(app, graph, BY_NAME.format(selected)) == expected


async def test_a_level_is_one_statement_for_all_experiments(app: Starlette, graph: Graph) -> None:
    await furnish(app, 3, experiments=4, variants=2)

    async with counted(database_of(app), besides=AUTHENTICATION) as seen:
        answer = await graph(f"{{ experiments {{ nodes {{ {OF_ELEMENTS} }} }} }}")

    assert len(seen) == 4
    shown = [
        content
        for experiment in answer["experiments"]["nodes"]
        for element in experiment["elements"]
        for content in element["variants"]
    ]
    assert [content["content"] for content in shown] == [TEXT] * 24


def numbers(answer: Any) -> dict[str, list[Any]]:
    [element] = answer["experiment"]["elements"]
    names = NUMBERS.split()
    return {one["variant"]["name"]: [one[name] for name in names] for one in element["variants"]}


async def visited(graph: Graph, made: Shown) -> None:
    """Somebody was given each variant; who was given `b` converted."""
    await given(graph, made, "a")
    await convert(graph, await given(graph, made, "b"))


async def both_filled(graph: Graph, status: str) -> Shown:
    made = await with_element(graph, status)
    await change(graph, "elementVariantSet", **filling(made, "a"))
    return made


async def test_the_numbers_are_those_of_the_variant_and_live(graph: Graph) -> None:
    made = await both_filled(graph, "ACTIVE")
    asked = BY_NAME.format(f"elements {{ variants {{ variant {{ name }} {NUMBERS} }} }}")
    before = numbers(await graph(asked))

    await visited(graph, made)

    assert before == {"a": [0, 0, 0.0], "b": [0, 0, 0.0]}
    after = numbers(await graph(asked))
    assert after["b"][1] == 1
    shown = await graph(BY_NAME.format("variants { name impressions conversions conversionRate }"))
    assert after == {
        one["name"]: [one["impressions"], one["conversions"], one["conversionRate"]]
        for one in shown["experiment"]["variants"]
    }


async def test_when_it_is_over_the_numbers_stay_in_as_many_statements(
    app: Starlette, graph: Graph
) -> None:
    made = await both_filled(graph, "ACTIVE")
    await visited(graph, made)
    asked = BY_NAME.format(f"elements {{ variants {{ variant {{ name }} {NUMBERS} }} }}")
    before = numbers(await graph(asked))

    await changed(graph, "experimentComplete", experiment={"id": made["id"]})
    await convert(graph, await given_before(graph))

    assert numbers(await graph(asked)) == before
    assert await statements(app, graph, BY_NAME.format(OF_ELEMENTS)) == 4


async def given_before(graph: Graph) -> str:
    """A user of the variant `a`, who has not converted."""
    found = await graph(
        BY_NAME.format('variant(name: "a") { assignments { nodes { userId hasConverted } } }')
    )
    users = found["experiment"]["variant"]["assignments"]["nodes"]
    return next(str(one["userId"]) for one in users if not one["hasConverted"])


async def test_a_page_pays_two_statements_for_the_contents_of_all_its_experiments(
    app: Starlette, graph: Graph
) -> None:
    await both_filled(graph, "ACTIVE")
    for name in ("second", "third"):
        await running(graph, name=name)
    page = document("assignAll", f"results {{ {SHOWN} }}")
    plain = document("assignAll", "results { reason variant { name content } }")
    await graph(page, input={"userId": "first"})

    without, used = [
        await told(app, graph, query, {"userId": user})
        for query, user in ((plain, "ada"), (page, "bob"))
    ]

    assert without == ["ab_assignments", "ab_running_sums"]
    assert used == [*without, "ab_element_variants", "ab_elements"]


async def test_where_nothing_is_put_anywhere_a_page_pays_one(app: Starlette, graph: Graph) -> None:
    await running(graph)
    page = document("assign", SHOWN)
    await graph(page, input={"userId": "first", "experiment": "checkout"})

    used = await told(app, graph, page, {"userId": "ada", "experiment": "checkout"})

    assert used == ["ab_assignments", "ab_running_sums", "ab_element_variants"]


async def told(app: Starlette, graph: Graph, query: str, input: Any) -> list[str]:
    """The tables that each statement is about; looking after experiments aside."""
    async with counted(database_of(app), besides=AUTHENTICATION) as seen:
        await graph(query, input=input)
    about = [next(word for word in one.split() if word.startswith("ab_")) for one in seen]
    return [word.split(".")[0] for word in about if not word.startswith("ab_experiments")]


async def test_a_tracker_reads_what_its_page_needs_and_nothing_else(
    app: Starlette, graph: Graph, project: Project
) -> None:
    made = await with_element(graph, "ACTIVE")
    user = await given(graph, made)
    tracker = graph.showing(await key_of(database_of(app), project.id, Scope.TRACK))
    asked = {"userId": user, "experiment": "checkout"}

    payload = (await tracker(document("assign", SHOWN), input=asked))["assign"]

    element = {"selectorType": "CSS", "selectorValue": "#buy"}
    shown = {"name": "b", "contents": [{"content": TEXT, "element": element}]}
    assert payload == {"reason": "STICKY", "variant": shown}
    for beyond in (
        "contents { totalAllocations }",
        "contents { variant { name } }",
        "contents { element { variants { content } } }",
    ):
        query = document("assign", f"variant {{ {beyond} }}")
        body = (await tracker.send(query, input=asked)).json()
        assert [one["extensions"]["code"] for one in body["errors"]] == ["FORBIDDEN"], beyond


async def test_a_change_is_felt_by_a_page_at_once_and_nobody_is_moved(graph: Graph) -> None:
    made = await with_element(graph, "ACTIVE")
    user = await given(graph, made)
    asked = {"userId": user, "experiment": "checkout"}

    await change(graph, "elementVariantSet", **filling(made, isActive=False))

    payload = (await graph(document("assign", SHOWN), input=asked))["assign"]
    assert payload == {"reason": "STICKY", "variant": {"name": "b", "contents": []}}
