import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import strawberry
from aiodataloader import DataLoader

from domain import targeting
from domain.access import Scope
from domain.analysis import planning
from domain.assignments import Assignment as DomainAssignment
from domain.errors import BadRequest, InvalidInput
from domain.experiments import NEWEST_FIRST
from domain.experiments import Experiment as DomainExperiment
from domain.experiments import ExperimentFilter as DomainExperimentFilter
from domain.funnels import NEWEST_FIRST as NEWEST_FUNNELS
from domain.funnels import Funnel as DomainFunnel
from graphql_api.context import Info
from graphql_api.types.assignments import Assignment
from graphql_api.types.connection import Connection, Paged, Paging
from graphql_api.types.experiments import (
    Experiment,
    ExperimentBy,
    ExperimentCount,
    ExperimentFilter,
    ExperimentOrder,
    load_experiment,
)
from graphql_api.types.explanations import AssignmentExplanation, explained
from graphql_api.types.funnels import Funnel
from graphql_api.types.inputs import decoded
from graphql_api.types.people import Viewer
from graphql_api.types.rates import RateLimit, shown
from graphql_api.types.results import SampleSizeInput, SampleSizePlan
from graphql_api.types.scalars import BigInt
from graphql_api.types.view import Node, id_of, parse_id

MAX_NODES = 100
_FOR_ADMINS = ("ApiKey", "AuditEntry")

Which = Annotated[ExperimentBy, strawberry.argument(description="Which experiment.")]


@strawberry.type(description="What can be read.")
class Query:
    @strawberry.field(
        graphql_type=Node | None,
        description="Anything that has an id; null where there is none that the caller may see.",
    )
    async def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")],
    ) -> object | None:
        return await _load_node(info, id)

    @strawberry.field(
        graphql_type=list[Node | None], description="Several at once, in the order of the ids."
    )
    async def nodes(
        self,
        info: Info,
        ids: Annotated[
            list[strawberry.ID], strawberry.argument(description=f"At most {MAX_NODES}.")
        ],
    ) -> list[object | None]:
        if len(ids) > MAX_NODES:
            raise BadRequest(f"ids has {len(ids)} entries: at most {MAX_NODES} are allowed")
        return await asyncio.gather(*(_load_node(info, named) for named in ids))

    @strawberry.field(description="Who is asking, and what they may do.")
    def viewer(self, info: Info) -> Viewer | None:
        return Viewer(caller=info.context.caller)

    @strawberry.field(description="What the caller may still ask for.")
    def rate_limit(self, info: Info) -> RateLimit:
        return shown(info.context.balance)

    @strawberry.field(
        graphql_type=Experiment | None,
        description="By id or by name; null where there is none that the caller may see.",
    )
    async def experiment(self, info: Info, by: Which) -> DomainExperiment | None:
        return await load_experiment(info, by.key(("by",)))

    @strawberry.field(extensions=[Paged()], description="Those of the project, the latest first.")
    def experiments(
        self,
        info: Info,
        paging: Paging,
        filter: Annotated[
            ExperimentFilter | None, strawberry.argument(description="Only these.")
        ] = None,
        order_by: Annotated[
            ExperimentOrder | None, strawberry.argument(description="In another order.")
        ] = None,
    ) -> Connection[Experiment]:
        window = paging.window(order_by.decoded() if order_by else NEWEST_FIRST)
        asked = filter.decoded() if filter else DomainExperimentFilter()
        loaders = info.context.loaders
        return Connection(
            page=partial(loaders.experiment_page, window, asked),
            count=partial(loaders.experiment_count, asked),
        )

    @strawberry.field(description="How many experiments of the project are how far.")
    async def experiment_counts(self, info: Info) -> list[ExperimentCount]:
        counts = await info.context.services.stores.experiments.count_by_status(
            info.context.project
        )
        return [
            ExperimentCount(status=status, count=BigInt(count)) for status, count in counts.items()
        ]

    @strawberry.field(
        graphql_type=list[Experiment],
        description="What a tracker asks on a page: the running experiments, those for this page "
        "where a URL is given.",
    )
    async def active_experiments(
        self,
        info: Info,
        url: Annotated[
            str | None, strawberry.argument(description="The address of the page.")
        ] = None,
    ) -> Sequence[DomainExperiment]:
        active = await info.context.services.stores.experiments.active(info.context.project)
        if url is None:
            return active
        page = targeting.parse_page(url)
        return [known for known in active if targeting.matches(known.target_url, page)]

    @strawberry.field(
        graphql_type=Assignment | None,
        description="Reads a user's assignment without enrolling anybody.",
    )
    async def assignment(
        self,
        info: Info,
        experiment: Which,
        user_id: Annotated[
            str, strawberry.argument(description="The user, as the tracker names them.")
        ],
    ) -> DomainAssignment | None:
        found = await load_experiment(info, experiment.key())
        if found is None:
            return None
        stores = info.context.services.stores
        return await stores.assignments.of_user(info.context.project, found.id, user_id)

    @strawberry.field(description="Why this user gets what they get; enrols nobody.")
    async def explain_assignment(
        self,
        info: Info,
        experiment: Which,
        user_id: Annotated[
            str, strawberry.argument(description="The user, as the tracker names them.")
        ],
    ) -> AssignmentExplanation:
        tracker = info.context.services.tracker
        return explained(await tracker.explain(info.context.project, experiment.key(), user_id))

    @strawberry.field(
        graphql_type=Funnel | None,
        description="By its id; null where there is none that the caller may see.",
    )
    async def funnel(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")],
    ) -> DomainFunnel | None:
        return await info.context.loaders.funnels.one.load(id_of("Funnel", id, ("id",)))

    @strawberry.field(extensions=[Paged()], description="Those of the project, the latest first.")
    def funnels(self, info: Info, paging: Paging) -> Connection[Funnel]:
        window, loaders = paging.window(NEWEST_FUNNELS), info.context.loaders.funnels
        return Connection(page=partial(loaders.page, window), count=loaders.count)

    @strawberry.field(graphql_type=SampleSizePlan, description="How many users a test needs.")
    def sample_size(
        self,
        input: Annotated[SampleSizeInput, strawberry.argument(description="What is planned.")],
    ) -> planning.SampleSizePlan:
        return planning.plan(decoded(input, planning.SampleSizeInput))


async def _load_node(info: Info, id: str) -> object | None:
    loaders = info.context.loaders
    kinds: dict[str, DataLoader[UUID, Any]] = {
        "Experiment": loaders.experiment,
        "Variant": loaders.variant,
        "Element": loaders.elements.one,
        "ElementVariant": loaders.elements.content,
        "Assignment": loaders.assignment,
        "Metric": loaders.metric,
        "Project": loaders.project,
        "User": loaders.people.user,
        "ApiKey": loaders.people.api_key,
        "AuditEntry": loaders.audit_entry,
        "Funnel": loaders.funnels.one,
        "FunnelStep": loaders.funnels.step,
    }
    kind, row = parse_id(id, ("id",))
    if kind not in kinds:
        raise InvalidInput("is not an id of this server", ("id",))
    if kind in _FOR_ADMINS and not info.context.caller.may({Scope.ADMIN}):
        return None
    loaded: object | None = await kinds[kind].load(row)
    return loaded
