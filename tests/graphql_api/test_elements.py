"""Elements of a page and what variants put into them: how they are changed."""

import asyncio

import pytest

from tests.graphql_api.conftest import Graph
from tests.graphql_api.places import TEXT, filling, given, with_element
from tests.graphql_api.writing import BUY, arm, change, draft, shown, tried
from tests.persistence.contents import everything

RUNNING = ("ACTIVE", "PAUSED")


async def test_an_element_arrives_with_all_its_fields_as_the_next_version(graph: Graph) -> None:
    made = await draft(graph)

    payload = await change(graph, "elementCreate", experiment={"name": "checkout"}, **BUY)

    element = payload["element"]
    assert element == BUY | {"id": element["id"], "position": 0, "variants": []}
    assert payload["experiment"] == await shown(graph, made["id"])
    assert payload["experiment"]["elements"] == [element]
    assert payload["experiment"]["version"] == made["version"] + 1


async def test_a_changed_element_is_told_and_stands_at_its_new_place(graph: Graph) -> None:
    made = await draft(graph)
    by = {"experiment": {"id": made["id"]}}
    first, second = [
        (await change(graph, "elementCreate", **by, **BUY | {"name": name}))["element"]
        for name in ("first", "second")
    ]
    new = {"name": "1st", "selectorType": "XPATH", "selectorValue": "//a", "elementType": "link"}

    payload = await change(graph, "elementUpdate", id=first["id"], position=2, **new)

    assert payload["element"] == first | new | {"position": 2}
    assert payload["experiment"]["elements"] == [second, payload["element"]]
    assert payload["experiment"]["version"] == made["version"] + 3


async def test_what_a_variant_puts_there_is_told_with_its_variant(graph: Graph) -> None:
    made = await with_element(graph)

    payload = await change(
        graph, "elementVariantSet", **filling(made, "a", name="as it was", content=["x", None])
    )

    [of_b, of_a] = payload["element"]["variants"]
    assert (of_b["name"], of_b["content"], of_b["position"]) == ("b", TEXT, 0)
    del of_a["id"]
    assert of_a == {
        "name": "as it was",
        "content": ["x", None],
        "isControl": True,
        "isActive": True,
        "position": 1,
        "variant": {"name": "a"},
    }


async def test_put_there_again_it_is_changed_in_its_place(graph: Graph) -> None:
    made = await with_element(graph)
    [before] = made["elements"][0]["variants"]

    payload = await change(graph, "elementVariantSet", **filling(made, content={"text": None}))

    assert payload["element"]["variants"] == [before | {"content": {"text": None}}]
    assert payload["experiment"]["version"] == made["version"] + 1


async def test_what_changes_nothing_is_not_written(graph: Graph, database_url: str) -> None:
    made = await with_element(graph, "ACTIVE")
    before = await everything(database_url)

    payload = await change(graph, "elementVariantSet", **filling(made, name="b", isActive=True))
    await change(graph, "elementUpdate", id=made["elements"][0]["id"], **BUY, position=0)

    assert payload["experiment"] == made
    assert await everything(database_url) == before


async def test_an_element_of_a_draft_goes_with_what_was_put_there(
    graph: Graph, database_url: str
) -> None:
    made = await with_element(graph)
    element = made["elements"][0]["id"]

    payload = await change(graph, "elementDelete", id=element)

    assert payload == {"deletedId": element, "errors": []}
    after = await shown(graph, made["id"])
    assert (after["elements"], after["version"]) == ([], made["version"] + 1)
    assert (await everything(database_url))["ab_element_variants"] == []


async def test_what_a_removed_variant_put_there_goes_with_it(graph: Graph) -> None:
    made = await with_element(graph)

    await change(graph, "variantDelete", id=arm(made, "b")["id"])

    [element] = (await shown(graph, made["id"]))["elements"]
    assert element == made["elements"][0] | {"variants": []}


@pytest.mark.parametrize("status", RUNNING)
async def test_a_variant_that_nobody_was_given_can_still_be_filled(
    graph: Graph, status: str
) -> None:
    made = await with_element(graph, status)
    added = await change(
        graph, "variantCreate", experiment={"id": made["id"]}, variants=[{"name": "late"}]
    )

    for content in (TEXT, {"text": "Pay"}):
        payload = await change(
            graph, "elementVariantSet", **filling(added["experiment"], "late", content=content)
        )
        assert payload["element"]["variants"][1]["content"] == content


async def test_deactivated_it_is_kept_with_the_element_and_left_out_of_the_variant(
    graph: Graph,
) -> None:
    made = await with_element(graph, "ACTIVE")
    await given(graph, made)
    contents = """{ experiment(by: {name: "checkout"}) {
        elements { variants { isActive content } }
        variant(name: "b") { contents { content } } } }"""

    told = []
    for is_active in (False, True):
        payload = await change(graph, "elementVariantSet", **filling(made, isActive=is_active))
        assert payload["errors"] == []
        told.append((await graph(contents))["experiment"])

    assert told == [
        {
            "elements": [{"variants": [{"isActive": False, "content": TEXT}]}],
            "variant": {"contents": []},
        },
        {
            "elements": [{"variants": [{"isActive": True, "content": TEXT}]}],
            "variant": {"contents": [{"content": TEXT}]},
        },
    ]


async def test_of_many_who_add_at_once_each_adds_to_what_the_others_did(graph: Graph) -> None:
    made = await draft(graph)
    by = {"experiment": {"id": made["id"]}}

    payloads = await asyncio.gather(
        *(tried(graph, "elementCreate", **by, **BUY | {"name": f"e{n}"}) for n in range(8)),
        *(tried(graph, "elementCreate", **by, **BUY) for _ in range(4)),
    )

    codes = [error["code"] for payload in payloads for error in payload["errors"]]
    assert codes == ["NAME_TAKEN"] * 3
    after = await shown(graph, made["id"])
    assert [one["position"] for one in after["elements"]] == list(range(9))
    assert after["version"] == made["version"] + 9


async def test_each_is_a_node_of_its_own(graph: Graph) -> None:
    made = await with_element(graph)
    [element] = made["elements"]
    [content] = element["variants"]

    found = await graph(
        """query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id
        ... on Element { name experiment { id } }
        ... on ElementVariant { name element { id } variant { id } } } }""",
        ids=[element["id"], content["id"]],
    )

    assert found["nodes"] == [
        {
            "__typename": "Element",
            "id": element["id"],
            "name": "buy",
            "experiment": {"id": made["id"]},
        },
        {
            "__typename": "ElementVariant",
            "id": content["id"],
            "name": "b",
            "element": {"id": element["id"]},
            "variant": {"id": arm(made, "b")["id"]},
        },
    ]
