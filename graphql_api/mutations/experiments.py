from typing import Annotated

import strawberry

from domain import experiments as domain
from domain import lifecycle
from domain.authoring import Decision, Target
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
        created = await authoring.create(info.context.project, input.decoded())
        return ExperimentPayload(experiment=created)

    @strawberry.mutation(
        extensions=[Refusals(ExperimentPayload)],
        description="Changes what may be changed at this stage.",
    )
    async def experiment_update(
        self, info: Info, input: Annotated[ExperimentUpdateInput, INPUT]
    ) -> ExperimentPayload | None:
        authoring = info.context.services.authoring
        updated = await authoring.update(info.context.project, _target(input), input.decoded())
        return ExperimentPayload(experiment=updated)

    @strawberry.mutation(
        extensions=[Refusals(ExperimentPayload)],
        description="From DRAFT to ACTIVE: from now on users are assigned.",
    )
    async def experiment_start(
        self, info: Info, input: Annotated[ExperimentTransitionInput, INPUT]
    ) -> ExperimentPayload | None:
        return await _move(info, input, lifecycle.start)

    @strawberry.mutation(
        extensions=[Refusals(ExperimentPayload)],
        description="From ACTIVE to PAUSED: nobody new is assigned.",
    )
    async def experiment_pause(
        self, info: Info, input: Annotated[ExperimentTransitionInput, INPUT]
    ) -> ExperimentPayload | None:
        return await _move(info, input, lifecycle.pause)

    @strawberry.mutation(
        extensions=[Refusals(ExperimentPayload)],
        description="From PAUSED to ACTIVE: users are assigned again.",
    )
    async def experiment_resume(
        self, info: Info, input: Annotated[ExperimentTransitionInput, INPUT]
    ) -> ExperimentPayload | None:
        return await _move(info, input, lifecycle.resume)

    @strawberry.mutation(
        extensions=[Refusals(ExperimentPayload)],
        description="Ends it and freezes its results.",
    )
    async def experiment_complete(
        self, info: Info, input: Annotated[ExperimentCompleteInput, INPUT]
    ) -> ExperimentPayload | None:
        authoring = info.context.services.authoring
        completed = await authoring.complete(info.context.project, _target(input), input.winner)
        return ExperimentPayload(experiment=completed)

    @strawberry.mutation(
        extensions=[Refusals(ExperimentPayload)],
        description="Hides it from lists and keeps everything.",
    )
    async def experiment_archive(
        self, info: Info, input: Annotated[ExperimentTransitionInput, INPUT]
    ) -> ExperimentPayload | None:
        return await _move(info, input, lifecycle.archive)

    @strawberry.mutation(
        extensions=[Refusals(DeletePayload)],
        description="Removes it with all that hangs on it; archive instead to keep the history.",
    )
    async def experiment_delete(
        self, info: Info, input: Annotated[ExperimentDeleteInput, INPUT]
    ) -> DeletePayload | None:
        authoring = info.context.services.authoring
        deleted = await authoring.delete(info.context.project, _target(input))
        return DeletePayload(deleted_id=global_id("Experiment", deleted))


async def _move(info: Info, input: ExperimentTransitionInput, step: Decision) -> ExperimentPayload:
    authoring = info.context.services.authoring
    moved = await authoring.move(info.context.project, _target(input), step)
    return ExperimentPayload(experiment=moved)


def _target(
    input: ExperimentUpdateInput
    | ExperimentTransitionInput
    | ExperimentCompleteInput
    | ExperimentDeleteInput,
) -> Target:
    return Target(key=input.experiment.key(), expected_version=input.expected_version)
