from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from domain.assigning import AssignRequest
from domain.reporting import ConvertRequest, TrackRequest
from domain.tracking import PageRequest
from graphql_api.types.experiments import named
from graphql_api.types.inputs import decoded


@strawberry.input(description="Who takes part in what.")
class AssignInput:
    experiment: str = strawberry.field(description="The experiment's name or id.")
    user_id: str = strawberry.field(description="The user, as the tracker names them.")
    session_id: str | None = strawberry.field(default=None, description="The user's session.")
    context: JSON | None = strawberry.field(
        default=None, description="What the tracker knows of the user: an object or a list."
    )
    metadata: JSON | None = strawberry.field(
        default=None, description="Kept with the assignment: an object or a list."
    )
    force_variant: str | None = strawberry.field(
        default=None,
        description="For people who check a variant by hand: shows it, records nothing.",
    )

    def decoded(self) -> AssignRequest:
        forced = self.force_variant or None  # a page may pass on a parameter that is empty
        return decoded(self, AssignRequest, key=named(self.experiment), force_variant=forced)


@strawberry.input(description="Who opened which page.")
class AssignAllInput:
    user_id: str = strawberry.field(description="The user, as the tracker names them.")
    url: str | None = strawberry.field(
        default=None, description="The page's address; left out: experiments of every page."
    )
    experiments: list[str] | None = strawberry.field(
        default=None, description="Only these, by name or id; left out: all that run."
    )
    session_id: str | None = strawberry.field(default=None, description="The user's session.")
    context: JSON | None = strawberry.field(
        default=None, description="What the tracker knows of the user: an object or a list."
    )

    def decoded(self) -> PageRequest:
        if self.experiments is None:
            return decoded(self, PageRequest, experiments=None)
        keys = {text: named(text) for text in self.experiments}
        return decoded(self, PageRequest, experiments=keys)


@strawberry.input(description="Who converted.")
class ConvertInput:
    experiment: str = strawberry.field(description="The experiment's name or id.")
    user_id: str = strawberry.field(description="The user, as the tracker names them.")
    value: float = strawberry.field(default=1.0, description="What it was worth.")
    metadata: JSON | None = strawberry.field(
        default=None, description="Kept with the event: an object or a list."
    )

    def decoded(self) -> ConvertRequest:
        return decoded(self, ConvertRequest, key=named(self.experiment))


@strawberry.input(description="What a user did.")
class TrackInput:
    experiment: str = strawberry.field(description="The experiment's name or id.")
    user_id: str = strawberry.field(description="The user, as the tracker names them.")
    event_type: str = strawberry.field(description="What happened.")
    value: float = strawberry.field(default=1.0, description="How much of it.")
    data: JSON | None = strawberry.field(
        default=None, description="Kept with the event: an object or a list."
    )
    timestamp: datetime | None = strawberry.field(
        default=None, description="When it happened, at most 24 h ahead; left out: now."
    )
    source: str | None = strawberry.field(default=None, description="Who reports it.")
    session_context: JSON | None = strawberry.field(
        default=None, description="The session that it happened in: an object or a list."
    )
    event_id: strawberry.ID | None = strawberry.field(
        default=None, description="Sent again with the same eventId, an event counts once."
    )

    def decoded(self) -> TrackRequest:
        return decoded(self, TrackRequest, key=named(self.experiment))
