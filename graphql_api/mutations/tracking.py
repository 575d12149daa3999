"""What trackers ask, one by one and in batches."""

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

import strawberry

from domain import assignments as domain
from domain import metrics as domain_metrics
from domain import variants as domain_variants
from domain.assignments import Assigned, AssignmentReason
from domain.errors import DomainError, Invalid
from domain.reporting import Recorded
from domain.tracking import Outcome
from graphql_api.context import Info
from graphql_api.mutations.payload import Answer, Refusals
from graphql_api.mutations.tracking_inputs import (
    AssignAllInput,
    AssignInput,
    ConvertInput,
    TrackInput,
)
from graphql_api.types.assignments import Assignment
from graphql_api.types.metrics import Metric
from graphql_api.types.user_error import user_errors
from graphql_api.types.variants import Variant

_INPUT = strawberry.argument(description="Who did what.")
_BATCH = strawberry.argument(description="At most 500; one bad item spoils none of the others.")

Value = TypeVar("Value")
Payload = TypeVar("Payload", bound=Answer)


@strawberry.type(description="What the user gets, or why that cannot be told.")
class AssignPayload(Answer):
    assignment: domain.Assignment | None = strawberry.field(
        graphql_type=Assignment | None,
        default=None,
        description="What is recorded; null where nothing is.",
    )
    variant: domain_variants.Variant | None = strawberry.field(
        graphql_type=Variant | None, default=None, description="What to show, if anything."
    )
    reason: AssignmentReason | None = strawberry.field(default=None, description="Why.")


@strawberry.type(description="What the user gets of one experiment.")
class AssignResult(AssignPayload):
    experiment: str = strawberry.field(
        default="", description="Its name, or what the caller named it by."
    )


@strawberry.type(description="What the user gets on this page.")
class AssignAllPayload(Answer):
    results: list[AssignResult] = strawberry.field(
        default_factory=list, description="One for each experiment."
    )


@strawberry.type(description="What is stored of a conversion by now.")
class ConvertPayload(Answer):
    assignment: domain.Assignment | None = strawberry.field(
        graphql_type=Assignment | None, default=None, description="The user's, as it is now."
    )
    recorded: bool = strawberry.field(
        default=False,
        description="False where this user had converted before: a user converts once per "
        "experiment.",
    )


@strawberry.type(description="What is stored of an event by now.")
class TrackPayload(Answer):
    metric: domain_metrics.Metric | None = strawberry.field(
        graphql_type=Metric | None, default=None, description="The event."
    )
    recorded: bool = strawberry.field(
        default=False, description="False where an event with that eventId was there already."
    )


@strawberry.type(description="The answers to a batch.")
class AssignBatchPayload(Answer):
    results: list[AssignPayload] = strawberry.field(
        default_factory=list, description="One for each item, in order."
    )


@strawberry.type(description="The answers to a batch.")
class ConvertBatchPayload(Answer):
    results: list[ConvertPayload] = strawberry.field(
        default_factory=list, description="One for each item, in order."
    )


@strawberry.type(description="The answers to a batch.")
class TrackBatchPayload(Answer):
    results: list[TrackPayload] = strawberry.field(
        default_factory=list, description="One for each item, in order."
    )


@strawberry.type
class TrackingMutations:
    @strawberry.mutation(
        extensions=[Refusals(AssignPayload)],
        description="Gives the user a variant, for good, and counts the impression; asked again, "
        "it answers the same.",
    )
    async def assign(
        self, info: Info, input: Annotated[AssignInput, _INPUT]
    ) -> AssignPayload | None:
        tracker = info.context.services.tracker
        (outcome,) = await tracker.assign(info.context.project, [input.decoded()])
        return _assigned(_answer(outcome))

    @strawberry.mutation(
        extensions=[Refusals(AssignAllPayload)],
        description="Every running experiment for this page in one call.",
    )
    async def assign_all(
        self, info: Info, input: Annotated[AssignAllInput, _INPUT]
    ) -> AssignAllPayload | None:
        tracker = info.context.services.tracker
        outcomes = await tracker.assign_all(info.context.project, input.decoded())
        return AssignAllPayload(results=[_result(*outcome) for outcome in outcomes])

    @strawberry.mutation(
        extensions=[Refusals(ConvertPayload)],
        description="Counts the conversion of a user who was assigned before, once.",
    )
    async def convert(
        self, info: Info, input: Annotated[ConvertInput, _INPUT]
    ) -> ConvertPayload | None:
        tracker = info.context.services.tracker
        (outcome,) = await tracker.convert(info.context.project, [input.decoded()])
        return _converted(_answer(outcome))

    @strawberry.mutation(
        extensions=[Refusals(TrackPayload)],
        description="Keeps what a user did who was assigned before.",
    )
    async def track(self, info: Info, input: Annotated[TrackInput, _INPUT]) -> TrackPayload | None:
        tracker = info.context.services.tracker
        (outcome,) = await tracker.track(info.context.project, [input.decoded()])
        return _tracked(_answer(outcome))

    @strawberry.mutation(
        extensions=[Refusals(AssignBatchPayload)], description="Many of `assign` at once."
    )
    async def assign_batch(
        self, info: Info, input: Annotated[list[AssignInput], _BATCH]
    ) -> AssignBatchPayload | None:
        tracker = info.context.services.tracker
        requests = [item.decoded() for item in input]
        outcomes = await tracker.assign(info.context.project, requests)
        return AssignBatchPayload(results=_each(outcomes, AssignPayload, _assigned))

    @strawberry.mutation(
        extensions=[Refusals(ConvertBatchPayload)], description="Many of `convert` at once."
    )
    async def convert_batch(
        self, info: Info, input: Annotated[list[ConvertInput], _BATCH]
    ) -> ConvertBatchPayload | None:
        tracker = info.context.services.tracker
        requests = [item.decoded() for item in input]
        outcomes = await tracker.convert(info.context.project, requests)
        return ConvertBatchPayload(results=_each(outcomes, ConvertPayload, _converted))

    @strawberry.mutation(
        extensions=[Refusals(TrackBatchPayload)], description="Many of `track` at once."
    )
    async def track_batch(
        self, info: Info, input: Annotated[list[TrackInput], _BATCH]
    ) -> TrackBatchPayload | None:
        tracker = info.context.services.tracker
        requests = [item.decoded() for item in input]
        outcomes = await tracker.track(info.context.project, requests)
        return TrackBatchPayload(results=_each(outcomes, TrackPayload, _tracked))


def _each(
    outcomes: Sequence[Outcome[Value]],
    payload: type[Payload],
    shown: Callable[[Value], Payload],
) -> list[Payload]:
    """A refusal is its item's own."""
    return [
        payload(errors=user_errors(outcome))
        if isinstance(outcome, DomainError | Invalid)
        else shown(_answer(outcome))
        for outcome in outcomes
    ]


def _answer(outcome: Outcome[Value]) -> Value:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _assigned(found: Assigned) -> AssignPayload:
    return AssignPayload(assignment=found.assignment, variant=found.variant, reason=found.reason)


def _result(experiment: str, outcome: Outcome[Assigned]) -> AssignResult:
    (shown,) = _each([outcome], AssignPayload, _assigned)
    return AssignResult(experiment=experiment, **vars(shown))


def _converted(found: Recorded) -> ConvertPayload:
    return ConvertPayload(assignment=found.assignment, recorded=found.is_new)


def _tracked(found: Recorded) -> TrackPayload:
    return TrackPayload(metric=found.metric, recorded=found.is_new)
