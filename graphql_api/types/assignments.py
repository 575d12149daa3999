from datetime import datetime
from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON

from domain import assignments as domain
from domain.experiments import Experiment as DomainExperiment
from domain.paging import Identified, Owner
from domain.variants import Variant as DomainVariant
from graphql_api.context import Info
from graphql_api.types.connection import Connection, Paged, Paging, nested
from graphql_api.types.inputs import decoded
from graphql_api.types.metrics import Metric, metrics_of
from graphql_api.types.view import Node, View


@strawberry.type(description="The variant that a user was given, for good.")
class Assignment(View, Node):
    entity = domain.Assignment
    hidden = frozenset({"experiment_id", "variant_id"})

    user_id: str = strawberry.field(description="The user, as the tracker names them.")
    phase: int = strawberry.field(description="The experiment's phase at that time.")
    session_id: str | None = strawberry.field(description="The session of the first visit.")
    assigned_at: datetime = strawberry.field(description="When it was given.")
    bucket_value: float = strawberry.field(description="Where the user's hash fell, in [0, 1).")
    propensity: float = strawberry.field(
        description="The chance this user had of getting this variant when it was assigned."
    )
    has_converted: bool = strawberry.field(description="Whether the user has converted.")
    converted_at: datetime | None = strawberry.field(description="When that was.")
    conversion_value: float | None = strawberry.field(description="What it was worth.")
    context: JSON = strawberry.field(description="What the tracker knew of the user.")
    metadata: JSON = strawberry.field(description="Whatever the tracker keeps with it.")
    metrics: Connection[Metric] = metrics_of(Owner.ASSIGNMENT)

    @strawberry.field(
        graphql_type=Annotated["Experiment", strawberry.lazy("graphql_api.types.experiments")],
        description="The experiment that the user takes part in.",
    )
    async def experiment(
        parent: strawberry.Parent[domain.Assignment], info: Info
    ) -> DomainExperiment | None:
        return await info.context.loaders.experiment.load(parent.experiment_id)

    @strawberry.field(
        graphql_type=Annotated["Variant", strawberry.lazy("graphql_api.types.variants")],
        description="The variant that the user was given.",
    )
    async def variant(
        parent: strawberry.Parent[domain.Assignment], info: Info
    ) -> DomainVariant | None:
        return await info.context.loaders.variant.load(parent.variant_id)


@strawberry.input(description="Which assignments.")
class AssignmentFilter:
    user_id: str | None = strawberry.field(description="Of this user.", default=None)
    has_converted: bool | None = strawberry.field(
        description="Of users that have converted, or of those that have not.", default=None
    )
    assigned_after: datetime | None = strawberry.field(
        description="Given then or later.", default=None
    )
    assigned_before: datetime | None = strawberry.field(description="Given earlier.", default=None)


def assignments_of(owner: Owner) -> Any:
    def assignments(
        parent: strawberry.Parent[Identified],
        info: Info,
        paging: Paging,
        filter: Annotated[
            AssignmentFilter | None, strawberry.argument(description="Only these.")
        ] = None,
    ) -> Connection[Assignment]:
        window = paging.window(domain.NEWEST_FIRST)
        asked = decoded(filter, domain.AssignmentFilter)
        return nested(info.context.loaders.assignments, owner, parent.id, window, asked)

    return strawberry.field(
        assignments, extensions=[Paged()], description="Who was assigned, the latest first."
    )
