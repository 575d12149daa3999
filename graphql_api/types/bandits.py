from datetime import datetime
from typing import Any

import strawberry

from domain import bandits as domain
from domain.bandits import BanditFault
from domain.design import Design
from domain.experiments import Experiment
from graphql_api.context import Info
from graphql_api.types.view import View


@strawberry.type(description="What a bandit knew of a variant when it last set the weights.")
class BanditState(View):
    entity = domain.ArmState
    hidden = frozenset({"revision", "counted"})

    alpha: float = strawberry.field(
        description="Of a rate: users who count towards the primary metric, plus 1. Of a mean: its "
        "estimate."
    )
    beta: float = strawberry.field(
        description="Of a rate: users who do not, plus 1. Of a mean: the variance of its estimate."
    )
    probability_best: float = strawberry.field(
        description="The chance that no other variant is better."
    )
    weight: float = strawberry.field(description="Its share of those that take part, since then.")
    updated_at: datetime = strawberry.field(description="When the weights were set.")


async def _fault(parent: strawberry.Parent[Experiment], info: Info) -> BanditFault | None:
    design = Design(experiment=parent, variants=())
    if not design.is_bandit or design.is_draft:
        return None
    variants = await info.context.loaders.variants_by_experiment.load(parent.id)
    return info.context.services.beliefs.fault(Design(experiment=parent, variants=variants))


BANDIT_FAULT: Any = strawberry.field(
    _fault,
    description="Why the bandit stands still and its variants share the traffic equally; null "
    "where all is well. It begins again when the experiment is paused and resumed.",
)
