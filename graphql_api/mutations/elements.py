from typing import Annotated
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from domain import elements as domain
from domain import experiments as domain_experiments
from domain.arranging import Arranged
from domain.elements import ElementUpdate, Filling, NewElement, SelectorType
from graphql_api.context import Info
from graphql_api.mutations.payload import INPUT, DeletePayload, Payload, Refusals
from graphql_api.types.elements import Element
from graphql_api.types.experiments import Experiment, ExperimentBy
from graphql_api.types.inputs import changes, decoded
from graphql_api.types.view import global_id, id_of


@strawberry.type(description="The element after the change, or why there was none.")
class ElementPayload(Payload):
    element: domain.Element | None = strawberry.field(
        graphql_type=Element | None, default=None, description="The one that was meant."
    )
    experiment: domain_experiments.Experiment | None = strawberry.field(
        graphql_type=Experiment | None, default=None, description="The one that it belongs to."
    )


@strawberry.input(description="An element to be added; in a draft only.")
class ElementCreateInput:
    experiment: ExperimentBy = strawberry.field(description="To which experiment.")
    name: str = strawberry.field(description="Unique within the experiment.")
    selector_type: SelectorType = strawberry.field(description="How it is found on a page.")
    selector_value: str = strawberry.field(description="By what it is found.")
    element_type: str = strawberry.field(
        description="What it is, in the team's own words: a button, a headline."
    )


@strawberry.input(description="A field left out stays as it is; none can be cleared.")
class ElementUpdateInput:
    id: strawberry.ID = strawberry.field(description="Which element.")
    name: str | None = strawberry.field(default=strawberry.UNSET, description="In a draft only.")
    selector_type: SelectorType | None = strawberry.field(
        default=strawberry.UNSET, description="In a draft only."
    )
    selector_value: str | None = strawberry.field(
        default=strawberry.UNSET, description="In a draft only."
    )
    element_type: str | None = strawberry.field(
        default=strawberry.UNSET, description="In a draft only."
    )
    position: int | None = strawberry.field(
        default=strawberry.UNSET, description="Its place among the elements."
    )


@strawberry.input(description="Which element is meant.")
class ElementInput:
    id: strawberry.ID = strawberry.field(description="Its id.")


@strawberry.input(description="What a variant is to put into an element.")
class ElementVariantSetInput:
    element: strawberry.ID = strawberry.field(description="Into which element.")
    variant: strawberry.ID = strawberry.field(description="Which variant of the same experiment.")
    name: str | None = strawberry.field(
        default=None, description="What people call it; left out: as it is, or the variant's name."
    )
    content: JSON = strawberry.field(description="An object or a list.")
    is_active: bool | None = strawberry.field(
        default=None,
        description="Whether pages are changed by it; left out: as it is, at first they are.",
    )


@strawberry.type
class ElementMutations:
    @strawberry.mutation(
        extensions=[Refusals(ElementPayload)], description="Adds an element to a draft."
    )
    async def element_create(
        self, info: Info, input: Annotated[ElementCreateInput, INPUT]
    ) -> ElementPayload | None:
        new, key = decoded(input, NewElement), input.experiment.key()
        arranging = info.context.services.arranging
        return _shown(await arranging.create(info.context.caller, key, new))

    @strawberry.mutation(
        extensions=[Refusals(ElementPayload)],
        description="Changes an element of a draft; while the experiment runs, its place alone.",
    )
    async def element_update(
        self, info: Info, input: Annotated[ElementUpdateInput, INPUT]
    ) -> ElementPayload | None:
        element, wanted = _element(input.id), changes(input, ElementUpdate)
        arranging = info.context.services.arranging
        return _shown(await arranging.update(info.context.caller, element, wanted))

    @strawberry.mutation(
        extensions=[Refusals(DeletePayload)],
        description="Removes it from a draft with all that variants put there; later on, "
        "deactivate that instead.",
    )
    async def element_delete(
        self, info: Info, input: Annotated[ElementInput, INPUT]
    ) -> DeletePayload | None:
        arranging = info.context.services.arranging
        removed = await arranging.delete(info.context.caller, _element(input.id))
        return DeletePayload(deleted_id=global_id("Element", removed))

    @strawberry.mutation(
        extensions=[Refusals(ElementPayload)],
        description="Puts what a variant shows into an element. Once a user was given the "
        "variant, only isActive can change.",
    )
    async def element_variant_set(
        self, info: Info, input: Annotated[ElementVariantSetInput, INPUT]
    ) -> ElementPayload | None:
        element = _element(input.element, "element")
        variant = id_of("Variant", input.variant, ("variant",))
        arranging, wanted = info.context.services.arranging, decoded(input, Filling)
        return _shown(await arranging.fill(info.context.caller, element, variant, wanted))


def _element(id: strawberry.ID, place: str = "id") -> UUID:
    return id_of("Element", id, (place,))


def _shown(arranged: Arranged) -> ElementPayload:
    return ElementPayload(element=arranged.element, experiment=arranged.experiment)
