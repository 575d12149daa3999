"""What stands against a change of elements and of what variants put into them."""

import pytest

from domain.ids import new_id
from graphql_api.types.view import global_id
from persistence.engine import Database
from tests.graphql_api.conftest import Graph
from tests.graphql_api.neighbours import settle
from tests.graphql_api.places import filling, given, with_element
from tests.graphql_api.writing import BUY, arm, change, draft, refusals
from tests.persistence.contents import everything

CLOSED = ("COMPLETED", "ARCHIVED")
RUNNING = ("ACTIVE", "PAUSED")
GIVEN = (
    "users were given this variant: what it puts into elements stays, and can only be switched "
    "off and on by isActive"
)


@pytest.mark.parametrize("status", RUNNING)
async def test_while_it_runs_its_elements_stay_as_they_are(
    graph: Graph, database_url: str, status: str
) -> None:
    made = await with_element(graph, status)
    element, before = made["elements"][0]["id"], await everything(database_url)
    kept = f"the experiment is {status} and keeps its elements"

    another = BUY | {"name": "another", "experiment": {"id": made["id"]}}
    assert await refusals(graph, "elementCreate", **another) == [
        ("IN_USE", "input.experiment", f"{kept} as they are")
    ]
    hint = "deactivate what variants put into it instead"
    assert await refusals(graph, "elementDelete", id=element) == [
        ("IN_USE", "input.id", f"{kept}: {hint}")
    ]
    wanted = {"selectorType": "ID", "selectorValue": "buy"}
    assert await refusals(graph, "elementUpdate", id=element, **wanted) == [
        ("INVALID", "input.selectorType", "can only be changed in a DRAFT"),
        ("INVALID", "input.selectorValue", "can only be changed in a DRAFT"),
    ]
    assert await everything(database_url) == before
    moved = await change(graph, "elementUpdate", id=element, position=3)
    assert (moved["element"]["position"], moved["errors"]) == (3, [])


@pytest.mark.parametrize(
    "wanted",
    [{"content": {"text": "Pay"}}, {"name": "new"}, {"content": [], "isActive": False}],
)
async def test_what_a_user_was_given_is_in_use(
    graph: Graph, database_url: str, wanted: dict[str, object]
) -> None:
    made = await with_element(graph, "ACTIVE")
    await given(graph, made)
    before = await everything(database_url)

    assert await refusals(graph, "elementVariantSet", **filling(made, **wanted)) == [
        ("IN_USE", "input.variant", GIVEN)
    ]
    assert await everything(database_url) == before


async def test_who_was_given_the_original_keeps_it(graph: Graph, database_url: str) -> None:
    made = await with_element(graph, "ACTIVE")
    await given(graph, made, "a")
    before = await everything(database_url)

    assert await refusals(graph, "elementVariantSet", **filling(made, "a")) == [
        ("IN_USE", "input.variant", GIVEN)
    ]
    assert await everything(database_url) == before


@pytest.mark.parametrize("status", CLOSED)
async def test_when_it_is_over_nothing_changes(
    graph: Graph, database_url: str, status: str
) -> None:
    made = await with_element(graph, status)
    element, before = made["elements"][0]["id"], await everything(database_url)
    closed = f"the experiment is {status}: its elements cannot be changed"
    new = BUY | {"experiment": {"id": made["id"]}}

    assert await refusals(graph, "elementCreate", **new) == [
        ("INVALID", "input.experiment", closed)
    ]
    assert await refusals(graph, "elementUpdate", id=element, position=1) == [
        ("INVALID", "input.id", closed)
    ]
    assert await refusals(graph, "elementVariantSet", **filling(made, isActive=False)) == [
        ("INVALID", "input.element", closed)
    ]
    assert await refusals(graph, "elementDelete", id=element) == [
        ("IN_USE", "input.id", f"the experiment is {status} and keeps its elements")
    ]
    assert await everything(database_url) == before


async def test_all_that_is_wrong_with_a_new_element_is_told_at_once(
    graph: Graph, database_url: str
) -> None:
    made = await with_element(graph)
    before = await everything(database_url)
    wrong = BUY | {"selectorValue": "", "elementType": "a\nb"}

    assert await refusals(graph, "elementCreate", experiment={"id": made["id"]}, **wrong) == [
        ("NAME_TAKEN", "input.name", "another element of this experiment has that name"),
        ("INVALID", "input.selectorValue", "must not be empty"),
        ("INVALID", "input.elementType", "must not hold control characters or line breaks"),
    ]
    assert await everything(database_url) == before


async def test_null_clears_nothing_of_an_element(graph: Graph) -> None:
    made = await with_element(graph)
    names = ("name", "selectorType", "selectorValue", "elementType", "position")

    told = await refusals(
        graph, "elementUpdate", id=made["elements"][0]["id"], **dict.fromkeys(names)
    )

    assert sorted(told) == sorted(
        ("INVALID", f"input.{name}", "must not be null") for name in names
    )


@pytest.mark.parametrize("content", ["text", 1, None])
async def test_content_is_an_object_or_a_list(graph: Graph, content: object) -> None:
    made = await with_element(graph)

    response = await graph.send(
        "mutation ($input: ElementVariantSetInput!) "
        "{ elementVariantSet(input: $input) { errors { code path message } } }",
        input=filling(made, content=content),
    )

    body = response.json()
    if content is None:
        assert [one["extensions"]["code"] for one in body["errors"]] == ["BAD_USER_INPUT"]
    else:
        assert body["data"]["elementVariantSet"]["errors"] == [
            {
                "code": "INVALID",
                "path": ["input", "content"],
                "message": "must be a JSON object or list",
            }
        ]


async def test_a_variant_of_another_experiment_puts_nothing_there(
    graph: Graph, database_url: str
) -> None:
    made = await with_element(graph)
    other = await draft(graph, name="another")
    before = await everything(database_url)

    wanted = filling(made, variant=arm(other, "a")["id"])
    assert await refusals(graph, "elementVariantSet", **wanted) == [
        ("INVALID", "input.variant", "belongs to another experiment than the element")
    ]
    assert await everything(database_url) == before


async def test_what_is_gone_or_belongs_to_others_is_not_found(
    graph: Graph, database: Database
) -> None:
    made, theirs = await with_element(graph), (await settle(database)).ids
    no_element, no_variant = "there is no such element", "there is no such variant"

    for element in (theirs["Element"], global_id("Element", new_id())):
        assert await refusals(graph, "elementUpdate", id=element, position=1) == [
            ("NOT_FOUND", "input.id", no_element)
        ]
        assert await refusals(graph, "elementDelete", id=element) == [
            ("NOT_FOUND", "input.id", no_element)
        ]
        wanted = filling(made, element=element)
        assert await refusals(graph, "elementVariantSet", **wanted) == [
            ("NOT_FOUND", "input.element", no_element)
        ]
    for variant in (theirs["Variant"], global_id("Variant", new_id())):
        assert await refusals(graph, "elementVariantSet", **filling(made, variant=variant)) == [
            ("NOT_FOUND", "input.variant", no_variant)
        ]
    wrong = await refusals(graph, "elementDelete", id=arm(made, "a")["id"])
    assert wrong == [("INVALID", "input.id", "is of the type Variant, not Element")]
