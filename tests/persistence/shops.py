"""An experiment that runs, and what its users do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import select

from domain.assignments import Assignment
from domain.experiments import Experiment, ExperimentStatus
from domain.ids import ProjectId, new_id
from domain.metrics import Metric, MetricAggregation, MetricDefinition
from domain.reporting import CONVERSION, ONE_CONVERSION, Report
from domain.sums import RunningSums
from domain.variants import Variant
from persistence.engine import Database
from persistence.models import METRIC_DEFINITIONS, RUNNING_SUMS, Model
from tests.factories import (
    NOON,
    make_assignment,
    make_metric,
    make_metric_definition,
)
from tests.persistence.graphs import stored, stored_experiment, stored_project, stored_variants

MEASURED: Sequence[Mapping[str, Any]] = (
    {"event_type": "order", "aggregation": MetricAggregation.SUM, "cap_high": 10.0},
    {"event_type": "order", "aggregation": MetricAggregation.COUNT, "window_hours": 1.0},
    {"event_type": "conversion", "aggregation": MetricAggregation.MEAN},
)


@dataclass(frozen=True)
class Shop:
    """A project with an experiment of two variants, measured by its definitions."""

    project: ProjectId
    experiment: Experiment
    variants: Sequence[Variant]
    definitions: Sequence[MetricDefinition]

    def assignment(self, variant: int = 0, **changes: Any) -> Assignment:
        owner = self.variants[variant]
        return make_assignment(experiment_id=self.experiment.id, variant_id=owner.id, **changes)

    def users(self, count: int, **changes: Any) -> list[Assignment]:
        """By turns of the one and of the other variant."""
        return [self.assignment(n % 2, user_id=f"user-{n}", **changes) for n in range(count)]

    def report(self, user_id: str, **changes: Any) -> Report:
        """An order without an id of its own, worth 1."""
        kind = changes.get("event_type", "order")
        fed = [each for each in self.definitions if each.event_type == kind]
        report = Report(
            id=new_id(),
            experiment_id=self.experiment.id,
            user_id=user_id,
            event_id=None,
            event_type="order",
            value=1.0,
            details={"currency": "CHF"},
            happened_at=NOON,
            arrived_at=NOON,
            definitions=fed,
            source="web",
            session_context={"page": "/pay"},
        )
        return replace(report, **changes)

    def conversion(self, user_id: str, **changes: Any) -> Report:
        kept = {"event_type": CONVERSION, "event_id": ONE_CONVERSION}
        return self.report(user_id, **(kept | changes))


async def open_shop(
    database: Database, definitions: Sequence[Mapping[str, Any]] = (), **changes: Any
) -> Shop:
    """`changes` are those of the experiment."""
    project = await stored_project(database)
    running = {"status": ExperimentStatus.ACTIVE, "phase": 1} | changes
    experiment = await stored_experiment(database, project, **running)
    variants = await stored_variants(database, experiment.id)
    made = [
        make_metric_definition(
            **{"experiment_id": experiment.id, "name": f"m{place}", "position": place, **given}
        )
        for place, given in enumerate(definitions)
    ]
    await stored(database, METRIC_DEFINITIONS, *made)
    return Shop(project, experiment, variants, made)


def event_of(user: Assignment, **changes: Any) -> Metric:
    event: Metric = make_metric(
        experiment_id=user.experiment_id,
        variant_id=user.variant_id,
        assignment_id=user.id,
        user_id=user.user_id,
        event_timestamp=user.assigned_at,
    )
    return replace(event, **changes)


async def rows_of(database: Database, model: Model[Any]) -> list[Any]:
    return model.read(await database.rows(select(*model.columns)))


async def sums_of(database: Database, metric: UUID) -> dict[UUID, RunningSums]:
    """Of each variant, its phases and stripes taken together: as if of phase 0, stripe 0."""
    found: dict[UUID, RunningSums] = {}
    for row in await rows_of(database, RUNNING_SUMS):
        if row.metric_id == metric:
            plain = replace(row, phase=0, stripe=0, changes=0)
            known = found.get(row.variant_id)
            found[row.variant_id] = plain if known is None else known.plus(plain)
    return found
