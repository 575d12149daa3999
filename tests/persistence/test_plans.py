"""Which index each hot statement uses, whether its plan is made for its values or for any."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain.assignments import NEWEST_FIRST, Assignment, AssignmentFilter
from domain.ids import ProjectId
from domain.metrics import NEWEST_FIRST as NEWEST_EVENTS
from domain.metrics import Metric, MetricFilter
from domain.paging import Owner, window
from persistence.assignments import Assignments
from persistence.engine import Database
from persistence.metrics import Metrics
from tests.factories import NOON, make_assignment, make_metric
from tests.persistence.graphs import stored_experiment, stored_project, stored_variants
from tests.persistence.servers import ask
from tests.persistence.statements import Statement, counted
from tests.putting import put_assignments, put_metrics

USERS = 600
EVENTS = window(NEWEST_EVENTS, first=10)


@dataclass(frozen=True)
class Crowd:
    """Five experiments of four variants, hundreds of users in each, an event of each user."""

    project: ProjectId
    users: Sequence[Assignment]
    assignments: Assignments
    metrics: Metrics

    def owners(self, owner: Owner) -> list[UUID]:
        return list({getattr(event_of(user), owner) for user in self.users})

    @property
    def one(self) -> Assignment:
        return self.users[USERS // 2]


@pytest.fixture
async def crowd(database: Database, database_url: str) -> Crowd:
    project = await stored_project(database)
    users: list[Assignment] = []
    for _ in range(5):
        experiment = await stored_experiment(database, project)
        variants = await stored_variants(database, experiment.id, 4)
        users += [
            make_assignment(
                experiment_id=experiment.id,
                variant_id=variants[number % 4].id,
                assigned_at=NOON + timedelta(seconds=number),
                has_converted=number % 10 == 0,
            )
            for number in range(USERS)
        ]
    crowd = Crowd(project, users, Assignments(database), Metrics(database))
    await put_assignments(database, users)
    await put_metrics(database, [event_of(user) for user in users])
    await ask(database_url, "ANALYZE")
    return crowd


def event_of(user: Assignment) -> Metric:
    event: Metric = make_metric(
        experiment_id=user.experiment_id,
        variant_id=user.variant_id,
        assignment_id=user.id,
        user_id=user.user_id,
        event_timestamp=user.assigned_at,
    )
    return event


def literal(value: object) -> str:
    if isinstance(value, list):
        return "'{" + ",".join(map(str, value)) + "}'"
    return f"'{value}'"


async def plans(url: str, statement: Statement) -> list[str]:
    connection = await asyncpg.connect(url)
    bound = ", ".join(map(literal, statement.arguments))
    found = []
    for mode in ("force_custom_plan", "force_generic_plan"):
        await connection.execute(f"SET plan_cache_mode = {mode}; PREPARE it AS {statement}")
        rows = await connection.fetch(f"EXPLAIN EXECUTE it({bound})")
        await connection.execute("DEALLOCATE it")
        found.append("\n".join(row[0] for row in rows))
    await connection.close()
    return found


Question = Callable[[Crowd], Awaitable[Any]]


def assignments_of(owner: Owner, backwards: bool = False, **filter: Any) -> Question:
    """Behind one of the rows, as on any page but the first."""

    def ask_for(crowd: Crowd) -> Awaitable[Any]:
        cursor = str(NEWEST_FIRST.cursor(crowd.one))
        part = (
            window(NEWEST_FIRST, last=10, before=cursor)
            if backwards
            else window(NEWEST_FIRST, first=10, after=cursor)
        )
        owners = crowd.owners(owner)
        return crowd.assignments.pages(
            crowd.project, owner, owners, part, AssignmentFilter(**filter)
        )

    return ask_for


def metrics_of(owner: Owner, **filter: Any) -> Question:
    return lambda crowd: crowd.metrics.pages(
        crowd.project, owner, crowd.owners(owner), EVENTS, MetricFilter(**filter)
    )


BY_USER = "uq_ab_assignments_experiment_id_user_id"
INDEXES: list[tuple[Question, str]] = [
    (assignments_of(Owner.EXPERIMENT), "idx_assignment_experiment"),
    (assignments_of(Owner.EXPERIMENT, backwards=True), "idx_assignment_experiment"),
    (assignments_of(Owner.EXPERIMENT, has_converted=True), "idx_assignment_converted"),
    (assignments_of(Owner.EXPERIMENT, assigned_after=NOON), "idx_assignment_experiment"),
    (assignments_of(Owner.EXPERIMENT, user_id="ada"), BY_USER),
    (assignments_of(Owner.VARIANT), "idx_assignment_variant"),
    (assignments_of(Owner.VARIANT, user_id="ada"), BY_USER),
    (metrics_of(Owner.EXPERIMENT), "idx_metric_experiment"),
    (metrics_of(Owner.VARIANT), "idx_metric_variant"),
    (metrics_of(Owner.ASSIGNMENT), "idx_metric_assignment"),
    (
        lambda crowd: crowd.assignments.counts(
            crowd.project, Owner.VARIANT, crowd.owners(Owner.VARIANT)[:2], AssignmentFilter()
        ),
        "idx_assignment_variant",
    ),
    (
        lambda crowd: crowd.assignments.of_user(
            crowd.project, crowd.one.experiment_id, crowd.one.user_id
        ),
        BY_USER,
    ),
    (
        lambda crowd: crowd.assignments.by_ids(crowd.project, [crowd.one.id]),
        "pk_ab_assignments",
    ),
    (lambda crowd: crowd.metrics.by_ids(crowd.project, [crowd.one.id]), "pk_ab_metrics"),
]


async def test_hot_statements_read_what_they_need_by_an_index(
    database: Database, database_url: str, crowd: Crowd
) -> None:
    for question, index in INDEXES:
        async with counted(database) as statements:
            await question(crowd)

        (statement,) = statements
        for plan in await plans(database_url, statement):
            assert index in plan
            assert "Seq Scan on ab_assignments" not in plan
            assert "Seq Scan on ab_metrics" not in plan
