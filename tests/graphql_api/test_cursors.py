"""How long a cursor holds, and which are refused."""

from base64 import urlsafe_b64encode
from itertools import product
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette

from domain.ids import NIL
from tests.factories import NOON
from tests.graphql_api.conftest import Graph
from tests.graphql_api.paging import EXPERIMENTS, NESTED, page
from tests.graphql_api.rows import id_of, populate

MALFORMED = "that cursor is malformed: use one that this list has returned"
ELSEWHERE = "that cursor belongs to a list in another order"


async def fault(graph: Graph, query: str, **variables: Any) -> str:
    [error] = await graph.errors(query, **variables)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    return str(error["message"])


def cursor_of(*parts: object) -> str:
    return urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


async def test_a_cursor_holds_after_its_row_is_gone(app: Starlette, graph: Graph) -> None:
    rows = await populate(app, experiments=3, variants=0)
    first = await page(graph, EXPERIMENTS, first=2)
    gone = rows.experiments[1].name
    await graph(
        """mutation ($name: String!) {
        experimentDelete(input: { experiment: { name: $name } }) { deletedId } }""",
        name=gone,
    )

    rest = await page(graph, EXPERIMENTS, after=first["pageInfo"]["endCursor"])

    assert [node["id"] for node in rest["nodes"]] == [id_of(rows.experiments[0])]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"first": 101}, "first is 101: it may be 0 to 100"),
        ({"first": -1}, "first is -1: it may be 0 to 100"),
        ({"last": 101}, "last is 101: it may be 0 to 100"),
        ({"last": -1}, "last is -1: it may be 0 to 100"),
        ({"first": 2**31 - 1}, "first is 2147483647: it may be 0 to 100"),
        ({"first": 1, "last": 1}, "give first or last, not both"),
        ({"after": ""}, MALFORMED),
        ({"before": "nonsense"}, MALFORMED),
        ({"after": "ü" * 9}, MALFORMED),
        ({"after": "\0"}, MALFORMED),
        ({"after": "x" * 100_000}, MALFORMED),
        ({"after": cursor_of()}, MALFORMED),
        ({"after": cursor_of("created_at-", "t", "noon", NIL.hex)}, MALFORMED),
        ({"after": cursor_of("created_at-", "t", NOON, "no-id")}, MALFORMED),
        ({"after": urlsafe_b64encode(b"5").decode()}, MALFORMED),
        ({"after": urlsafe_b64encode(b"[" * 90_000).decode()}, MALFORMED),
        ({"after": urlsafe_b64encode(b"\xff\xfe").decode()}, MALFORMED),
        ({"after": cursor_of("name+", "s", "a", NIL.hex)}, ELSEWHERE),
        ({"before": cursor_of("id", "s", "a", NIL.hex)}, ELSEWHERE),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
async def test_what_makes_no_page_is_refused(
    app: Starlette, graph: Graph, wrong: dict[str, object], message: str
) -> None:
    await populate(app)

    for query in (EXPERIMENTS, NESTED % "assignments", NESTED % "metrics"):
        assert await fault(graph, query, **wrong) == message


@pytest.mark.parametrize(
    ("query", "ordering"),
    [
        (EXPERIMENTS, "created_at-"),
        (NESTED % "assignments", "assigned_at-"),
        (NESTED % "metrics", "event_timestamp-"),
    ],
)
@pytest.mark.parametrize(
    "key",
    [
        ("s", "a text"),
        ("s", "\0"),
        ("t", "2026-02-07T12:00:00"),
        ("t", "0001-01-01T00:00:00+01:00"),
    ],
    ids=repr,
)
async def test_a_cursor_with_the_key_of_another_type_is_refused(
    app: Starlette, graph: Graph, query: str, ordering: str, key: tuple[str, str]
) -> None:
    await populate(app)

    assert await fault(graph, query, after=cursor_of(ordering, *key, NIL.hex)) == MALFORMED


@pytest.mark.parametrize("key", [("s", "\0"), ("t", "2026-02-07T12:00:00+00:00")], ids=repr)
async def test_a_name_in_a_cursor_must_be_a_name(graph: Graph, key: tuple[str, str]) -> None:
    order = {"field": "NAME", "direction": "ASC"}
    cursor = cursor_of("name+", *key, NIL.hex)

    assert await fault(graph, EXPERIMENTS, after=cursor, order=order) == MALFORMED


@pytest.mark.parametrize(
    "moment", ["9999-12-31T23:59:59.999999+00:00", "0001-01-01T00:00:00+00:00"]
)
async def test_a_cursor_at_the_end_of_the_calendar_is_answered(graph: Graph, moment: str) -> None:
    cursor = cursor_of("created_at-", "t", moment, NIL.hex)

    body = (await graph.send(EXPERIMENTS, after=cursor)).json()

    assert "INTERNAL_SERVER_ERROR" not in str(body)


async def test_a_cursor_belongs_to_the_order_in_which_it_was_given(
    app: Starlette, graph: Graph
) -> None:
    await populate(app, experiments=2, assignments=1, metrics=1)
    cursor = (await page(graph, EXPERIMENTS, first=1))["pageInfo"]["endCursor"]
    rising = {"field": "CREATED_AT", "direction": "ASC"}
    by_name = {"field": "NAME", "direction": "DESC"}

    assert await fault(graph, EXPERIMENTS, after=cursor, order=rising) == ELSEWHERE
    assert await fault(graph, EXPERIMENTS, before=cursor, order=by_name) == ELSEWHERE


async def test_a_cursor_of_another_list_is_refused(app: Starlette, graph: Graph) -> None:
    await populate(app, assignments=1, metrics=1)
    lists = [EXPERIMENTS, NESTED % "assignments", NESTED % "metrics"]
    cursors = [(await page(graph, query))["pageInfo"]["endCursor"] for query in lists]

    for query, cursor in product(lists, cursors):
        if lists.index(query) != cursors.index(cursor):
            assert await fault(graph, query, after=cursor) == ELSEWHERE
