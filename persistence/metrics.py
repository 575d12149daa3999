from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, bindparam, exists

from domain.ids import ProjectId
from domain.metrics import Metric, MetricDefinition
from persistence.arrays import Addition, among_given
from persistence.engine import Database
from persistence.keyset import Condition, Nested, of_project
from persistence.models import METRIC_DEFINITIONS, METRICS
from persistence.tables import assignments, experiments, metric_definitions, metrics

_CONDITIONS: Mapping[str, Condition] = {
    "event_type": lambda _: metrics.c.event_type == bindparam("event_type"),
    "source": lambda _: metrics.c.source == bindparam("source"),
    "after": lambda _: metrics.c.event_timestamp >= bindparam("after"),
    "before": lambda _: metrics.c.event_timestamp < bindparam("before"),
}

_DEFINITIONS = (
    of_project(METRIC_DEFINITIONS)
    .where(among_given(metric_definitions.c.experiment_id, "experiments"))
    .order_by(metric_definitions.c.position, metric_definitions.c.id)
)


def _has_assignment(given: FromClause) -> ColumnElement[bool]:
    return (
        exists()
        .where(assignments.c.id == given.c.assignment_id)
        .where(assignments.c.user_id == given.c.user_id)
        .where(assignments.c.variant_id == given.c.variant_id)
        .where(assignments.c.experiment_id == given.c.experiment_id)
        .where(experiments.c.id == assignments.c.experiment_id)
        .where(experiments.c.project_id == bindparam("project"))
    )


_ADDITION = Addition(METRICS, is_known=_has_assignment, order=("id", "user_id"))


class Metrics(Nested[Metric]):
    def __init__(self, database: Database) -> None:
        super().__init__(database, METRICS, _CONDITIONS)

    async def add(self, project: ProjectId, metrics: Sequence[Metric]) -> None:
        await _ADDITION.add(self.database, project, metrics)

    async def definitions_by_experiment(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Sequence[MetricDefinition]]:
        asked = {"project": project, "experiments": list(experiments)}
        found = defaultdict(list)
        for definition in METRIC_DEFINITIONS.read(await self.database.rows(_DEFINITIONS, asked)):
            found[definition.experiment_id].append(definition)
        return found
