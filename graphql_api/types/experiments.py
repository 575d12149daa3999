from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from domain import experiments as domain
from domain.analysis.results import ExperimentResults as DomainResults
from domain.bandits import BanditFault
from domain.checks import text_fault
from domain.elements import Element as DomainElement
from domain.errors import InvalidInput, Path
from domain.experiments import (
    AllocationMode,
    Correction,
    ExperimentKey,
    ExperimentOrderField,
    ExperimentStatus,
    HashAlgorithm,
)
from domain.lifecycle import allowed_transitions
from domain.metrics import MetricDefinition as DomainMetricDefinition
from domain.paging import Ordering, Owner
from domain.people import User as DomainUser
from domain.projects import Project as DomainProject
from domain.snapshots import END_OF_TIME, Period
from domain.variants import Variant as DomainVariant
from graphql_api.context import Info
from graphql_api.types.assignments import Assignment, assignments_of
from graphql_api.types.bandits import BANDIT_FAULT
from graphql_api.types.connection import Connection
from graphql_api.types.elements import Element
from graphql_api.types.enums import OrderDirection
from graphql_api.types.metrics import Metric, MetricDefinition, metrics_of
from graphql_api.types.people import EXPERIMENT_HISTORY, AuditEntry, Project, User
from graphql_api.types.results import ExperimentResults
from graphql_api.types.scalars import BigInt
from graphql_api.types.variants import Variant
from graphql_api.types.view import Node, View, id_of

_BEGINNING_OF_IDS = b64encode(b"Experiment").decode().rstrip("=")[:-1]


@strawberry.type(description="While it lasts, weights and traffic stay as they are.")
class Phase(View):
    entity = domain.Phase
    hidden = frozenset({"experiment_id", "plug_ins"})

    number: int = strawberry.field(description="From 1; each change of weights opens the next.")
    weights: JSON = strawberry.field(description="Variant name to weight.")
    traffic_allocation: float = strawberry.field(description="Share of users that take part.")
    opened_at: datetime = strawberry.field(description="When it began.")


@strawberry.type(description="A question that is put to users: which variant does better.")
class Experiment(View, Node):
    entity = domain.Experiment
    hidden = frozenset({"project_id", "winner_variant", "created_by", "events_pruned_before"})

    name: str = strawberry.field(
        description="Unique within the project; trackers address the experiment by it."
    )
    description: str | None = strawberry.field(description="What it is about, for people.")
    hypothesis: str | None = strawberry.field(description="What is expected, and why.")
    target_bot: str | None = strawberry.field(description="The bot that it is for.")
    target_url: str | None = strawberry.field(
        description="The pages that it is for: `*` stands for any text; null: all of them."
    )
    metric_type: str = strawberry.field(description="What it measures, in the team's own words.")
    minimum_sample_size: int = strawberry.field(description="Planned users of the smallest arm.")
    alpha: float = strawberry.field(description="The accepted chance of a false alarm.")
    power: float = strawberry.field(description="The chance of finding a real effect.")
    correction: Correction = strawberry.field(description="For several comparisons at once.")
    status: ExperimentStatus = strawberry.field(description="How far it is.")
    allocation: AllocationMode = strawberry.field(description="Who sets the weights.")
    hash_algorithm: HashAlgorithm = strawberry.field(description="Works out a user's bucket.")
    hash_seed: str = strawberry.field(description="What the hash starts from; by default the name.")
    traffic_allocation: float = strawberry.field(description="Share of users that take part.")
    default_traffic_split: JSON = strawberry.field(
        description="Variant name to weight, as it was designed."
    )
    metadata: JSON = strawberry.field(description="Whatever the team keeps with it.")
    statistical_significance: float | None = strawberry.field(
        description="Of the result when it was completed; null before."
    )
    phase: int = strawberry.field(
        description="The number of the present phase; 0 before the start."
    )
    started_at: datetime | None = strawberry.field(description="When it first became active.")
    completed_at: datetime | None = strawberry.field(description="When it was completed.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    version: int = strawberry.field(
        description="Grows with every change; hand it back as expectedVersion to refuse "
        "overwriting someone else's change."
    )

    @strawberry.field(description="Where it can go from here.")
    def allowed_transitions(
        parent: strawberry.Parent[domain.Experiment],
    ) -> list[ExperimentStatus]:
        return list(allowed_transitions(parent.status))

    @strawberry.field(
        graphql_type=list[Phase], description="All phases since the start, oldest first."
    )
    async def phases(
        parent: strawberry.Parent[domain.Experiment], info: Info
    ) -> Sequence[domain.Phase]:
        return await info.context.loaders.phases_by_experiment.load(parent.id)

    @strawberry.field(
        graphql_type=list[MetricDefinition],
        description="What is measured; none: whether users convert.",
    )
    async def metric_definitions(
        parent: strawberry.Parent[domain.Experiment], info: Info
    ) -> Sequence[DomainMetricDefinition]:
        return await info.context.loaders.definitions_by_experiment.load(parent.id)

    @strawberry.field(graphql_type=list[Variant], description="Its variants, by position.")
    async def variants(
        parent: strawberry.Parent[domain.Experiment],
        info: Info,
        include_inactive: Annotated[
            bool, strawberry.argument(description="Deactivated ones, too.")
        ] = False,
    ) -> Sequence[DomainVariant]:
        variants = await info.context.loaders.variants_by_experiment.load(parent.id)
        return [variant for variant in variants if variant.is_active or include_inactive]

    @strawberry.field(
        graphql_type=Variant | None, description="One of its variants, active or not."
    )
    async def variant(
        parent: strawberry.Parent[domain.Experiment],
        info: Info,
        name: Annotated[str, strawberry.argument(description="Its name.")],
    ) -> DomainVariant | None:
        variants = await info.context.loaders.variants_by_experiment.load(parent.id)
        return next((variant for variant in variants if variant.name == name), None)

    @strawberry.field(graphql_type=list[Element], description="What it changes, by position.")
    async def elements(
        parent: strawberry.Parent[domain.Experiment], info: Info
    ) -> Sequence[DomainElement]:
        return await info.context.loaders.elements.by_experiment.load(parent.id)

    @strawberry.field(
        graphql_type=ExperimentResults,
        description="Computed from running sums; of a completed experiment as they were then.",
    )
    async def results(
        parent: strawberry.Parent[domain.Experiment],
        info: Info,
        as_of: Annotated[
            datetime | None,
            strawberry.argument(
                description="As they were to be seen at the last snapshot by then."
            ),
        ] = None,
    ) -> DomainResults | None:
        return await info.context.loaders.results_as_of(parent.id, as_of)

    @strawberry.field(
        graphql_type=list[ExperimentResults],
        description="How they came about: the snapshots of a period, the oldest first.",
    )
    async def results_history(
        parent: strawberry.Parent[domain.Experiment],
        info: Info,
        from_: Annotated[
            datetime | None,
            strawberry.argument(name="from", description="Left out: since the start."),
        ] = None,
        to: Annotated[
            datetime | None, strawberry.argument(description="Left out: until now.")
        ] = None,
        points: Annotated[
            int, strawberry.argument(description="At most so many, spread evenly; 1 to 500.")
        ] = 100,
    ) -> Sequence[DomainResults]:
        period = Period(start=from_ or parent.created_at, end=to or END_OF_TIME, points=points)
        results = info.context.services.results
        return await results.history(info.context.project, parent.id, period)

    @strawberry.field(graphql_type=Variant | None, description="Named when it was completed.")
    async def winner(
        parent: strawberry.Parent[domain.Experiment], info: Info
    ) -> DomainVariant | None:
        variants = await info.context.loaders.variants_by_experiment.load(parent.id)
        return next((known for known in variants if known.name == parent.winner_variant), None)

    assignments: Connection[Assignment] = assignments_of(Owner.EXPERIMENT)
    metrics: Connection[Metric] = metrics_of(Owner.EXPERIMENT)
    history: Connection[AuditEntry] = EXPERIMENT_HISTORY
    bandit_fault: BanditFault | None = BANDIT_FAULT

    @strawberry.field(graphql_type=Project, description="The project that it belongs to.")
    async def project(
        parent: strawberry.Parent[domain.Experiment], info: Info
    ) -> DomainProject | None:
        return await info.context.loaders.project.load(parent.project_id)

    @strawberry.field(
        graphql_type=User | None,
        description="Who made it; null where a key did, or somebody who has left the project.",
    )
    async def created_by(
        parent: strawberry.Parent[domain.Experiment], info: Info
    ) -> DomainUser | None:
        user = parent.created_by
        return None if user is None else await info.context.loaders.people.user.load(user)


@strawberry.input(one_of=True, description="Which experiment: by its id or by its name.")
class ExperimentBy:
    id: strawberry.Maybe[strawberry.ID] = strawberry.field(description="Its id.")
    name: strawberry.Maybe[str] = strawberry.field(description="Its name.")

    def key(self, path: Path = ("experiment",)) -> ExperimentKey:
        if self.id is not None:
            return ExperimentKey(id=id_of("Experiment", self.id.value, (*path, "id")))
        if self.name is not None:
            return ExperimentKey(name=_storable(self.name.value, (*path, "name")))
        raise InvalidInput("give an id or a name", path)


def named(text: str) -> ExperimentKey:
    """By an id of this server or, whatever else it is, by name."""
    if text.startswith(_BEGINNING_OF_IDS):
        with suppress(InvalidInput):
            return ExperimentKey(id=id_of("Experiment", text, ()))
    return ExperimentKey(name=text)


def _storable(name: str, path: Path) -> str:
    if fault := text_fault(name):
        raise InvalidInput(fault, path)
    return name


async def load_experiment(info: Info, key: ExperimentKey) -> domain.Experiment | None:
    loaders = info.context.loaders
    if key.id is not None:
        return await loaders.experiment.load(key.id)
    return None if key.name is None else await loaders.experiment_by_name.load(key.name)


@strawberry.input(description="Which experiments; archived ones only where status asks for them.")
class ExperimentFilter:
    status: list[ExperimentStatus] | None = strawberry.field(
        description="In one of these.", default=None
    )
    target_bot: str | None = strawberry.field(description="For this bot.", default=None)
    created_by: strawberry.ID | None = strawberry.field(
        description="Made by this user.", default=None
    )
    search: str | None = strawberry.field(
        description="With this text in the name, description or hypothesis.", default=None
    )
    created_after: datetime | None = strawberry.field(
        description="Made then or later.", default=None
    )
    created_before: datetime | None = strawberry.field(description="Made earlier.", default=None)

    def decoded(self) -> domain.ExperimentFilter:
        return domain.ExperimentFilter(
            status=None if self.status is None else frozenset(self.status),
            target_bot=self.target_bot,
            created_by=(
                None
                if self.created_by is None
                else id_of("User", self.created_by, ("filter", "created_by"))
            ),
            search=self.search,
            created_after=self.created_after,
            created_before=self.created_before,
        )


@strawberry.input(description="In which order.")
class ExperimentOrder:
    field: ExperimentOrderField = strawberry.field(description="By what.")
    direction: OrderDirection = strawberry.field(description="From which end.")

    def decoded(self) -> Ordering:
        return Ordering(self.field, descending=self.direction is OrderDirection.DESC)


@strawberry.type(description="How many experiments are how far.")
class ExperimentCount:
    status: ExperimentStatus = strawberry.field(description="How far.")
    count: BigInt = strawberry.field(description="How many.")
