"""What trackers may send: anything within the bounds, and of the rest nothing is written."""

import json
from typing import Any

import pytest
from starlette.applications import Starlette

from domain.bucketing import bucket
from domain.experiments import HashAlgorithm
from tests.graphql_api.conftest import Graph
from tests.graphql_api.tracking import ask, assign, convert, document, refusals, track, written
from tests.graphql_api.writing import running

MOST, LARGEST = 1e15, {"a": "x" * (64 * 1024 - len('{"a":""}'))}
DEEP: Any = json.loads("[" * 20 + "]" * 20)
NUL, EMPTY = "must not hold the character NUL", "must not be empty"
NO_DOCUMENT = "must be a JSON object or list"
AT_MOST = "has {} characters: at most {} are allowed"
OF_ALL: list[tuple[str, Any, str]] = [
    ("userId", "", EMPTY),
    ("userId", "\0", NUL),
    ("userId", "x" * 257, AT_MOST.format(257, 256)),
    ("userId", "🙂" * 257, AT_MOST.format(257, 256)),
    ("userId", "x" * 100_000, AT_MOST.format(100_000, 256)),
    ("experiment", "N\0L", NUL),
    ("experiment", "x" * 20_001, AT_MOST.format(20_001, 20_000)),
]
OF_REPORTS: list[tuple[str, Any, str]] = [
    ("value", 1.01e15, "is 1.01e+15: it must be from -1e+15 to 1e+15"),
    ("value", -1e300, "is -1e+300: it must be from -1e+15 to 1e+15"),
]
OF_ASSIGN: list[tuple[str, Any, str]] = [
    ("sessionId", "\0", NUL),
    ("sessionId", "x" * 257, AT_MOST.format(257, 256)),
]
OF_TRACK: list[tuple[str, Any, str]] = [
    ("eventType", "", EMPTY),
    ("eventType", " order", "must not begin or end with white space"),
    ("eventType", "a\nb", "must not hold control characters or line breaks"),
    ("eventType", "x" * 201, AT_MOST.format(201, 200)),
    ("eventId", "", EMPTY),
    ("eventId", "\tconversion", "must not begin or end with white space"),
    ("eventId", "a\tb", "must not hold control characters or line breaks"),
    ("eventId", "x" * 257, AT_MOST.format(257, 256)),
    ("source", "\0", NUL),
    ("source", "x" * 257, AT_MOST.format(257, 256)),
]
FIELDS = {"assign": OF_ALL + OF_ASSIGN, "convert": OF_ALL + OF_REPORTS}
FIELDS["track"] = FIELDS["convert"] + OF_TRACK
DOCUMENTS: list[tuple[Any, str]] = [
    ("text", NO_DOCUMENT),
    (7, NO_DOCUMENT),
    ({"a": LARGEST["a"] + "x"}, "has more than 65536 bytes as JSON"),
    ([DEEP], "is nested deeper than 20 levels"),
    ({"a": ["\0"]}, NUL),
    ([2**63], "must not hold an integer of more than 64 bits"),
]
PLACES = {
    "assign": ("context", "metadata"),
    "convert": ("metadata",),
    "track": ("data", "sessionContext"),
}
SOUND: dict[str, dict[str, Any]] = {"assign": {}, "convert": {}, "track": {"eventType": "order"}}


async def tried(graph: Graph, mutation: str, **input: Any) -> list[tuple[str, str, str]]:
    given = {"userId": "ada", "experiment": "checkout"} | SOUND[mutation] | input
    return refusals((await graph(document(mutation), input=given))[mutation])


@pytest.mark.parametrize("mutation", SOUND)
async def test_what_cannot_be_kept_is_told_with_its_place(
    app: Starlette, graph: Graph, mutation: str
) -> None:
    await running(graph)
    await assign(graph)
    before = await written(app)

    for field, value, told in FIELDS[mutation]:
        assert await tried(graph, mutation, **{field: value}) == [
            ("INVALID", f"input.{field}", told)
        ]

    assert await written(app) == before


@pytest.mark.parametrize("mutation", SOUND)
async def test_a_document_is_an_object_or_a_list_of_moderate_size(
    app: Starlette, graph: Graph, mutation: str
) -> None:
    await running(graph)
    await assign(graph)
    before = await written(app)

    for place in PLACES[mutation]:
        for value, told in DOCUMENTS:
            wrong = await tried(graph, mutation, **{place: value})
            assert wrong == [("INVALID", f"input.{place}", told)]

    assert await written(app) == before


async def test_all_that_is_wrong_is_told_at_once(app: Starlette, graph: Graph) -> None:
    await running(graph)
    wrong = {"userId": "", "eventType": "", "value": 1e16, "data": 7, "source": "\0", "eventId": ""}

    told = await tried(graph, "track", **wrong)

    places = ["userId", "eventType", "value", "data", "source", "eventId"]
    assert [place for _, place, _ in told] == [f"input.{place}" for place in places]
    assert await written(app) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("mutation", "wrong"),
    [
        ("assign", {"userId": None}),
        ("assign", {"userId": 7}),
        ("assign", {"experiment": None}),
        ("assign", {"variant": "a"}),
        ("convert", {"value": "1"}),
        ("convert", {"value": True}),
        ("track", {"eventType": None}),
        ("track", {"timestamp": "yesterday"}),
    ],
    ids=str,
)
async def test_what_has_the_wrong_type_is_not_understood(
    app: Starlette, graph: Graph, mutation: str, wrong: dict[str, Any]
) -> None:
    await running(graph)
    await assign(graph)
    given = {"userId": "ada", "experiment": "checkout"} | SOUND[mutation] | wrong

    body = (await graph.send(document(mutation), input=given)).json()

    assert [error["extensions"]["code"] for error in body["errors"]] == ["BAD_USER_INPUT"]
    assert body.get("data") is None
    assert (await written(app))[:2] == (1, 0)


async def test_what_is_at_the_bounds_is_taken(graph: Graph) -> None:
    await running(graph)
    user = "🙂" * 256
    await assign(graph, user, sessionId="x" * 256, context=LARGEST, metadata=DEEP)

    first = await track(
        graph, "x" * 200, user, value=-MOST, data=LARGEST, eventId="x" * 256, source="x" * 256
    )
    last = await convert(graph, user, value=MOST, metadata=LARGEST)

    assert (first["metric"]["eventValue"], last["assignment"]["conversionValue"]) == (-MOST, MOST)


async def test_null_is_as_good_as_left_out(graph: Graph) -> None:
    await running(graph)
    of_visit: Any = dict.fromkeys(("sessionId", "context", "metadata", "forceVariant"))
    of_event: Any = dict.fromkeys(("data", "timestamp", "source", "sessionContext", "eventId"))

    assert (await assign(graph, **of_visit))[0] == "NEW"
    events = [await track(graph, "order", **of_event) for _ in range(2)]
    assert [event["recorded"] for event in events] == [True, True]
    assert (await convert(graph, metadata=None))["recorded"] is True


@pytest.mark.parametrize(
    "user", ["🙂", "a👩‍👩‍👧z", "Łódź 価格", " ", "'; --", "\t\n", "x" * 256], ids=ascii
)
async def test_whatever_a_tracker_calls_a_user_is_theirs(graph: Graph, user: str) -> None:
    await running(graph)

    payload = await ask(graph, "assign", user)

    place = bucket(HashAlgorithm.GROWTHBOOK_V2, "checkout", user)
    assert payload["assignment"]["userId"] == user
    assert payload["assignment"]["bucketValue"] == place
    assert await assign(graph, user) == ("STICKY", "a" if place < 0.5 else "b")
    assert (await assign(graph, user + "x" if len(user) < 256 else "y"))[0] == "NEW"
    assert (await convert(graph, user))["recorded"] is True
