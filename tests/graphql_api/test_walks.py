"""A walk over the pages of a list sees all of it once, in its order, from either end."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from starlette.applications import Starlette

from domain.experiments import Experiment
from domain.paging import NEVER
from tests.factories import NOON, make_assignment, make_experiment
from tests.graphql_api.conftest import Graph
from tests.graphql_api.paging import EXPERIMENTS, NESTED, page, walk
from tests.graphql_api.rows import MINUTE, Rows, ids_of, metric_of, populate, put, put_experiments

ATTRIBUTES = {
    "CREATED_AT": "created_at",
    "UPDATED_AT": "updated_at",
    "STARTED_AT": "started_at",
    "NAME": "name",
}


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


async def test_times_that_differ_by_a_microsecond_are_different_places(
    app: Starlette, graph: Graph
) -> None:
    moments = [NOON + timedelta(microseconds=offset) for offset in range(4)]
    experiments = [make_experiment(created_at=moment) for moment in moments]
    await put_experiments(app, *experiments)

    assert await walk(graph, EXPERIMENTS, 1) == ids_of(experiments[::-1])
