"""Every field of the schema with every kind of caller, held against a reviewed table."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import get_named_type, is_leaf_type
from sqlalchemy import update
from starlette.applications import Starlette

from domain.access import Role, Scope
from domain.experiments import ExperimentStatus
from domain.ids import new_id
from domain.projects import Plan
from graphql_api.types.view import global_id
from persistence.engine import Database
from persistence.people_tables import sessions
from tests.factories import NOON
from tests.graphql_api.conftest import Graph
from tests.graphql_api.neighbours import (
    LONG_AGO,
    Estate,
    key_of,
    put_bandit,
    put_element,
    put_experiment,
    put_funnel,
    put_key,
    put_user,
    put_variants,
    session_of,
    settle,
)
from tests.graphql_api.reaching import ENTRIES, FIELDS, MUTATIONS, document, kinds, outcome
from tests.graphql_api.watching import first_event

TABLE = Path(__file__).with_name("permissions.txt")
CALLERS = [
    "nobody",
    "tracker",
    "read",
    "write",
    "admin",
    "viewer",
    "editor",
    "owner",
    "stranger",
    "revoked",
    "expired",
]
OUTCOMES = {"ok", "UNAUTHENTICATED", "FORBIDDEN", "hidden"}
HOW_TO = (
    "decide who may read it: READ for a field and WRITE for a mutation, unless _RULES in "
    f"graphql_api/permissions.py says otherwise; then add a line to tests/graphql_api/{TABLE.name} "
    f"with its name and, for {', '.join(CALLERS)}, one of {', '.join(sorted(OUTCOMES))}"
)


def _rows() -> Iterator[tuple[str, list[str]]]:
    for line in TABLE.read_text().splitlines():
        if line and not line.startswith("#"):
            coordinate, *outcomes = line.split()
            yield coordinate, outcomes


class Trial:
    """What one caller gets, of the first project, from each field; `stranger` owns another one."""

    def __init__(self, database: Database, graph: Graph, first: Estate, other: Estate) -> None:
        self._database = database
        self._graph = graph
        self._first = first
        self._other = other
        self._ids = first.ids | {
            "Owner": global_id("User", first.owner.id),
            "Nothing": global_id("Variant", new_id()),
        }

    async def prepare(self, caller: str) -> None:
        first, other = self._first.project.id, self._other.project.id
        for project in (first, other):
            await put_experiment(self._database, project, "second")
        await put_bandit(self._database, first)  # a third fills the plan
        await put_experiment(self._database, other, "third")
        self._graph = self._graph.showing(await self._token(caller))
        await self._renew()

    async def outcome(self, coordinate: str) -> str:
        asked = document(coordinate, self._ids)
        is_stream = asked.startswith("subscription")
        body = await (first_event if is_stream else _answer)(self._graph, asked)
        found = outcome(body, coordinate)
        if asked.startswith("mutation") and found == "ok":
            await self._renew()
        return found

    async def _renew(self) -> None:
        """What a mutation has changed or destroyed is there again."""
        project = self._first.project.id
        draft = await put_experiment(self._database, project, f"draft {new_id()}")
        variant = await put_variants(self._database, draft)
        element, _ = await put_element(self._database, variant)
        user = await put_user(self._database, project, Role.VIEWER)
        key = await put_key(self._database, project)
        spare, _ = await put_funnel(self._database, project)
        async with self._database.begin() as connection:
            await connection.execute(update(sessions).values(revoked_at=None))
        self._ids |= {
            "Draft": global_id("Experiment", draft.id),
            "DraftVariant": global_id("Variant", variant.id),
            "DraftElement": global_id("Element", element.id),
            "User": global_id("User", user.id),
            "ApiKey": global_id("ApiKey", key.id),
            "Spare": global_id("Funnel", spare.id),
        }

    async def _token(self, caller: str) -> str | None:
        first, other = self._first.project.id, self._other.project.id
        match caller:
            case "nobody":
                return None
            case "tracker":
                return await key_of(self._database, first, Scope.TRACK)
            case "read" | "write" | "admin":
                return await key_of(self._database, first, Scope[caller.upper()])
            case "revoked":
                return await key_of(self._database, first, *Scope, revoked_at=NOON)
            case "stranger":
                return await session_of(self._database, other, self._other.owner)
            case "owner":
                return await session_of(self._database, first, self._first.owner)
            case "expired":
                owner = self._first.owner
                return await session_of(self._database, first, owner, expires_at=LONG_AGO)
            case _:
                user = await put_user(self._database, first, Role[caller.upper()])
                return await session_of(self._database, first, user)


async def _answer(graph: Graph, asked: str) -> dict[str, Any]:
    body: dict[str, Any] = (await graph.send(asked)).json()
    return body


def test_every_field_has_one_row_and_every_row_a_field() -> None:
    rows = [coordinate for coordinate, _ in _rows()]

    new = sorted(FIELDS.keys() - set(rows))
    assert new == [], f"{new[0]} has no row: {HOW_TO}"
    assert sorted(set(rows) - FIELDS.keys()) == [], "these rows have no field: remove them"
    assert rows == sorted(FIELDS), "a row for each field, in the order of the alphabet"


def test_every_row_has_an_outcome_for_each_caller() -> None:
    wrong = [
        coordinate
        for coordinate, outcomes in _rows()
        if len(outcomes) != len(CALLERS) or not OUTCOMES.issuperset(outcomes)
    ]

    assert wrong == [], f"each has {len(CALLERS)} outcomes: {HOW_TO}"


def test_every_type_can_be_reached() -> None:
    unreached = {kind.name for kind in kinds()} - ENTRIES.keys() - MUTATIONS.keys()

    assert unreached == set(), "say in ENTRIES, or for a payload in MUTATIONS, how to get there"


@pytest.mark.parametrize("caller", CALLERS)
async def test_a_caller_gets_what_the_table_says(
    caller: str, app: Starlette, database: Database, graph: Graph
) -> None:
    first = await settle(database, plan=Plan.FREE)
    other = await settle(database, ExperimentStatus.DRAFT, plan=Plan.FREE)
    trial = Trial(database, graph, first, other)
    await trial.prepare(caller)

    found = {coordinate: await trial.outcome(coordinate) for coordinate, _ in _rows()}

    place = CALLERS.index(caller)
    assert found == {coordinate: outcomes[place] for coordinate, outcomes in _rows()}


USER_1 = 'experiment: "checkout", userId: "user-1"'
READABLE = {
    f"assign(input: {{ {USER_1} }})": {
        "Assignment.assignedAt",
        "Assignment.bucketValue",
        "Assignment.conversionValue",
        "Assignment.convertedAt",
        "Assignment.experiment",
        "Assignment.hasConverted",
        "Assignment.id",
        "Assignment.phase",
        "Assignment.propensity",
        "Assignment.userId",
        "Assignment.variant",
    },
    f'track(input: {{ {USER_1}, eventType: "order" }})': {
        "Metric.assignment",
        "Metric.createdAt",
        "Metric.eventTimestamp",
        "Metric.eventType",
        "Metric.eventValue",
        "Metric.experiment",
        "Metric.id",
        "Metric.source",
        "Metric.variant",
    },
}


@pytest.mark.parametrize("mutation", READABLE, ids=["assignment", "metric"])
async def test_of_the_answer_to_its_report_a_tracker_reads_this(
    database: Database, graph: Graph, mutation: str
) -> None:
    first = await settle(database)
    tracker = graph.showing(await key_of(database, first.project.id, Scope.TRACK))
    kind = min(READABLE[mutation]).partition(".")[0]

    found = set()
    for coordinate in (one for one in FIELDS if one.startswith(f"{kind}.")):
        asked = f"mutation {{ {mutation} {{ {kind.lower()} {{ {_leaf(coordinate)} }} }} }}"
        if "errors" not in (await tracker.send(asked)).json():
            found.add(coordinate)

    assert found == READABLE[mutation]


def _leaf(coordinate: str) -> str:
    name = coordinate.partition(".")[2]
    return (
        name
        if is_leaf_type(get_named_type(FIELDS[coordinate].type))
        else f"{name} {{ __typename }}"
    )
