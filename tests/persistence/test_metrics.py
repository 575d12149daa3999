from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from domain.assignments import Assignment
from domain.ids import ProjectId, new_id
from domain.metrics import NEWEST_FIRST, Metric, MetricFilter
from domain.paging import Owner, window
from persistence.engine import Database
from persistence.metrics import Metrics
from persistence.models import METRIC_DEFINITIONS
from tests.factories import NOON, make_assignment, make_metric, make_metric_definition
from tests.persistence.graphs import (
    stored,
    stored_experiment,
    stored_project,
    stored_variants,
)
from tests.persistence.statements import counted
from tests.putting import put_assignments, put_metrics

ALL = MetricFilter()
WINDOW = window(NEWEST_FIRST)


@dataclass(frozen=True)
class Visit:
    """One user of one experiment of one project."""

    project: ProjectId
    assignment: Assignment

    def metric(self, **changes: Any) -> Metric:
        metric: Metric = make_metric(
            experiment_id=self.assignment.experiment_id,
            variant_id=self.assignment.variant_id,
            assignment_id=self.assignment.id,
            user_id=self.assignment.user_id,
        )
        return replace(metric, **changes)


async def made_visit(database: Database) -> Visit:
    project = await stored_project(database)
    experiment = await stored_experiment(database, project)
    variant, _ = await stored_variants(database, experiment.id)
    assignment: Assignment = make_assignment(experiment_id=experiment.id, variant_id=variant.id)
    await put_assignments(database, [assignment])
    return Visit(project, assignment)


@pytest.fixture
def store(database: Database) -> Metrics:
    return Metrics(database)


@pytest.fixture
async def visit(database: Database) -> Visit:
    return await made_visit(database)


@pytest.fixture
async def foreign(database: Database) -> Visit:
    return await made_visit(database)


async def test_what_is_stored_is_read_again(
    database: Database, store: Metrics, visit: Visit
) -> None:
    made = [visit.metric(), visit.metric(id=new_id(), source=None, event_data=[], event_value=-1.5)]

    await put_metrics(database, made)

    assert await store.by_ids(visit.project, [one.id for one in made]) == {
        one.id: one for one in made
    }


@pytest.mark.parametrize("owner", list(Owner))
async def test_pages_hang_on_experiment_variant_and_assignment(
    database: Database, visit: Visit, foreign: Visit, owner: Owner
) -> None:
    store = Metrics(database)
    made = [
        visit.metric(id=new_id(), event_timestamp=NOON + timedelta(hours=hour)) for hour in range(3)
    ]
    await put_metrics(database, made)
    await put_metrics(database, [foreign.metric(id=new_id())])
    owners = [getattr(one.metric(), owner) for one in (visit, foreign)]

    pages = await store.pages(visit.project, owner, owners, window(NEWEST_FIRST, first=2), ALL)

    assert [pages[one].items for one in owners] == [[made[2], made[1]], []]
    assert [pages[one].has_next for one in owners] == [True, False]


@pytest.mark.parametrize("owner", list(Owner))
@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (MetricFilter(), 3),
        (MetricFilter(event_type="order"), 2),
        (MetricFilter(source="bot"), 1),
        (MetricFilter(event_type="order", source="bot"), 0),
        (MetricFilter(after=NOON + timedelta(hours=1)), 2),
        (MetricFilter(before=NOON + timedelta(hours=1)), 1),
        (MetricFilter(after=NOON + timedelta(hours=1), before=NOON + timedelta(hours=2)), 1),
    ],
)
async def test_a_filter_narrows_pages_and_counts(
    database: Database, visit: Visit, owner: Owner, filter: MetricFilter, expected: int
) -> None:
    store = Metrics(database)
    kinds = [("order", "web"), ("order", "web"), ("visit", "bot")]
    made = [
        visit.metric(
            id=new_id(),
            event_type=kind,
            source=source,
            event_timestamp=NOON + timedelta(hours=hour),
        )
        for hour, (kind, source) in enumerate(kinds)
    ]
    await put_metrics(database, made)
    key = getattr(made[0], owner)

    pages = await store.pages(visit.project, owner, [key], WINDOW, filter)
    counts = await store.counts(visit.project, owner, [key], filter)

    assert (len(pages[key].items), counts) == (expected, {key: expected})


async def test_definitions_come_by_position_to_the_project_that_has_them(
    database: Database, store: Metrics
) -> None:
    project, other = await stored_project(database), await stored_project(database)
    experiment, bare = [await stored_experiment(database, project) for _ in range(2)]
    definitions = [
        make_metric_definition(experiment_id=experiment.id, position=position, name=f"m{position}")
        for position in (2, 0, 1)
    ]
    await stored(database, METRIC_DEFINITIONS, *definitions)
    asked = [experiment.id, bare.id, new_id()]

    async with counted(database) as statements:
        found = await store.definitions_by_experiment(project, asked)

    assert found == {experiment.id: sorted(definitions, key=lambda one: one.position)}
    assert await store.definitions_by_experiment(other, asked) == {}
    assert len(statements) == 1
