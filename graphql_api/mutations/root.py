import strawberry

from graphql_api.mutations.accounts import AccountMutations
from graphql_api.mutations.experiments import ExperimentMutations
from graphql_api.mutations.funnels import FunnelMutations
from graphql_api.mutations.members import MemberMutations
from graphql_api.mutations.tracking import TrackingMutations
from graphql_api.mutations.variants import VariantMutations


@strawberry.type(description="What can be changed; each answers with what it changed.")
class Mutation(
    ExperimentMutations,
    VariantMutations,
    FunnelMutations,
    TrackingMutations,
    AccountMutations,
    MemberMutations,
):
    pass
