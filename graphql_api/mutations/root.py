import strawberry

from graphql_api.mutations.accounts import AccountMutations
from graphql_api.mutations.elements import ElementMutations
from graphql_api.mutations.experiments import ExperimentMutations
from graphql_api.mutations.funnels import FunnelMutations
from graphql_api.mutations.members import MemberMutations
from graphql_api.mutations.tracking import TrackingMutations
from graphql_api.mutations.variants import VariantMutations


@strawberry.type(description="What can be changed; each answers with what it changed.")
class Mutation(
    ExperimentMutations,
    VariantMutations,
    ElementMutations,
    FunnelMutations,
    TrackingMutations,
    AccountMutations,
    MemberMutations,
):
    pass
