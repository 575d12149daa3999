from datetime import datetime
from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON

from domain import metrics as domain
from domain.assignments import Assignment as DomainAssignment
from domain.experiments import Experiment as DomainExperiment
from domain.metrics import EffectScale, MetricAggregation, MetricDirection, MetricRole
from domain.paging import Identified, Owner
from domain.variants import Variant as DomainVariant
from graphql_api.context import Info
from graphql_api.types.connection import Connection, Paged, Paging, nested
from graphql_api.types.inputs import decoded
from graphql_api.types.view import Node, View


@strawberry.type(description="What is measured, and what it is measured for.")
class MetricDefinition(View):
    entity = domain.MetricDefinition
    hidden = frozenset({"id", "experiment_id", "position"})

    name: str = strawberry.field(description="Unique within the experiment.")
    event_type: str = strawberry.field(description="The events that feed it.")
    aggregation: MetricAggregation = strawberry.field(description="What they make together.")
    role: MetricRole = strawberry.field(description="What the metric is for.")
    direction: MetricDirection = strawberry.field(description="Which change is good.")
    scale: EffectScale = strawberry.field(description="The scale of the headline effect.")
    cap_low: float | None = strawberry.field(description="A user's total counts as at least this.")
    cap_high: float | None = strawberry.field(description="A user's total counts as at most this.")
    window_hours: float | None = strawberry.field(
        description="Events later than this after the assignment do not count."
    )
    non_inferiority_margin: float | None = strawberry.field(
        description="How much worse a guardrail may get."
    )


@strawberry.type(description="One event of one user, as a tracker reported it.")
class Metric(View, Node):
    entity = domain.Metric
    hidden = frozenset({"experiment_id", "variant_id", "assignment_id", "user_id", "event_id"})

    event_type: str = strawberry.field(description="What happened.")
    event_value: float = strawberry.field(description="How much of it.")
    event_data: JSON = strawberry.field(description="Whatever the tracker sent with it.")
    event_timestamp: datetime = strawberry.field(description="When it happened.")
    source: str | None = strawberry.field(description="Who reported it.")
    session_context: JSON = strawberry.field(description="The session that it happened in.")
    created_at: datetime = strawberry.field(description="When it was written down.")

    @strawberry.field(
        graphql_type=Annotated["Experiment", strawberry.lazy("graphql_api.types.experiments")],
        description="The experiment that it counts for.",
    )
    async def experiment(
        parent: strawberry.Parent[domain.Metric], info: Info
    ) -> DomainExperiment | None:
        return await info.context.loaders.experiment.load(parent.experiment_id)

    @strawberry.field(
        graphql_type=Annotated["Variant", strawberry.lazy("graphql_api.types.variants")],
        description="The variant that the user had.",
    )
    async def variant(parent: strawberry.Parent[domain.Metric], info: Info) -> DomainVariant | None:
        return await info.context.loaders.variant.load(parent.variant_id)

    @strawberry.field(
        graphql_type=Annotated["Assignment", strawberry.lazy("graphql_api.types.assignments")],
        description="The assignment of the user.",
    )
    async def assignment(
        parent: strawberry.Parent[domain.Metric], info: Info
    ) -> DomainAssignment | None:
        return await info.context.loaders.assignment.load(parent.assignment_id)


@strawberry.input(description="Which events.")
class MetricFilter:
    event_type: str | None = strawberry.field(description="Of this type.", default=None)
    source: str | None = strawberry.field(description="Reported by this source.", default=None)
    after: datetime | None = strawberry.field(
        description="That happened then or later.", default=None
    )
    before: datetime | None = strawberry.field(description="That happened earlier.", default=None)


def metrics_of(owner: Owner) -> Any:
    def metrics(
        parent: strawberry.Parent[Identified],
        info: Info,
        paging: Paging,
        filter: Annotated[
            MetricFilter | None, strawberry.argument(description="Only these.")
        ] = None,
    ) -> Connection[Metric]:
        window = paging.window(domain.NEWEST_FIRST)
        asked = decoded(filter, domain.MetricFilter)
        return nested(info.context.loaders.metrics, owner, parent.id, window, asked)

    return strawberry.field(
        metrics, extensions=[Paged()], description="What users did, the latest first."
    )
