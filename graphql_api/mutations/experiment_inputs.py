import strawberry
from strawberry.scalars import JSON

from domain.creation import NewExperiment
from domain.editing import ExperimentUpdate
from domain.experiments import AllocationMode, Correction, HashAlgorithm
from domain.metrics import (
    EffectScale,
    MetricAggregation,
    MetricDirection,
    MetricRole,
    NewMetricDefinition,
)
from domain.variants import NewVariant
from graphql_api.mutations.variants import VariantFields
from graphql_api.types.experiments import ExperimentBy
from graphql_api.types.inputs import changes, decoded


@strawberry.input(description="What is to be measured.")
class MetricDefinitionInput:
    name: str = strawberry.field(description="Unique within the experiment.")
    event_type: str = strawberry.field(description="The events that feed it.")
    aggregation: MetricAggregation = strawberry.field(description="What they make together.")
    role: MetricRole = strawberry.field(
        default=MetricRole.SECONDARY, description="Exactly one metric is PRIMARY."
    )
    direction: MetricDirection = strawberry.field(
        default=MetricDirection.INCREASE, description="Which change is good."
    )
    scale: EffectScale = strawberry.field(
        default=EffectScale.RELATIVE, description="The scale of the headline effect."
    )
    cap_low: float | None = strawberry.field(
        default=None, description="A user's total counts as at least this."
    )
    cap_high: float | None = strawberry.field(
        default=None, description="A user's total counts as at most this."
    )
    window_hours: float | None = strawberry.field(
        default=None, description="Events later than this after the assignment do not count."
    )
    non_inferiority_margin: float | None = strawberry.field(
        default=None, description="How much worse a GUARDRAIL may get."
    )


@strawberry.input(description="An experiment to be designed.")
class ExperimentCreateInput:
    name: str = strawberry.field(description="Unique within the project.")
    description: str | None = strawberry.field(default=None, description="What it is about.")
    hypothesis: str | None = strawberry.field(default=None, description="What is expected.")
    target_bot: str | None = strawberry.field(default=None, description="The bot it is for.")
    target_url: str | None = strawberry.field(
        default=None, description="The pages it is for: `*` stands for any text."
    )
    metric_type: str = strawberry.field(
        default="conversion", description="What it measures, in your own words."
    )
    minimum_sample_size: int = strawberry.field(
        default=1000, description="Planned users of the smallest arm."
    )
    alpha: float = strawberry.field(
        default=0.05, description="The accepted chance of a false alarm."
    )
    power: float = strawberry.field(default=0.8, description="The chance of finding a real effect.")
    correction: Correction = strawberry.field(
        default=Correction.HOLM, description="For several comparisons at once."
    )
    allocation: AllocationMode = strawberry.field(
        default=AllocationMode.FIXED, description="Who sets the weights."
    )
    hash_algorithm: HashAlgorithm = strawberry.field(
        default=HashAlgorithm.GROWTHBOOK_V2, description="Works out a user's bucket."
    )
    hash_seed: str | None = strawberry.field(
        default=None, description="What the hash starts from; left out: the name."
    )
    traffic_allocation: float = strawberry.field(
        default=1.0, description="Share of users that take part, 0 to 1."
    )
    metadata: JSON | None = strawberry.field(default=None, description="An object or a list.")
    metrics: list[MetricDefinitionInput] | None = strawberry.field(
        default=None, description="Left out: whether users convert."
    )
    variants: list[VariantFields] | None = strawberry.field(
        default=None, description="Can be added later, too."
    )

    def decoded(self) -> NewExperiment:
        return decoded(
            self,
            NewExperiment,
            metrics=_definitions(self.metrics),
            variants=[decoded(variant, NewVariant) for variant in self.variants or ()],
        )


@strawberry.input(description="A field left out stays as it is; a field set to null is cleared.")
class ExperimentUpdateInput:
    experiment: ExperimentBy = strawberry.field(description="Which one.")
    expected_version: int | None = strawberry.field(
        default=None, description="Refuse if it has another version by now."
    )
    name: str | None = strawberry.field(default=strawberry.UNSET, description="In a draft only.")
    description: str | None = strawberry.field(
        default=strawberry.UNSET, description="What it is about."
    )
    hypothesis: str | None = strawberry.field(
        default=strawberry.UNSET, description="What is expected."
    )
    target_bot: str | None = strawberry.field(
        default=strawberry.UNSET, description="The bot it is for; until it is completed."
    )
    target_url: str | None = strawberry.field(
        default=strawberry.UNSET, description="The pages it is for; until it is completed."
    )
    metric_type: str | None = strawberry.field(
        default=strawberry.UNSET, description="In a draft only."
    )
    minimum_sample_size: int | None = strawberry.field(
        default=strawberry.UNSET, description="In a draft only."
    )
    traffic_allocation: float | None = strawberry.field(
        default=strawberry.UNSET, description="Opens a new phase while it runs."
    )
    metadata: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="An object or a list."
    )
    metrics: list[MetricDefinitionInput] | None = strawberry.field(
        default=strawberry.UNSET, description="All of them anew; in a draft only."
    )

    def decoded(self) -> ExperimentUpdate:
        if self.metrics is strawberry.UNSET or self.metrics is None:
            return changes(self, ExperimentUpdate)
        return changes(self, ExperimentUpdate, metrics=_definitions(self.metrics))


def _definitions(metrics: list[MetricDefinitionInput] | None) -> list[NewMetricDefinition]:
    return [decoded(metric, NewMetricDefinition) for metric in metrics or ()]


@strawberry.input(description="Which experiment is to go on.")
class ExperimentTransitionInput:
    experiment: ExperimentBy = strawberry.field(description="Which one.")
    expected_version: int | None = strawberry.field(
        default=None, description="Refuse if it has another version by now."
    )


@strawberry.input(description="Which experiment is over, and who won.")
class ExperimentCompleteInput:
    experiment: ExperimentBy = strawberry.field(description="Which one.")
    expected_version: int | None = strawberry.field(
        default=None, description="Refuse if it has another version by now."
    )
    winner: str | None = strawberry.field(
        default=None, description="The name of the variant that won, if one did."
    )


@strawberry.input(description="Which experiment is to be removed.")
class ExperimentDeleteInput:
    experiment: ExperimentBy = strawberry.field(description="Which one.")
    expected_version: int | None = strawberry.field(
        default=None, description="Refuse if it has another version by now."
    )
