from collections.abc import AsyncIterator
from typing import Annotated

import strawberry

from domain.analysis.results import ExperimentResults as DomainResults
from domain.experiments import Experiment as DomainExperiment
from domain.live import LONGEST, SHORTEST
from graphql_api.context import Info
from graphql_api.queries import Which
from graphql_api.types.experiments import Experiment
from graphql_api.types.results import ExperimentResults


@strawberry.type(description="What can be watched, over WebSocket or as server-sent events.")
class Subscription:
    @strawberry.subscription(
        graphql_type=ExperimentResults,
        description="The present results at once, then every change, at most one in intervalMs and "
        "one for each change of the lifecycle; a slow reader gets the latest, never a queue. "
        "Ends with the results of an experiment that is over.",
    )
    async def experiment_stats(
        self,
        info: Info,
        experiment: Which,
        interval_ms: Annotated[
            int,
            strawberry.argument(
                description=f"Milliseconds between two values, from {SHORTEST} to {LONGEST}."
            ),
        ] = 1000,
    ) -> AsyncIterator[DomainResults]:
        context = info.context
        live = context.services.live
        return context.follow(await live.stats(context.project, experiment.key(), interval_ms))

    @strawberry.subscription(
        graphql_type=Experiment,
        description="The present state at once, then every lifecycle change and edit. Ends where "
        "the experiment is deleted.",
    )
    async def experiment_changed(
        self, info: Info, experiment: Which
    ) -> AsyncIterator[DomainExperiment]:
        context = info.context
        live = context.services.live
        return context.follow(await live.edits(context.project, experiment.key()))
