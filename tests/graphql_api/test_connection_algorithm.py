"""Every page that can be asked for, against the Cursor Connections Specification."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest
from starlette.applications import Starlette

from tests.factories import make_assignment
from tests.graphql_api.conftest import Graph
from tests.graphql_api.paging import EXPERIMENTS, NESTED, page
from tests.graphql_api.rows import Rows, metric_of, populate, put

LENGTH = 4
COUNTS: list[dict[str, int]] = [
    {},
    *({name: size} for name in ("first", "last") for size in range(LENGTH + 2)),
]
PLACES = [None, *range(LENGTH)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the specification says of `first`, `last`, and the places of `after` and `before`."""

    ids: Sequence[str]
    after: int | None
    before: int | None
    first: int | None = None
    last: int | None = None

    @property
    def between(self) -> Sequence[str]:
        start = 0 if self.after is None else self.after + 1
        return self.ids[start : self.before]

    @property
    def nodes(self) -> Sequence[str]:
        if self.last is not None:
            return self.between[max(len(self.between) - self.last, 0) :]
        return self.between[: self.first]

    @property
    def has_next(self) -> bool:
        """Backwards, what `before` names is itself a next one."""
        if self.last is not None:
            return self.before is not None
        return len(self.between) > len(self.nodes)

    @property
    def has_previous(self) -> bool:
        if self.last is not None:
            return len(self.between) > len(self.nodes)
        return self.after is not None


async def filled(app: Starlette, query: str) -> None:
    if query == EXPERIMENTS:
        await populate(app, experiments=LENGTH, variants=0)
        return
    [known] = (await populate(app, variants=1, assignments=1)).assignments
    owned: dict[str, Any] = {"experiment_id": known.experiment_id, "variant_id": known.variant_id}
    more = [replace(make_assignment(), **owned) for _ in range(LENGTH - 1)]
    await put(app, Rows(assignments=more, metrics=[metric_of(known) for _ in range(LENGTH)]))


def told(part: dict[str, Any]) -> tuple[list[str], bool, bool]:
    info = part["pageInfo"]
    return [node["id"] for node in part["nodes"]], info["hasNextPage"], info["hasPreviousPage"]


@pytest.mark.parametrize(
    "query",
    [EXPERIMENTS, NESTED % "assignments", NESTED % "metrics"],
    ids=["experiments", "assignments", "metrics"],
)
async def test_every_page_is_the_one_of_the_specification(
    app: Starlette, graph: Graph, query: str
) -> None:
    await filled(app, query)
    ids = [node["id"] for node in (await page(graph, query))["nodes"]]
    cursors: dict[int | None, str | None] = {None: None}
    for place in range(LENGTH):
        cursors[place] = (await page(graph, query, first=place + 1))["pageInfo"]["endCursor"]

    for count, after, before in product(COUNTS, PLACES, PLACES):
        part = await page(graph, query, **count, after=cursors[after], before=cursors[before])

        due = Expected(ids=ids, after=after, before=before, **count)
        asked = (count, after, before)
        assert (asked, told(part)) == (asked, ([*due.nodes], due.has_next, due.has_previous))
    assert len(ids) == len(set(cursors.values()) - {None}) == LENGTH
