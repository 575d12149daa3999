"""Rows for the graph to show, put in through the stores."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import insert
from starlette.applications import Starlette

from domain.assignments import Assignment
from domain.experiments import Experiment
from domain.ids import ProjectId
from domain.metrics import Metric, MetricDefinition
from domain.projects import Project
from domain.variants import Variant
from graphql_api.types.view import global_id
from persistence.engine import Database
from persistence.experiments import Experiments
from persistence.models import PROJECTS
from persistence.people_tables import projects
from tests.factories import (
    NOON,
    make_assignment,
    make_deed,
    make_experiment,
    make_metric,
    make_metric_definition,
    make_project,
    make_variant,
)
from tests.putting import put_assignments, put_metrics

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    experiments: list[Experiment] = field(default_factory=list)
    variants: list[Variant] = field(default_factory=list)
    definitions: list[MetricDefinition] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)


AUTHENTICATION = "ab_api_keys"  # what it reads is counted in a test of its own


def database_of(app: Starlette) -> Database:
    database: Database = app.state.database
    return database


def own_project(app: Starlette) -> ProjectId:
    project: Project = app.state.project
    return project.id


async def other_project(app: Starlette) -> ProjectId:
    project = make_project(name="Other")
    async with database_of(app).begin() as connection:
        await connection.execute(insert(projects).values(PROJECTS.values(project)))
    return ProjectId(project.id)


async def put(app: Starlette, rows: Rows, project: ProjectId | None = None) -> None:
    """In the server's own project, where none is named."""
    database, owner = database_of(app), project or own_project(app)
    for experiment in rows.experiments:
        variants = [one for one in rows.variants if one.experiment_id == experiment.id]
        definitions = [one for one in rows.definitions if one.experiment_id == experiment.id]
        await Experiments(database).create(owner, experiment, variants, definitions, make_deed())
    await put_assignments(database, rows.assignments)
    await put_metrics(database, rows.metrics)


async def put_experiments(app: Starlette, *experiments: Experiment) -> None:
    await put(app, Rows(experiments=list(experiments)))


async def populate(
    app: Starlette,
    *,
    experiments: int = 1,
    variants: int = 2,
    assignments: int = 0,
    metrics: int = 0,
    project: ProjectId | None = None,
    **changes: Any,
) -> Rows:
    """`assignments` for each variant, `metrics` for each assignment; `changes` are those of the
    experiments. The first of everything is the oldest, and one minute lies between neighbours."""
    rows = Rows()
    for place in range(experiments):
        made_at = NOON + place * MINUTE
        experiment = make_experiment(**({"created_at": made_at} | changes))
        rows.experiments.append(experiment)
        rows.definitions.append(make_metric_definition(experiment_id=experiment.id))
        _add_variants(rows, experiment, (variants, assignments, metrics))
    await put(app, rows, project)
    return rows


def _add_variants(rows: Rows, experiment: Experiment, counts: tuple[int, int, int]) -> None:
    variants, assignments, metrics = counts
    for place in range(variants):
        variant = make_variant(
            experiment_id=experiment.id,
            name=f"v{place}",
            position=place,
            is_control=place == 0,
            traffic_weight=1 / variants,
        )
        rows.variants.append(variant)
        for number in range(assignments):
            _add_assignment(rows, variant, number, metrics)


def _add_assignment(rows: Rows, variant: Variant, number: int, metrics: int) -> None:
    assignment = make_assignment(
        experiment_id=variant.experiment_id,
        variant_id=variant.id,
        user_id=f"{variant.name}-u{number}",
        assigned_at=NOON + number * MINUTE,
    )
    rows.assignments.append(assignment)
    rows.metrics.extend(
        metric_of(assignment, event_timestamp=NOON + place * MINUTE) for place in range(metrics)
    )


def metric_of(assignment: Assignment, **changes: Any) -> Metric:
    metric: Metric = make_metric(
        experiment_id=assignment.experiment_id,
        variant_id=assignment.variant_id,
        assignment_id=assignment.id,
        user_id=assignment.user_id,
    )
    return replace(metric, **changes)


def id_of(entity: Experiment | Variant | Assignment | Metric) -> str:
    return str(global_id(type(entity).__name__, entity.id))


def ids_of(entities: Sequence[Experiment | Variant | Assignment | Metric]) -> list[str]:
    return [id_of(entity) for entity in entities]


def shown(entities: Sequence[Experiment | Variant | Assignment | Metric]) -> list[dict[str, str]]:
    """As `{ id }` shows them."""
    return [{"id": id_of(entity)} for entity in entities]
