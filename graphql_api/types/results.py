from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry

from domain import experiments as domain_experiments
from domain import metrics as domain_metrics
from domain import variants as domain_variants
from domain.analysis import decision as decisions
from domain.analysis import evidence, planning, results
from domain.analysis import intervals as domain_intervals
from domain.analysis import sample_ratio as ratios
from domain.analysis.evidence import DecisionKind
from domain.analysis.notes import ResultNote
from domain.analysis.sample_ratio import SampleRatioState
from graphql_api.context import Info
from graphql_api.types.intervals import Interval
from graphql_api.types.metrics import MetricDefinition
from graphql_api.types.scalars import BigInt
from graphql_api.types.variants import Variant
from graphql_api.types.view import View


@strawberry.type(description="What can be said of an effect.")
class Inference(View):
    entity = results.Inference

    interval: domain_intervals.Interval = strawberry.field(
        graphql_type=Interval, description="Excludes no effect exactly where it is significant."
    )
    p_value: float = strawberry.field(description="Of this comparison alone.")
    adjusted_p_value: float = strawberry.field(
        description="With all comparisons of the experiment in mind."
    )
    significant: bool = strawberry.field(
        description="Whether the adjusted p-value is below the experiment's alpha."
    )


@strawberry.type(description="How much a variant differs from the control.")
class Effect(View):
    entity = results.Effect

    estimate: float | None = strawberry.field(description="The most likely difference.")
    anytime: results.Inference | None = strawberry.field(
        graphql_type=Inference | None,
        description="Holds however often it is looked at: the one to show live.",
    )
    fixed: results.Inference | None = strawberry.field(
        graphql_type=Inference | None,
        description="Holds for one look, taken when the planned sample was reached; null before.",
    )
    credible: domain_intervals.Interval | None = strawberry.field(
        graphql_type=Interval | None,
        description="Where a Bayesian believes the effect to be; no error rate.",
    )
    notes: list[ResultNote] = strawberry.field(description="Why something is null, if it is.")


@strawberry.type(description="What cannot be computed is null, and notes say why.")
class Comparison(View):
    entity = results.Comparison

    variant: domain_variants.Variant = strawberry.field(
        graphql_type=Variant, description="The one that is compared."
    )
    control: domain_variants.Variant = strawberry.field(
        graphql_type=Variant, description="What it is compared with."
    )
    absolute: results.Effect = strawberry.field(
        graphql_type=Effect, description="As a difference, in units of the metric."
    )
    relative: results.Effect = strawberry.field(
        graphql_type=Effect, description="As a share of the control."
    )
    chance_to_beat_control: float | None = strawberry.field(
        description="As a Bayesian sees it; nothing to stop a test on."
    )
    expected_loss: float | None = strawberry.field(
        description="What choosing the variant costs on average where it is the worse one."
    )


@strawberry.type(description="What the users of one variant did, for one metric.")
class VariantResult(View):
    entity = results.VariantResult

    variant: domain_variants.Variant = strawberry.field(
        graphql_type=Variant, description="The variant."
    )
    users: BigInt = strawberry.field(description="How many were given it.")
    conversions: BigInt = strawberry.field(description="How many of them have events of it.")
    total: float = strawberry.field(description="The sum over all users.")
    mean: float | None = strawberry.field(
        description="By user; a rate where the metric is one, a value per event for MEAN."
    )
    standard_deviation: float | None = strawberry.field(description="Between users.")
    interval: domain_intervals.Interval | None = strawberry.field(
        graphql_type=Interval | None,
        description="Describes this variant alone; overlap of two of them is not a test.",
    )
    probability_best: float | None = strawberry.field(
        description="As a Bayesian sees it; nothing to stop a test on."
    )
    expected_loss: float | None = strawberry.field(
        description="What choosing it costs on average where another one is better."
    )


@strawberry.type(description="The results for one metric.")
class MetricResults(View):
    entity = results.MetricResults

    metric: domain_metrics.MetricDefinition = strawberry.field(
        graphql_type=MetricDefinition, description="What was measured."
    )
    variants: Sequence[results.VariantResult] = strawberry.field(
        graphql_type=list[VariantResult], description="Each by itself."
    )
    comparisons: Sequence[results.Comparison] = strawberry.field(
        graphql_type=list[Comparison], description="Every active variant against the control."
    )


@strawberry.type(description="Whether the variants got the users that their weights promised.")
class SampleRatioCheck(View):
    entity = ratios.SampleRatio

    state: SampleRatioState = strawberry.field(description="Whether they did.")
    expected: list[float] = strawberry.field(
        description="Users promised, by variant: the active ones, then retired ones."
    )
    observed: list[BigInt] = strawberry.field(description="Users given, in the same order.")
    p_value: float | None = strawberry.field(description="For one look (chi-square).")
    anytime_p_value: float | None = strawberry.field(
        description="Holds however often it is looked at."
    )


@strawberry.type(description="What to do with one variant.")
class ArmDecision(View):
    entity = evidence.ArmDecision

    variant: domain_variants.Variant = strawberry.field(
        graphql_type=Variant, description="Which variant."
    )
    kind: DecisionKind = strawberry.field(description="What to do with it.")
    reason: str = strawberry.field(description="A sentence that a product manager understands.")


@strawberry.type(description="What to do with the experiment.")
class Decision(View):
    entity = decisions.Decision

    kind: DecisionKind = strawberry.field(description="What to do.")
    variant: domain_variants.Variant | None = strawberry.field(
        graphql_type=Variant | None, description="The one to ship, if any."
    )
    reason: str = strawberry.field(description="A sentence that a product manager understands.")
    arms: Sequence[evidence.ArmDecision] = strawberry.field(
        graphql_type=list[ArmDecision], description="Each treatment by itself."
    )


@strawberry.type(description="All that can be said of an experiment.")
class ExperimentResults(View):
    entity = results.ExperimentResults

    as_of: datetime = strawberry.field(description="When it was so.")
    revision: BigInt = strawberry.field(
        description="Grows whenever anything that these results rest on changes."
    )
    total_assignments: BigInt = strawberry.field(description="How many users take part.")
    total_conversions: BigInt = strawberry.field(description="How many of them converted.")
    conversion_rate: float = strawberry.field(description="Their share.")
    progress: float = strawberry.field(
        description="Share of the planned sample that has been reached; may exceed 1."
    )
    sample_ratio: ratios.SampleRatio = strawberry.field(
        graphql_type=SampleRatioCheck, description="Whether the split can be trusted."
    )
    metrics: Sequence[results.MetricResults] = strawberry.field(
        graphql_type=list[MetricResults], description="By metric, in the order of the definitions."
    )
    decision: decisions.Decision = strawberry.field(
        graphql_type=Decision, description="What to do, and why."
    )

    @strawberry.field(
        graphql_type=Annotated["Experiment", strawberry.lazy("graphql_api.types.experiments")],
        description="The experiment, as it is now.",
    )
    async def experiment(
        parent: strawberry.Parent[results.ExperimentResults], info: Info
    ) -> domain_experiments.Experiment | None:
        return await info.context.loaders.experiment.load(parent.experiment.id)


@strawberry.input(description="A test to be planned.")
class SampleSizeInput:
    baseline: float = strawberry.field(description="Rate or mean of the control.")
    minimum_detectable_effect: float = strawberry.field(
        description="Smallest relative change worth finding, as 0.05 for 5 %."
    )
    standard_deviation: float | None = strawberry.field(
        default=None, description="Of the values of users; left out: the metric is a rate."
    )
    alpha: float = strawberry.field(default=0.05, description="Accepted chance of a false alarm.")
    power: float = strawberry.field(default=0.8, description="Wanted chance of finding the change.")
    variants: int = strawberry.field(default=2, description="The control among them.")
    users_per_day: float | None = strawberry.field(
        default=None, description="How many take part each day."
    )


@strawberry.type(description="How many users a test needs.")
class SampleSizePlan(View):
    entity = planning.SampleSizePlan

    users_per_variant: BigInt = strawberry.field(description="Of each variant.")
    users_total: BigInt = strawberry.field(description="Of all together.")
    days: float | None = strawberry.field(
        description="How long that takes, in whole weeks; null without usersPerDay."
    )
