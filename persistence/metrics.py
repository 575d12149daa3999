from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import bindparam, select

from domain.ids import ProjectId
from domain.metrics import Metric, MetricDefinition
from persistence.arrays import among_given, bound, insertion, parameters, unnested
from persistence.compiled import Source, Transaction
from persistence.engine import Database
from persistence.keyset import Condition, Nested, of_project
from persistence.models import METRIC_DEFINITIONS, METRICS
from persistence.tables import metric_definitions, metrics

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

_RECORD = (
    insertion(METRICS, order=("experiment_id", "user_id", "event_id", "id"))
    .on_conflict_do_nothing()
    .returning(metrics.c.id)
)

_events = unnested(metrics.c.experiment_id, metrics.c.user_id, metrics.c.event_id)
_KNOWN = select(*METRICS.columns).join(
    _events,
    (metrics.c.user_id == _events.c.user_id)
    & (metrics.c.experiment_id == _events.c.experiment_id)
    & (metrics.c.event_id == _events.c.event_id),
)


class Metrics(Nested[Metric]):
    def __init__(self, database: Database) -> None:
        super().__init__(database, METRICS, _CONDITIONS)

    async def definitions_by_experiment(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Sequence[MetricDefinition]]:
        asked = {"project": project, "experiments": list(experiments)}
        found = defaultdict(list)
        for definition in METRIC_DEFINITIONS.read(await self.database.rows(_DEFINITIONS, asked)):
            found[definition.experiment_id].append(definition)
        return found


async def record(transaction: Transaction, wanted: Sequence[Metric]) -> Collection[UUID]:
    """The ids of those that are new."""
    rows = await transaction.rows(_RECORD, parameters(METRICS, wanted))
    return {row[0] for row in rows}


async def known_as(
    source: Source, events: Collection[tuple[UUID, str, str]]
) -> Mapping[tuple[UUID, str, str], Metric]:
    """By experiment, user and event id."""
    experiments, users, names = (list(part) for part in zip(*events, strict=True))
    given = bound(experiment_id=experiments, user_id=users, event_id=names)
    found = METRICS.read(await source.rows(_KNOWN, given))
    return {(each.experiment_id, each.user_id, each.event_id or ""): each for each in found}
