from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry

from domain import funnels as domain
from domain.variants import Variant as DomainVariant
from graphql_api.context import Info
from graphql_api.types.experiments import ExperimentBy
from graphql_api.types.scalars import BigInt
from graphql_api.types.variants import Variant
from graphql_api.types.view import Node, View


@strawberry.type(description="Something that users do on their way.")
class FunnelStep(View, Node):
    entity = domain.FunnelStep
    hidden = frozenset({"funnel_id"})

    name: str = strawberry.field(description="Unique within the funnel.")
    event_type: str = strawberry.field(description="The events that reach it.")
    position: int = strawberry.field(description="Its place among the steps, from 0.")


@strawberry.type(description="Whoever was at the source may come to the target.")
class FunnelLink(View):
    entity = domain.FunnelLink

    source: domain.FunnelStep = strawberry.field(
        graphql_type=FunnelStep, description="Where it comes from."
    )
    target: domain.FunnelStep = strawberry.field(
        graphql_type=FunnelStep, description="Where it leads to."
    )


@strawberry.type(description="How far the users of one variant got at one step.")
class FunnelStepReport(View):
    entity = domain.FunnelStepReport

    step: domain.FunnelStep = strawberry.field(graphql_type=FunnelStep, description="The step.")
    users: BigInt = strawberry.field(description="How many reached it.")
    share_of_first: float = strawberry.field(
        description="Of those who reached any of the first steps; 0 without users."
    )
    share_of_previous: float = strawberry.field(
        description="Of those who reached any of the steps that lead to it; 0 without users."
    )


@strawberry.type(description="How many users of one variant went along one link.")
class FunnelLinkReport(View):
    entity = domain.FunnelLinkReport

    link: domain.FunnelLink = strawberry.field(graphql_type=FunnelLink, description="The link.")
    users: BigInt = strawberry.field(description="How many reached the target from the source.")
    share: float = strawberry.field(description="Of those who reached the source.")
    median_seconds: float | None = strawberry.field(
        description="How long half of them took at most; null without users."
    )


@strawberry.type(description="How far the users of one variant got.")
class FunnelVariantReport(View):
    entity = domain.FunnelVariantReport

    variant: DomainVariant = strawberry.field(graphql_type=Variant, description="The variant.")
    steps: Sequence[domain.FunnelStepReport] = strawberry.field(
        graphql_type=list[FunnelStepReport], description="In the order of the steps."
    )
    links: Sequence[domain.FunnelLinkReport] = strawberry.field(
        graphql_type=list[FunnelLinkReport], description="In the order of the links."
    )


@strawberry.type(description="How far the users of an experiment got in a funnel.")
class FunnelReport(View):
    entity = domain.FunnelReport

    variants: Sequence[domain.FunnelVariantReport] = strawberry.field(
        graphql_type=list[FunnelVariantReport],
        description="Of each active variant, and of each other one with users in the funnel.",
    )


@strawberry.type(description="Steps that users take one after the other.")
class Funnel(View, Node):
    entity = domain.Funnel
    hidden = frozenset({"project_id", "version"})

    name: str = strawberry.field(description="Unique within the project.")
    description: str | None = strawberry.field(description="What it is about.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")

    @strawberry.field(graphql_type=list[FunnelStep], description="Its steps, by position.")
    async def steps(
        parent: strawberry.Parent[domain.Funnel], info: Info
    ) -> Sequence[domain.FunnelStep]:
        path = await info.context.loaders.funnels.path.load(parent.id)
        return path.steps if path else ()

    @strawberry.field(
        graphql_type=list[FunnelLink],
        description="What leads to what, by the positions of source and target.",
    )
    async def links(
        parent: strawberry.Parent[domain.Funnel], info: Info
    ) -> Sequence[domain.FunnelLink]:
        path = await info.context.loaders.funnels.path.load(parent.id)
        return path.links if path else ()

    @strawberry.field(
        graphql_type=FunnelReport,
        description="How far users got, by variant: each step by an event after the one before.",
    )
    async def report(
        parent: strawberry.Parent[domain.Funnel],
        info: Info,
        experiment: Annotated[
            ExperimentBy, strawberry.argument(description="Whose users are looked at.")
        ],
        window_hours: Annotated[
            float | None,
            strawberry.argument(
                description="Events later than this after a user's first step do not count."
            ),
        ] = None,
    ) -> domain.FunnelReport:
        reports = info.context.services.funnel_reports
        return await reports.report(parent, experiment.key(), window_hours)
