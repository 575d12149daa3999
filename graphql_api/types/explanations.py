from collections.abc import Sequence

import strawberry

from domain import assignments as domain
from domain import variants as domain_variants
from domain.assigning import Explanation
from domain.assignments import AssignmentReason
from domain.bucketing import BucketRange as DomainRange
from domain.experiments import HashAlgorithm
from graphql_api.types.assignments import Assignment
from graphql_api.types.variants import Variant


@strawberry.type(description="The buckets of users that are given a variant.")
class BucketRange:
    variant: domain_variants.Variant = strawberry.field(
        graphql_type=Variant, description="The variant that they are given."
    )
    start: float = strawberry.field(description="The first bucket that belongs to it.")
    end: float = strawberry.field(description="The first that does not belong to it any more.")


@strawberry.type(description="Why a user gets what they get.")
class AssignmentExplanation:
    reason: AssignmentReason = strawberry.field(
        description="What `assign` would answer; NEW: would be assigned."
    )
    variant: domain_variants.Variant | None = strawberry.field(
        graphql_type=Variant | None, description="What the user is shown, if anything."
    )
    assignment: domain.Assignment | None = strawberry.field(
        graphql_type=Assignment | None, description="The one that there is already."
    )
    hash_algorithm: HashAlgorithm = strawberry.field(description="Works out the bucket.")
    hash_seed: str = strawberry.field(description="What the hash starts from.")
    bucket_value: float = strawberry.field(description="Where the hash falls, in [0, 1).")
    ranges: list[BucketRange] = strawberry.field(
        description="Which buckets new users are given which variant for, by position."
    )


def explained(found: Explanation) -> AssignmentExplanation:
    experiment, assigned = found.running.experiment, found.assigned
    return AssignmentExplanation(
        reason=assigned.reason,
        variant=assigned.variant,
        assignment=assigned.assignment,
        hash_algorithm=experiment.hash_algorithm,
        hash_seed=experiment.hash_seed,
        bucket_value=found.bucket_value,
        ranges=_shown(found, found.running.ranges),
    )


def _shown(found: Explanation, ranges: Sequence[DomainRange]) -> list[BucketRange]:
    variants = found.running.variants
    return [
        BucketRange(variant=variants[each.variant_id], start=each.start, end=each.end)
        for each in ranges
    ]
