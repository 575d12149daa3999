from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from domain import variants as domain
from domain.analysis.intervals import Interval as DomainInterval
from domain.analysis.intervals import wilson_interval
from domain.bandits import ArmState
from domain.elements import ElementVariant as DomainElementVariant
from domain.experiments import AllocationMode
from domain.experiments import Experiment as DomainExperiment
from domain.paging import Owner
from graphql_api.context import Info
from graphql_api.types.assignments import Assignment, assignments_of
from graphql_api.types.bandits import BanditState
from graphql_api.types.connection import Connection
from graphql_api.types.elements import ElementVariant
from graphql_api.types.intervals import Interval
from graphql_api.types.metrics import Metric, metrics_of
from graphql_api.types.scalars import BigInt
from graphql_api.types.view import Node, View

_ALPHA = 0.05


@strawberry.type(description="One of the alternatives that users are given.")
class Variant(View, Node):
    entity = domain.Variant
    hidden = frozenset(
        {
            *("experiment_id", "algorithm_state"),
            *("confidence_interval_lower", "confidence_interval_upper"),
        }
    )

    name: str = strawberry.field(description="Unique within the experiment.")
    label: str | None = strawberry.field(description="What people call it.")
    description: str | None = strawberry.field(description="What is different in it.")
    response_template: str | None = strawberry.field(description="What a bot answers with.")
    system_prompt: str | None = strawberry.field(description="What a bot is told beforehand.")
    config_overrides: JSON = strawberry.field(description="Settings that it changes.")
    content: JSON = strawberry.field(description="What it shows.")
    traffic_weight: float = strawberry.field(description="Its share of those that take part.")
    is_control: bool = strawberry.field(description="Whether the others are compared with it.")
    is_active: bool = strawberry.field(description="Whether new users are given it.")
    position: int = strawberry.field(description="Its place among the variants.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    assignments: Connection[Assignment] = assignments_of(Owner.VARIANT)
    metrics: Connection[Metric] = metrics_of(Owner.VARIANT)

    @strawberry.field(
        graphql_type=list[ElementVariant],
        description="What it puts into elements of a page: only what is active, in the order of "
        "the elements.",
    )
    async def contents(
        parent: strawberry.Parent[domain.Variant], info: Info
    ) -> Sequence[DomainElementVariant]:
        return await info.context.loaders.elements.contents_by_variant.load(parent.id)

    @strawberry.field(graphql_type=BigInt, description="How many users were given it.")
    async def impressions(parent: strawberry.Parent[domain.Variant], info: Info) -> int:
        tally = await info.context.loaders.tally.load(parent.id)
        return tally.users if tally else parent.impressions

    @strawberry.field(graphql_type=BigInt, description="How many of them converted.")
    async def conversions(parent: strawberry.Parent[domain.Variant], info: Info) -> int:
        tally = await info.context.loaders.tally.load(parent.id)
        return tally.conversions if tally else parent.conversions

    @strawberry.field(description="Their share, as counted; of a bandit see its results.")
    async def conversion_rate(parent: strawberry.Parent[domain.Variant], info: Info) -> float:
        tally = await info.context.loaders.tally.load(parent.id)
        return tally.rate if tally else parent.conversion_rate

    @strawberry.field(description="What all conversions were worth.")
    async def total_value(parent: strawberry.Parent[domain.Variant], info: Info) -> float:
        tally = await info.context.loaders.tally.load(parent.id)
        return tally.value if tally else parent.total_value

    @strawberry.field(
        graphql_type=Interval | None,
        description="Of the conversion rate, at the experiment's level; describes this variant "
        "alone. Null without users, and of a bandit: see its results.",
    )
    async def confidence_interval(
        parent: strawberry.Parent[domain.Variant], info: Info
    ) -> DomainInterval | None:
        loaders = info.context.loaders
        tally = await loaders.tally.load(parent.id)
        experiment = await loaders.experiment.load(parent.experiment_id)
        if experiment is not None and experiment.allocation is AllocationMode.THOMPSON:
            return None  # the plain rate that it describes is biased there
        alpha = experiment.alpha if experiment else _ALPHA
        if tally is not None:
            return wilson_interval(tally.conversions, tally.users, alpha)
        lower, upper = parent.confidence_interval_lower, parent.confidence_interval_upper
        if lower is None or upper is None:
            return None
        return DomainInterval(lower=lower, upper=upper, level=1 - alpha)

    @strawberry.field(
        graphql_type=BanditState | None,
        description="What the bandit knows of it; null where no bandit sets the weights, and where "
        "its state is not believed: see banditFault of the experiment.",
    )
    async def bandit(parent: strawberry.Parent[domain.Variant], info: Info) -> ArmState | None:
        experiment = await info.context.loaders.experiment.load(parent.experiment_id)
        if experiment is None:
            return None
        return info.context.services.beliefs.shown(experiment, parent)

    @strawberry.field(
        graphql_type=Annotated["Experiment", strawberry.lazy("graphql_api.types.experiments")],
        description="The experiment that it belongs to.",
    )
    async def experiment(
        parent: strawberry.Parent[domain.Variant], info: Info
    ) -> DomainExperiment | None:
        return await info.context.loaders.experiment.load(parent.experiment_id)
