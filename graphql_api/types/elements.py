from collections.abc import Sequence
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from domain import elements as domain
from domain.elements import SelectorType
from domain.experiments import Experiment as DomainExperiment
from domain.variants import Variant as DomainVariant
from graphql_api.context import Info
from graphql_api.types.scalars import BigInt
from graphql_api.types.view import Node, View


@strawberry.type(description="What one variant puts into one element.")
class ElementVariant(View, Node):
    entity = domain.ElementVariant
    hidden = frozenset({"element_id", "variant_id"})

    name: str = strawberry.field(description="What people call it.")
    content: JSON = strawberry.field(description="What the element shows in this variant.")
    is_active: bool = strawberry.field(description="Whether pages are changed by it.")
    position: int = strawberry.field(description="Its place among those of the element.")

    @strawberry.field(description="Whether the variant is the control.")
    async def is_control(parent: strawberry.Parent[domain.ElementVariant], info: Info) -> bool:
        standing = await info.context.loaders.elements.standing.load(parent.variant_id)
        return standing is not None and standing.is_control

    @strawberry.field(graphql_type=BigInt, description="How many users were given the variant.")
    async def total_allocations(
        parent: strawberry.Parent[domain.ElementVariant], info: Info
    ) -> int:
        standing = await info.context.loaders.elements.standing.load(parent.variant_id)
        return standing.users if standing else 0

    @strawberry.field(graphql_type=BigInt, description="How many of them converted.")
    async def total_conversions(
        parent: strawberry.Parent[domain.ElementVariant], info: Info
    ) -> int:
        standing = await info.context.loaders.elements.standing.load(parent.variant_id)
        return standing.conversions if standing else 0

    @strawberry.field(description="Their share.")
    async def conversion_rate(
        parent: strawberry.Parent[domain.ElementVariant], info: Info
    ) -> float:
        standing = await info.context.loaders.elements.standing.load(parent.variant_id)
        return standing.rate if standing else 0.0

    @strawberry.field(
        graphql_type=Annotated["Element", strawberry.lazy("graphql_api.types.elements")],
        description="Where it is put.",
    )
    async def element(
        parent: strawberry.Parent[domain.ElementVariant], info: Info
    ) -> domain.Element | None:
        return await info.context.loaders.elements.one.load(parent.element_id)

    @strawberry.field(
        graphql_type=Annotated["Variant", strawberry.lazy("graphql_api.types.variants")],
        description="The variant that it belongs to.",
    )
    async def variant(
        parent: strawberry.Parent[domain.ElementVariant], info: Info
    ) -> DomainVariant | None:
        return await info.context.loaders.variant.load(parent.variant_id)


@strawberry.type(description="A place on a page that the experiment changes.")
class Element(View, Node):
    entity = domain.Element
    hidden = frozenset({"experiment_id", "created_at", "updated_at"})

    name: str = strawberry.field(description="Unique within the experiment.")
    selector_type: SelectorType = strawberry.field(description="How it is found on a page.")
    selector_value: str = strawberry.field(description="By what it is found.")
    element_type: str = strawberry.field(
        description="What it is, in the team's own words: a button, a headline."
    )
    position: int = strawberry.field(description="Its place among the elements.")

    @strawberry.field(
        graphql_type=Annotated["Experiment", strawberry.lazy("graphql_api.types.experiments")],
        description="The experiment that it belongs to.",
    )
    async def experiment(
        parent: strawberry.Parent[domain.Element], info: Info
    ) -> DomainExperiment | None:
        return await info.context.loaders.experiment.load(parent.experiment_id)

    @strawberry.field(
        graphql_type=list[ElementVariant],
        description="What variants put there, by position; what was deactivated is shown, too.",
    )
    async def variants(
        parent: strawberry.Parent[domain.Element], info: Info
    ) -> Sequence[domain.ElementVariant]:
        return await info.context.loaders.elements.contents.load(parent.id)
