"""Pages of a list: walked from either end, bounded, and refused where they make no sense."""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette

from domain.experiments import Experiment
from domain.ids import NIL
from domain.paging import NEVER
from tests.factories import NOON, make_assignment, make_experiment
from tests.graphql_api.conftest import Graph
from tests.graphql_api.rows import (
    MINUTE,
    Rows,
    id_of,
    ids_of,
    metric_of,
    populate,
    put,
    put_experiments,
)

PAGE = "nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
ARGUMENTS = "first: $first, after: $after, last: $last, before: $before"
VARIABLES = "$first: Int, $after: String, $last: Int, $before: String"
EXPERIMENTS = f"""query ({VARIABLES}, $order: ExperimentOrder) {{
    list: experiments({ARGUMENTS}, orderBy: $order) {{ {PAGE} }} }}"""
NESTED = f"""query ({VARIABLES}) {{
    experiments {{ nodes {{ list: %s({ARGUMENTS}) {{ {PAGE} }} }} }} }}"""
ATTRIBUTES = {
    "CREATED_AT": "created_at",
    "UPDATED_AT": "updated_at",
    "STARTED_AT": "started_at",
    "NAME": "name",
}
MALFORMED = "that cursor is malformed: use one that this list has returned"
ELSEWHERE = "that cursor belongs to a list in another order"


async def page(graph: Graph, query: str, **variables: Any) -> dict[str, Any]:
    data = await graph(query, **variables)
    found: dict[str, Any] = (
        data["list"] if "list" in data else data["experiments"]["nodes"][0]["list"]
    )
    return found


async def walk(
    graph: Graph, query: str, size: int, *, backwards: bool = False, **variables: Any
) -> list[str]:
    """All ids in the order of the list."""
    count, place, more, cursor = (
        ("last", "before", "hasPreviousPage", "startCursor")
        if backwards
        else ("first", "after", "hasNextPage", "endCursor")
    )
    seen: list[str] = []
    position: dict[str, object] = {}
    for _ in range(100):
        part = await page(graph, query, **{count: size}, **position, **variables)
        ids = [node["id"] for node in part["nodes"]]
        seen = ids + seen if backwards else seen + ids
        if not part["pageInfo"][more]:
            return seen
        position = {place: part["pageInfo"][cursor]}
    raise AssertionError("the walk has no end")


async def fault(graph: Graph, query: str, **variables: Any) -> str:
    [error] = await graph.errors(query, **variables)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    return str(error["message"])


def cursor_of(*parts: object) -> str:
    return urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
async def test_a_walk_shows_each_of_many_equals_once(
    app: Starlette, graph: Graph, size: int, backwards: bool
) -> None:
    experiments = [make_experiment() for _ in range(7)]
    await put_experiments(app, *experiments)

    seen = await walk(graph, EXPERIMENTS, size, backwards=backwards)

    newest_first = sorted(experiments, key=lambda one: one.id, reverse=True)
    assert seen == ids_of(newest_first)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("nested", ["assignments", "metrics"])
async def test_a_nested_walk_shows_each_of_many_equals_once(
    app: Starlette, graph: Graph, nested: str, backwards: bool
) -> None:
    rows = await populate(app, variants=1, assignments=1)
    [known] = rows.assignments
    assignments = [replace(make_assignment(), experiment_id=known.experiment_id,
        variant_id=known.variant_id, assigned_at=known.assigned_at) for _ in range(6)]  # fmt: skip
    metrics = [metric_of(known) for _ in range(7)]
    await put(app, Rows(assignments=assignments, metrics=metrics))

    seen = await walk(graph, NESTED % nested, 2, backwards=backwards)

    expected = [known, *assignments] if nested == "assignments" else metrics
    assert seen == ids_of(sorted(expected, key=lambda one: one.id, reverse=True))


@pytest.mark.parametrize(
    ("field", "direction", "backwards"),
    [*product(ATTRIBUTES, ["ASC", "DESC"], [False, True])],
)
async def test_every_order_can_be_read_from_both_ends(
    app: Starlette, graph: Graph, field: str, direction: str, backwards: bool
) -> None:
    experiments = await started_at_various_times(app)
    order = {"field": field, "direction": direction}

    seen = await walk(graph, EXPERIMENTS, 2, backwards=backwards, order=order)

    def place(one: Experiment) -> Any:
        return getattr(one, ATTRIBUTES[field]) or NEVER, one.id

    expected = sorted(experiments, key=place, reverse=direction == "DESC")
    assert seen == ids_of(expected)


async def started_at_various_times(app: Starlette) -> Sequence[Experiment]:
    """Some at the same time, some never."""
    starts: list[datetime | None] = [NOON, None, NOON + MINUTE, NOON, None, NOON - MINUTE, None]
    experiments = [
        make_experiment(
            name="gbfacde"[place],
            started_at=start,
            created_at=NOON + place % 3 * MINUTE,
            updated_at=NOON - place % 4 * MINUTE,
        )
        for place, start in enumerate(starts)
    ]
    await put_experiments(app, *experiments)
    return experiments


async def test_what_is_not_started_yet_counts_as_the_latest(app: Starlette, graph: Graph) -> None:
    started, waiting = make_experiment(started_at=NOON), make_experiment(started_at=None)
    await put_experiments(app, started, waiting)

    rising = await walk(graph, EXPERIMENTS, 1, order={"field": "STARTED_AT", "direction": "ASC"})
    falling = await walk(graph, EXPERIMENTS, 1, order={"field": "STARTED_AT", "direction": "DESC"})

    assert rising == ids_of([started, waiting])
    assert falling == ids_of([waiting, started])


async def test_names_of_all_scripts_are_walked_without_loss(app: Starlette, graph: Graph) -> None:
    names = ["a", "B", "b", "ä", "Z", "é", "e\u0301", "中", "🙂", "-", "1", " ", '"', "a b", "ab"]
    await put_experiments(app, *(make_experiment(name=name) for name in names))
    order = {"field": "NAME", "direction": "ASC"}

    whole = await walk(graph, EXPERIMENTS, 100, order=order)
    by_steps = await walk(graph, EXPERIMENTS, 2, order=order)
    backwards = await walk(graph, EXPERIMENTS, 2, backwards=True, order=order)

    assert len(set(whole)) == len(names)
    assert by_steps == backwards == whole


@pytest.mark.parametrize("backwards", [False, True])
async def test_pages_neither_skip_nor_repeat_while_rows_are_added(
    app: Starlette, graph: Graph, backwards: bool
) -> None:
    rows = await populate(app, experiments=4, variants=0)
    count, place, cursor = ("last", "before", "startCursor") if backwards else (
        "first", "after", "endCursor")  # fmt: skip
    first = await page(graph, EXPERIMENTS, **{count: 2})
    added = [make_experiment(created_at=NOON + offset) for offset in (-MINUTE, 10 * MINUTE)]
    await put_experiments(app, *added)

    second = await page(graph, EXPERIMENTS, **{count: 100, place: first["pageInfo"][cursor]})

    newest_first = ids_of([added[1], *rows.experiments[::-1], added[0]])
    read = [node["id"] for node in first["nodes"]]
    assert read == (newest_first[3:5] if backwards else newest_first[1:3])
    assert [node["id"] for node in second["nodes"]] == (
        newest_first[:3] if backwards else newest_first[3:]
    )


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
    ("count", "place", "flags"),
    [
        ({"first": 3}, None, (False, False)),
        ({"first": 2}, None, (True, False)),
        ({"last": 3}, None, (False, False)),
        ({"last": 2}, None, (False, True)),
        ({"first": 1}, "after", (True, True)),
        ({"first": 2}, "after", (False, True)),
        ({"last": 1}, "before", (True, True)),
        ({"last": 2}, "before", (True, False)),
        ({"first": 0}, None, (True, False)),
        ({"last": 0}, None, (False, True)),
    ],
    ids=str,
)
async def test_page_info_tells_what_lies_on_both_sides(
    app: Starlette,
    graph: Graph,
    count: dict[str, int],
    place: str | None,
    flags: tuple[bool, bool],
) -> None:
    await populate(app, experiments=3, variants=0)
    whole = await page(graph, EXPERIMENTS)
    ends = {"after": whole["pageInfo"]["startCursor"], "before": whole["pageInfo"]["endCursor"]}

    part = await page(graph, EXPERIMENTS, **count, **({place: ends[place]} if place else {}))

    told = part["pageInfo"]
    assert (told["hasNextPage"], told["hasPreviousPage"]) == flags


async def test_after_and_before_together_cut_a_part_out(app: Starlette, graph: Graph) -> None:
    rows = await populate(app, experiments=5, variants=0)
    cursors = [
        edge["cursor"]
        for edge in (await graph("{ experiments { edges { cursor } } }"))["experiments"]["edges"]
    ]
    between = {"after": cursors[0], "before": cursors[4]}

    middle = await page(graph, EXPERIMENTS, **between)
    start = await page(graph, EXPERIMENTS, first=1, **between)
    end = await page(graph, EXPERIMENTS, last=1, **between)

    newest_first = ids_of(rows.experiments[::-1])
    assert [node["id"] for node in middle["nodes"]] == newest_first[1:4]
    assert [node["id"] for node in start["nodes"]] == newest_first[1:2]
    assert [node["id"] for node in end["nodes"]] == newest_first[3:4]


async def test_an_empty_page_has_no_cursors(graph: Graph) -> None:
    assert await page(graph, EXPERIMENTS) == {
        "nodes": [],
        "pageInfo": {
            "hasNextPage": False,
            "hasPreviousPage": False,
            "startCursor": None,
            "endCursor": None,
        },
    }


async def test_the_cursors_of_the_page_are_those_of_its_edges(app: Starlette, graph: Graph) -> None:
    await populate(app, experiments=3, variants=0)

    answer = await graph(
        "{ experiments { edges { cursor node { id } } nodes { id } "
        "pageInfo { startCursor endCursor } } }"
    )

    found = answer["experiments"]
    assert [edge["node"] for edge in found["edges"]] == found["nodes"]
    assert found["pageInfo"] == {
        "startCursor": found["edges"][0]["cursor"],
        "endCursor": found["edges"][2]["cursor"],
    }


@pytest.mark.parametrize("query", [EXPERIMENTS, NESTED % "assignments", NESTED % "metrics"])
async def test_a_page_has_20_entries_unless_more_are_asked_for(
    app: Starlette, graph: Graph, query: str
) -> None:
    rows = await populate(app, variants=1, assignments=1, metrics=101)
    [known] = rows.assignments
    more = [replace(make_assignment(), experiment_id=known.experiment_id,
        variant_id=known.variant_id) for _ in range(100)]  # fmt: skip
    await put(app, Rows(assignments=more))
    await put_experiments(app, *(make_experiment(created_at=NOON - MINUTE) for _ in range(100)))

    sizes = [
        len((await page(graph, query, **count))["nodes"])
        for count in ({}, {"first": None}, {"first": 0}, {"first": 100}, {"last": 100}, {"last": 0})
    ]

    assert sizes == [20, 20, 0, 100, 100, 0]


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


async def test_times_that_differ_by_a_microsecond_are_different_places(
    app: Starlette, graph: Graph
) -> None:
    moments = [NOON + timedelta(microseconds=offset) for offset in range(4)]
    experiments = [make_experiment(created_at=moment) for moment in moments]
    await put_experiments(app, *experiments)

    assert await walk(graph, EXPERIMENTS, 1) == ids_of(experiments[::-1])
