from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import strawberry

from domain import funnels as domain
from domain.funnel_design import FunnelUpdate, NewFunnel, NewLink, NewStep
from graphql_api.context import Info
from graphql_api.mutations.payload import INPUT, DeletePayload, Payload, Refusals
from graphql_api.types.funnels import Funnel
from graphql_api.types.inputs import changes, decoded
from graphql_api.types.view import global_id, id_of


@strawberry.type(description="The funnel after the change, or why there was none.")
class FunnelPayload(Payload):
    funnel: domain.Funnel | None = strawberry.field(
        graphql_type=Funnel | None, default=None, description="As it is now."
    )


@strawberry.input(description="Something that users do on their way.")
class FunnelStepInput:
    name: str = strawberry.field(description="Unique within the funnel.")
    event_type: str = strawberry.field(description="The events that reach it.")


@strawberry.input(description="Steps by name; without links the steps are a straight line.")
class FunnelLinkInput:
    source: str = strawberry.field(description="Where it comes from.")
    target: str = strawberry.field(description="Where it leads to.")


@strawberry.input(description="A funnel to be designed.")
class FunnelCreateInput:
    name: str = strawberry.field(description="Unique within the project.")
    description: str | None = strawberry.field(default=None, description="What it is about.")
    steps: list[FunnelStepInput] = strawberry.field(description="2 to 20, in their order.")
    links: list[FunnelLinkInput] | None = strawberry.field(
        default=None, description="At most 60, in no circle; left out: from each step to the next."
    )

    def decoded(self) -> NewFunnel:
        return decoded(self, NewFunnel, steps=_steps(self.steps), links=_links(self.links) or ())


@strawberry.input(description="A field left out stays as it is; a field set to null is cleared.")
class FunnelUpdateInput:
    id: strawberry.ID = strawberry.field(description="Which funnel.")
    name: str | None = strawberry.field(
        default=strawberry.UNSET, description="Unique within the project."
    )
    description: str | None = strawberry.field(
        default=strawberry.UNSET, description="What it is about."
    )
    steps: list[FunnelStepInput] | None = strawberry.field(
        default=strawberry.UNSET,
        description="All of them; one that keeps its name keeps its id. Give their links as well.",
    )
    links: list[FunnelLinkInput] | None = strawberry.field(
        default=strawberry.UNSET,
        description="All of them; null, or left out beside steps: from each step to the next.",
    )

    def decoded(self) -> FunnelUpdate:
        path: dict[str, Any] = {}
        if self.steps is not strawberry.UNSET:
            path["steps"] = _steps(self.steps)
        if self.links is not strawberry.UNSET:
            path["links"] = _links(self.links)
        return changes(self, FunnelUpdate, **path)


@strawberry.input(description="Which funnel is meant.")
class FunnelInput:
    id: strawberry.ID = strawberry.field(description="Its id.")


@strawberry.type
class FunnelMutations:
    @strawberry.mutation(
        extensions=[Refusals(FunnelPayload)], description="Designs a funnel, with its steps."
    )
    async def funnel_create(
        self, info: Info, input: Annotated[FunnelCreateInput, INPUT]
    ) -> FunnelPayload | None:
        funnelling = info.context.services.funnelling
        return FunnelPayload(funnel=await funnelling.create(info.context.caller, input.decoded()))

    @strawberry.mutation(
        extensions=[Refusals(FunnelPayload)],
        description="Changes a funnel; its reports are those of the new steps from then on.",
    )
    async def funnel_update(
        self, info: Info, input: Annotated[FunnelUpdateInput, INPUT]
    ) -> FunnelPayload | None:
        funnel, wanted = _funnel(input.id), input.decoded()
        funnelling = info.context.services.funnelling
        return FunnelPayload(funnel=await funnelling.update(info.context.caller, funnel, wanted))

    @strawberry.mutation(
        extensions=[Refusals(DeletePayload)],
        description="Removes a funnel and its steps; the events stay.",
    )
    async def funnel_delete(
        self, info: Info, input: Annotated[FunnelInput, INPUT]
    ) -> DeletePayload | None:
        funnelling = info.context.services.funnelling
        removed = await funnelling.delete(info.context.caller, _funnel(input.id))
        return DeletePayload(deleted_id=global_id("Funnel", removed))


def _steps(given: Sequence[FunnelStepInput] | None) -> Sequence[NewStep] | None:
    return None if given is None else [decoded(step, NewStep) for step in given]


def _links(given: Sequence[FunnelLinkInput] | None) -> Sequence[NewLink] | None:
    return None if given is None else [decoded(link, NewLink) for link in given]


def _funnel(id: strawberry.ID) -> UUID:
    return id_of("Funnel", id, ("id",))
