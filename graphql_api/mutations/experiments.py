from typing import Annotated

import strawberry

from domain import experiments as domain
from domain.authoring import Target
from graphql_api.context import Info
from graphql_api.mutations.experiment_inputs import (
    ExperimentCompleteInput,
    ExperimentCreateInput,
    ExperimentDeleteInput,
    ExperimentTransitionInput,
    ExperimentUpdateInput,
)
from graphql_api.mutations.payload import INPUT, DeletePayload, Payload, Refusals
from graphql_api.types.experiments import Experiment
from graphql_api.types.view import global_id


@strawberry.type(description="The experiment after the change, or why there was none.")
class ExperimentPayload(Payload):
    experiment: domain.Experiment | None = strawberry.field(
        graphql_type=Experiment | None, default=None, description="As it is now."
    )


@strawberry.type
class ExperimentMutations:
    @strawberry.mutation(
        extensions=[Refusals(ExperimentPayload)],
        description="Designs an experiment, as a draft, with its variants.",
    )
    async def experiment_create(
        self, info: Info, input: Annotated[ExperimentCreateInput, INPUT]
    ) -> ExperimentPayload | None:
        authoring = info.context.services.authoring
        created = await authoring.create(info.context.caller, input.decoded())
        return ExperimentPayload(experiment=created)

    @strawberry.mutation(
        extensions=[Refusals(ExperimentPayload)],
        description="Changes what may be changed at this stage.",
    )
    async def experiment_update(
        self, info: Info, input: Annotated[ExperimentUpdateInput, INPUT]
    ) -> ExperimentPayload | None:
        authoring = info.context.services.authoring
        updated = await authoring.update(info.context.caller, _target(input), input.decoded())
        return ExperimentPayload(experiment=updated)

    @strawberry.mutation(
        extensions=[Refusals(ExperimentPayload)],
        description="From DRAFT to ACTIVE: from now on users are assigned.",
    )
    async def experiment_start(
        self, info: Info, input: Annotated[ExperimentTransitionInput, INPUT]
    ) -> ExperimentPayload | None:
        authoring = info.context.services.authoring
        moved = await authoring.start(info.context.caller, _target(input))
        return ExperimentPayload(experiment=moved)

    @strawberry.mutation(
        extensions=[Refusals(ExperimentPayload)],
        description="From ACTIVE to PAUSED: nobody new is assigned.",
    )
    async def experiment_pause(
        self, info: Info, input: Annotated[ExperimentTransitionInput, INPUT]
    ) -> ExperimentPayload | None:
        authoring = info.context.services.authoring
        moved = await authoring.pause(info.context.caller, _target(input))
        return ExperimentPayload(experiment=moved)

    @strawberry.mutation(
        extensions=[Refusals(ExperimentPayload)],
        description="From PAUSED to ACTIVE: users are assigned again.",
    )
    async def experiment_resume(
        self, info: Info, input: Annotated[ExperimentTransitionInput, INPUT]
    ) -> ExperimentPayload | None:
        authoring = info.context.services.authoring
        moved = await authoring.resume(info.context.caller, _target(input))
        return ExperimentPayload(experiment=moved)

    @strawberry.mutation(
        extensions=[Refusals(ExperimentPayload)],
        description="Ends it and freezes its results.",
    )
    async def experiment_complete(
        self, info: Info, input: Annotated[ExperimentCompleteInput, INPUT]
    ) -> ExperimentPayload | None:
        authoring = info.context.services.authoring
        completed = await authoring.complete(info.context.caller, _target(input), input.winner)
        return ExperimentPayload(experiment=completed)

    @strawberry.mutation(
        extensions=[Refusals(ExperimentPayload)],
        description="Hides it from lists and keeps everything.",
    )
    async def experiment_archive(
        self, info: Info, input: Annotated[ExperimentTransitionInput, INPUT]
    ) -> ExperimentPayload | None:
        authoring = info.context.services.authoring
        moved = await authoring.archive(info.context.caller, _target(input))
        return ExperimentPayload(experiment=moved)

    @strawberry.mutation(
        extensions=[Refusals(DeletePayload)],
        description="Removes it with all that hangs on it; archive instead to keep the history.",
    )
    async def experiment_delete(
        self, info: Info, input: Annotated[ExperimentDeleteInput, INPUT]
    ) -> DeletePayload | None:
        authoring = info.context.services.authoring
        deleted = await authoring.delete(info.context.caller, _target(input))
        return DeletePayload(deleted_id=global_id("Experiment", deleted))


def _target(
    input: ExperimentUpdateInput
    | ExperimentTransitionInput
    | ExperimentCompleteInput
    | ExperimentDeleteInput,
) -> Target:
    return Target(key=input.experiment.key(), expected_version=input.expected_version)
