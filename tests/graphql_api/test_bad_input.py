"""Names, texts and lists that are wrong are told with their place, and nothing is written."""

from typing import Any

import pytest

from tests.graphql_api.conftest import Graph
from tests.graphql_api.writing import Shown, arm, change, changed, draft, refusals
from tests.persistence.contents import everything

LONGEST = "🎯" * 200
NAMES = {
    "": "must not be empty",
    " \t\n": "must not be empty",
    " a": "must not begin or end with white space",
    "x" * 201: "has 201 characters: at most 200 are allowed",
    "x" * 10_000: "has 10000 characters: at most 200 are allowed",
    "a\0b": "must not hold the character NUL",
    "a\nb": "must not hold control characters or line breaks",
    "\x1b[2J": "must not hold control characters or line breaks",
    "a\u2028b": "must not hold control characters or line breaks",
}
METRIC = {"name": "orders", "eventType": "order", "aggregation": "SUM", "role": "PRIMARY"}


def places_of(made: Shown, name: str) -> list[tuple[str, dict[str, Any], str]]:
    """Each mutation in which one can write a name, with the name there."""
    by, fine = {"experiment": {"id": made["id"]}}, {"name": "fine"}
    return [
        ("experimentCreate", {"name": name}, "name"),
        ("experimentCreate", fine | {"hashSeed": name}, "hashSeed"),
        ("experimentCreate", fine | {"metricType": name}, "metricType"),
        ("experimentCreate", fine | {"metrics": [METRIC | {"name": name}]}, "metrics.0.name"),
        (
            "experimentCreate",
            fine | {"metrics": [METRIC | {"eventType": name}]},
            "metrics.0.eventType",
        ),
        ("experimentCreate", fine | {"variants": [fine, {"name": name}]}, "variants.1.name"),
        ("experimentUpdate", by | {"name": name}, "name"),
        ("experimentUpdate", by | {"metricType": name}, "metricType"),
        ("experimentUpdate", by | {"metrics": [METRIC | {"name": name}]}, "metrics.0.name"),
        ("variantCreate", by | {"variants": [fine, {"name": name}]}, "variants.1.name"),
        ("variantUpdate", {"id": arm(made, "b")["id"], "name": name}, "name"),
    ]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: f"{len(name)} {name[:9]!r}")
async def test_a_name_is_a_short_line_of_text(graph: Graph, database_url: str, name: str) -> None:
    made = await draft(graph)
    before = await everything(database_url)

    for mutation, wanted, place in places_of(made, name):
        told = await refusals(graph, mutation, **wanted)
        assert told == [("INVALID", f"input.{place}", NAMES[name])], mutation

    assert await everything(database_url) == before


async def test_the_longest_name_is_kept(graph: Graph) -> None:
    made = await draft(graph)

    for mutation, wanted, _ in places_of(made, LONGEST)[1:-1]:
        assert (await change(graph, mutation, **wanted))["errors"] == [], mutation
        await change(graph, "experimentDelete", experiment={"name": "fine"})
        await change(graph, "experimentUpdate", experiment={"id": made["id"]}, name="checkout")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x" * 20_001, "has 20001 characters: at most 20000 are allowed"),
        ("a\0", "must not hold the character NUL"),
    ],
    ids=["long", "NUL"],
)
async def test_a_text_is_bounded(graph: Graph, database_url: str, text: str, message: str) -> None:
    made = await draft(graph)
    before = await everything(database_url)
    own = dict.fromkeys(("description", "hypothesis"), text)
    arms = dict.fromkeys(("label", "description", "responseTemplate", "systemPrompt"), text)

    created = await refusals(
        graph, "experimentCreate", name="x", variants=[{"name": "a", **arms}], **own
    )
    updated = await refusals(graph, "variantUpdate", id=arm(made, "a")["id"], **arms)

    of_arms = [f"input.variants.0.{name}" for name in arms]
    assert created == [
        ("INVALID", path, message) for path in [f"input.{name}" for name in own] + of_arms
    ]
    assert updated == [("INVALID", f"input.{name}", message) for name in arms]
    assert await everything(database_url) == before


async def test_long_texts_that_do_not_compress_are_kept(graph: Graph) -> None:
    text = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(20_000))

    made = await draft(graph, description=text, hypothesis=text, targetBot=text[:200])

    assert (made["description"], made["targetBot"]) == (text, text[:200])
    assert await refusals(
        graph, "experimentUpdate", experiment={"id": made["id"]}, targetBot=text[:201]
    ) == [("INVALID", "input.targetBot", "has 201 characters: at most 200 are allowed")]


async def test_lists_are_bounded(graph: Graph, database_url: str) -> None:
    made = await draft(graph)
    before = await everything(database_url)
    variants = [{"name": f"v{number}"} for number in range(101)]
    metrics = [METRIC | {"name": f"m{number}"} for number in range(51)]
    by = {"experiment": {"id": made["id"]}}

    many = ("INVALID", "input.variants", "has 101 entries: at most 100")
    full = ("INVALID", "input.variants", "an experiment has at most 100 variants")
    assert await refusals(graph, "experimentCreate", name="x", variants=variants) == [many]
    assert await refusals(graph, "variantCreate", **by, variants=variants) == [full, many]
    assert await refusals(graph, "variantCreate", **by, variants=variants[:99]) == [full]
    assert await refusals(graph, "experimentUpdate", **by, metrics=metrics) == [
        ("INVALID", "input.metrics", "has 51 entries: at most 50")
    ]
    assert await refusals(graph, "variantCreate", **by, variants=[]) == [
        ("INVALID", "input.variants", "must not be empty")
    ]
    assert await everything(database_url) == before


async def test_a_name_is_told_where_it_is_there_already(graph: Graph, database_url: str) -> None:
    made = await draft(graph)
    before = await everything(database_url)
    by = {"experiment": {"id": made["id"]}}
    twins = [{"name": "c"}, {"name": "d"}, {"name": "c"}]
    measured = [METRIC, METRIC | {"role": "SECONDARY"}]

    twice = ("INVALID", "input.variants.2.name", "'c' is named twice")
    taken = "another variant of this experiment has that name"
    assert await refusals(graph, "experimentCreate", name="x", variants=twins) == [twice]
    assert await refusals(graph, "variantCreate", **by, variants=twins) == [twice]
    assert await refusals(
        graph, "variantCreate", **by, variants=[{"name": "b"}, {"name": "c"}, {"name": "a"}]
    ) == [
        ("NAME_TAKEN", "input.variants.0.name", taken),
        ("NAME_TAKEN", "input.variants.2.name", taken),
    ]
    assert await refusals(graph, "variantUpdate", id=arm(made, "b")["id"], name="a") == [
        ("NAME_TAKEN", "input.name", taken)
    ]
    assert await refusals(graph, "experimentUpdate", **by, metrics=measured) == [
        ("INVALID", "input.metrics.1.name", "'orders' is named twice")
    ]
    assert await everything(database_url) == before


async def test_the_name_of_a_variant_set_aside_stays_taken(graph: Graph) -> None:
    made = await draft(graph)
    await change(graph, "variantDeactivate", id=arm(made, "b")["id"])

    [(code, path, _)] = await refusals(
        graph, "variantCreate", experiment={"id": made["id"]}, variants=[{"name": "b"}]
    )

    assert (code, path) == ("NAME_TAKEN", "input.variants.0.name")


async def test_at_most_one_variant_can_be_the_control(graph: Graph, database_url: str) -> None:
    before = await everything(database_url)
    both = [{"name": name, "isControl": True} for name in "ab"]

    assert await refusals(graph, "experimentCreate", name="x", variants=both) == [
        ("INVALID", "input.variants", "at most one variant can be the control")
    ]
    assert await everything(database_url) == before


async def test_a_running_experiment_takes_no_other_control_and_no_more_than_all(
    graph: Graph, database_url: str
) -> None:
    made = await draft(graph)
    await changed(graph, "experimentStart", experiment={"id": made["id"]})
    before = await everything(database_url)
    new = [{"name": "c", "trafficWeight": 0.75, "isControl": True}, {"name": "d"}]
    heavy = [{"name": name, "trafficWeight": 0.75} for name in "cd"]

    by = {"experiment": {"id": made["id"]}}
    assert await refusals(graph, "variantCreate", **by, variants=new) == [
        ("INVALID", "input.variants.0.isControl", "a running experiment has its control")
    ]
    assert await refusals(graph, "variantCreate", **by, variants=heavy) == [
        ("INVALID", "input.variants", "the weights sum to 1.5: at most 1 is there")
    ]
    assert await everything(database_url) == before
