from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from domain import experiments as domain
from domain import variants as domain_variants
from domain.arms import VariantUpdate
from domain.authoring import Edited, Target
from domain.variants import NewVariant
from graphql_api.context import Info
from graphql_api.mutations.payload import INPUT, DeletePayload, Payload, Refusals
from graphql_api.types.experiments import Experiment, ExperimentBy
from graphql_api.types.inputs import changes, decoded
from graphql_api.types.variants import Variant
from graphql_api.types.view import global_id, id_of


@strawberry.type(description="The variants after the change, or why there was none.")
class VariantPayload(Payload):
    variants: Sequence[domain_variants.Variant] = strawberry.field(
        graphql_type=list[Variant], default=(), description="Those that were meant."
    )
    experiment: domain.Experiment | None = strawberry.field(
        graphql_type=Experiment | None, default=None, description="The one that they belong to."
    )


@strawberry.input(description="A variant to be designed.")
class VariantFields:
    name: str = strawberry.field(description="Unique within the experiment.")
    label: str | None = strawberry.field(default=None, description="What people call it.")
    description: str | None = strawberry.field(default=None, description="What is different.")
    response_template: str | None = strawberry.field(
        default=None, description="What a bot answers with."
    )
    system_prompt: str | None = strawberry.field(
        default=None, description="What a bot is told beforehand."
    )
    config_overrides: JSON | None = strawberry.field(
        default=None, description="Settings that it changes: an object or a list."
    )
    content: JSON | None = strawberry.field(
        default=None, description="What it shows: an object or a list."
    )
    traffic_weight: float | None = strawberry.field(
        default=None, description="0 to 1; left out: an equal share of what the others leave."
    )
    is_control: bool | None = strawberry.field(
        default=None, description="Whether the others are compared with it."
    )


@strawberry.input(description="Variants to be added.")
class VariantCreateInput:
    experiment: ExperimentBy = strawberry.field(description="To which experiment.")
    variants: list[VariantFields] = strawberry.field(description="At least one.")


@strawberry.input(description="A field left out stays as it is; a field set to null is cleared.")
class VariantUpdateInput:
    id: strawberry.ID = strawberry.field(description="Which variant.")
    name: str | None = strawberry.field(default=strawberry.UNSET, description="In a draft only.")
    label: str | None = strawberry.field(
        default=strawberry.UNSET, description="What people call it."
    )
    description: str | None = strawberry.field(
        default=strawberry.UNSET, description="What is different."
    )
    response_template: str | None = strawberry.field(
        default=strawberry.UNSET, description="What a bot answers with."
    )
    system_prompt: str | None = strawberry.field(
        default=strawberry.UNSET, description="What a bot is told beforehand."
    )
    config_overrides: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="Settings that it changes: an object or a list."
    )
    content: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="What it shows: an object or a list."
    )
    traffic_weight: float | None = strawberry.field(
        default=strawberry.UNSET,
        description="0 to 1; while the experiment runs, the others give or take in proportion.",
    )
    is_control: bool | None = strawberry.field(
        default=strawberry.UNSET, description="In a draft only; the others are no control then."
    )
    position: int | None = strawberry.field(
        default=strawberry.UNSET, description="Its place among the variants."
    )


@strawberry.input(description="Which variant is meant.")
class VariantInput:
    id: strawberry.ID = strawberry.field(description="Its id.")


@strawberry.type
class VariantMutations:
    @strawberry.mutation(
        extensions=[Refusals(VariantPayload)],
        description="Adds variants; while the experiment runs, the others make room.",
    )
    async def variant_create(
        self, info: Info, input: Annotated[VariantCreateInput, INPUT]
    ) -> VariantPayload | None:
        new = [decoded(variant, NewVariant) for variant in input.variants]
        target = Target(key=input.experiment.key())
        authoring = info.context.services.authoring
        return _shown(await authoring.add_variants(info.context.caller, target, new))

    @strawberry.mutation(
        extensions=[Refusals(VariantPayload)],
        description="Changes what may be changed at this stage.",
    )
    async def variant_update(
        self, info: Info, input: Annotated[VariantUpdateInput, INPUT]
    ) -> VariantPayload | None:
        variant, wanted = _variant(input.id), changes(input, VariantUpdate)
        authoring = info.context.services.authoring
        return _shown(await authoring.update_variant(info.context.caller, variant, wanted))

    @strawberry.mutation(
        extensions=[Refusals(VariantPayload)],
        description="Gives it to nobody new; those who have it keep it.",
    )
    async def variant_deactivate(
        self, info: Info, input: Annotated[VariantInput, INPUT]
    ) -> VariantPayload | None:
        authoring = info.context.services.authoring
        variant = _variant(input.id)
        return _shown(await authoring.deactivate_variant(info.context.caller, variant))

    @strawberry.mutation(
        extensions=[Refusals(VariantPayload)], description="Gives it to new users again."
    )
    async def variant_reactivate(
        self, info: Info, input: Annotated[VariantInput, INPUT]
    ) -> VariantPayload | None:
        authoring = info.context.services.authoring
        variant = _variant(input.id)
        return _shown(await authoring.reactivate_variant(info.context.caller, variant))

    @strawberry.mutation(
        extensions=[Refusals(DeletePayload)],
        description="Removes it from a draft; later on, deactivate it instead.",
    )
    async def variant_delete(
        self, info: Info, input: Annotated[VariantInput, INPUT]
    ) -> DeletePayload | None:
        authoring = info.context.services.authoring
        removed = await authoring.remove_variant(info.context.caller, _variant(input.id))
        return DeletePayload(deleted_id=global_id("Variant", removed))


def _variant(id: strawberry.ID) -> UUID:
    return id_of("Variant", id, ("id",))


def _shown(edited: Edited) -> VariantPayload:
    return VariantPayload(variants=edited.variants, experiment=edited.experiment)
