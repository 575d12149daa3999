"""What a filter of experiments asks for is what is listed and counted."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from starlette.applications import Starlette

from domain.experiments import ExperimentStatus
from domain.ids import new_id
from graphql_api.types.view import global_id
from tests.factories import NOON, make_experiment
from tests.graphql_api.conftest import Graph
from tests.graphql_api.lists import LIST, UNSTORABLE, names
from tests.graphql_api.rows import MINUTE, put_experiments

AUTHOR = UUID(int=7)


def _said(value: object) -> str:
    """The same in every process: a set has no order of its own."""
    return str(sorted(value)) if isinstance(value, set) else str(value)


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (None, {"draft", "active", "paused", "completed"}),
        ({}, {"draft", "active", "paused", "completed"}),
        ({"status": None}, {"draft", "active", "paused", "completed"}),
        ({"status": []}, set()),
        ({"status": ["ACTIVE"]}, {"active"}),
        ({"status": ["ACTIVE", "ARCHIVED"]}, {"active", "archived"}),
        ({"status": ["ARCHIVED", "ARCHIVED"]}, {"archived"}),
    ],
    ids=_said,
)
async def test_archived_experiments_hide_unless_they_are_asked_for(
    app: Starlette, graph: Graph, filter: dict[str, object] | None, expected: set[str]
) -> None:
    await put_experiments(
        app, *(make_experiment(name=status.value, status=status) for status in ExperimentStatus)
    )

    assert await names(graph, filter) == expected


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({"targetBot": "shop-bot"}, {"a"}),
        ({"targetBot": "shop"}, set()),
        ({"targetBot": ""}, {"b"}),
        ({"targetBot": None}, {"a", "b", "c"}),
        ({"createdBy": global_id("User", AUTHOR)}, {"a"}),
        ({"createdBy": global_id("User", UUID(int=8))}, set()),
        ({"createdBy": None}, {"a", "b", "c"}),
        ({"createdAfter": "2026-11-20T12:01:00Z"}, {"b", "c"}),
        ({"createdBefore": "2026-11-20T12:01:00Z"}, {"a"}),
        ({"createdAfter": "2026-11-20T13:01:00+01:00"}, {"b", "c"}),
        ({"createdAfter": "2026-11-20T12:01:00Z", "createdBefore": "2026-11-20T12:02:00Z"}, {"b"}),
        ({"createdAfter": None, "createdBefore": None}, {"a", "b", "c"}),
        ({"createdAfter": "9999-12-31T23:59:59.999999Z"}, set()),
        ({"createdBefore": "0001-01-01T00:00:00Z"}, set()),
        ({"targetBot": "shop-bot", "search": "b"}, set()),
    ],
    ids=_said,
)  # fmt: skip
async def test_a_list_holds_what_its_filter_asks_for(
    app: Starlette, graph: Graph, filter: dict[str, object], expected: set[str]
) -> None:
    plain = make_experiment(description=None, hypothesis=None)
    await put_experiments(
        app,
        replace(plain, name="a", created_by=AUTHOR),
        replace(plain, id=new_id(), name="b", target_bot="", created_at=NOON + MINUTE),
        replace(plain, id=new_id(), name="c", target_bot=None, created_at=NOON + 2 * MINUTE),
    )

    assert await names(graph, filter) == expected


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("checkout", {"Checkout 100%", "by description", "by hypothesis"}),
        ("CHECKOUT", {"Checkout 100%", "by description", "by hypothesis"}),
        ("100%", {"Checkout 100%"}),
        ("%", {"Checkout 100%"}),
        ("_", {"under_score"}),
        ("r_s", {"under_score"}),
        ("r.s", set()),
        ("\\", {"back\\slash"}),
        ("\\s", {"back\\slash"}),
        ("/", set()),
        ("'", set()),
        ("ÄRGER", {"Ärger"}),
        ("", {"Checkout 100%", "under_score", "back\\slash", "by description", "by hypothesis",
              "Ärger"}),
        ("x" * 900_000, set()),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) else "",
)  # fmt: skip
async def test_search_takes_every_character_literally(
    app: Starlette, graph: Graph, search: str, expected: set[str]
) -> None:
    texts: dict[str, dict[str, Any]] = {
        "Checkout 100%": {},
        "under_score": {},
        "back\\slash": {},
        "Ärger": {},
        "by description": {"description": "the checkout page"},
        "by hypothesis": {"hypothesis": "a short CheckOut"},
    }
    nothing: dict[str, Any] = {"description": None, "hypothesis": None}
    await put_experiments(
        app, *(make_experiment(name=name, **(nothing | text)) for name, text in texts.items())
    )

    assert await names(graph, {"search": search}) == expected


@pytest.mark.parametrize(
    ("filter", "message"),
    [
        ({"createdBy": "5"}, "filter.createdBy: is not an id of this server"),
        (
            {"createdBy": global_id("Experiment", AUTHOR)},
            "filter.createdBy: is of the type Experiment, not User",
        ),
        ({"search": "\0"}, UNSTORABLE),
        ({"targetBot": "a\0b"}, UNSTORABLE),
    ],
)
async def test_a_filter_that_cannot_be_asked_is_refused(
    graph: Graph, filter: dict[str, object], message: str
) -> None:
    for error in await graph.errors(LIST, filter=filter):
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert error["message"] == message
