"""What a transition leaves behind: a snapshot, and the numbers that SQL users read from then on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.analysis import clocks, fixed_look
from domain.analysis.evaluation import Evaluation, evaluate
from domain.analysis.evidence import DecisionKind
from domain.analysis.intervals import wilson_interval
from domain.analysis.observed import ArmSums, Observed
from domain.analysis.results import Comparison, ExperimentResults, MetricResults
from domain.analysis.sample_ratio import SampleRatioState
from domain.analysis.sums import merged
from domain.experiments import ExperimentStatus
from domain.ids import ProjectId
from domain.metrics import EffectScale, MetricRole
from domain.results import Results, Subject
from domain.snapshots import Snapshot, packed
from domain.variants import Published, Tally

_STANDS = frozenset({DecisionKind.SHIP, DecisionKind.ROLL_BACK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    snapshot: Snapshot
    results: ExperimentResults
    published: Mapping[UUID, Published]

    @property
    def shipped(self) -> str | None:
        variant = self.results.decision.variant
        return None if variant is None else variant.name

    def significance(self, winner: str | None) -> float | None:
        """The adjusted p-value, valid at any time, of the winner's headline effect; of the
        strongest one where nobody or the control wins. None where nothing can be told, as of a
        winner that has been deactivated: nothing compares it."""
        metrics = self.results.metrics
        named = (each for each in metrics if each.metric.role is MetricRole.PRIMARY)
        primary = next(named, metrics[0])
        found = {each.variant.name: _p_value(primary, each) for each in primary.comparisons}
        if winner is None or winner in {each.control.name for each in primary.comparisons}:
            return min((value for value in found.values() if value is not None), default=None)
        return found.get(winner)


class Closings:
    def __init__(self, results: Results) -> None:
        self._results = results

    async def of(
        self, project: ProjectId, experiment: UUID, status: ExperimentStatus, at: datetime
    ) -> Closing | None:
        """None where the experiment is gone."""
        looks = await self._results.looks(project, [experiment], at)
        for subject, observed in looks.values():
            return closing(subject, observed, status)
        return None


def closing(subject: Subject, observed: Observed, status: ExperimentStatus) -> Closing:
    """As it is from the transition on, which makes it the next version. It is no older than what
    was found last: another server's clock may be ahead."""
    moment = observed.as_of if subject.last is None else max(observed.as_of, subject.last.taken_at)
    experiment = replace(observed.experiment, status=status)
    if status is ExperimentStatus.COMPLETED:
        experiment = replace(experiment, completed_at=moment)
    observed = replace(
        observed, experiment=experiment, as_of=moment, revision=observed.revision + 1
    )
    evaluation = evaluate(observed)
    return Closing(
        snapshot=taken(subject, observed, evaluation, is_kept=True),
        results=evaluation.results,
        published=_published(observed),
    )


def _p_value(primary: MetricResults, comparison: Comparison) -> float | None:
    is_relative = primary.metric.scale is EffectScale.RELATIVE
    headline = comparison.relative if is_relative else comparison.absolute
    return None if headline.anytime is None else headline.anytime.adjusted_p_value


def published(tally: Tally, alpha: float) -> Published:
    interval = wilson_interval(tally.conversions, tally.users, alpha)
    return Published(
        impressions=tally.users,
        conversions=tally.conversions,
        conversion_rate=tally.rate,
        total_value=tally.value,
        confidence_interval_lower=None if interval is None else interval.lower,
        confidence_interval_upper=None if interval is None else interval.upper,
    )


def _published(observed: Observed) -> Mapping[UUID, Published]:
    own = [row for row in observed.sums if row.metric_id is None]
    alpha = observed.experiment.alpha
    return {variant.id: published(_tally(variant.id, own), alpha) for variant in observed.variants}


def _tally(variant: UUID, own: Sequence[ArmSums]) -> Tally:
    sums = merged(row.sums for row in own if row.variant_id == variant)
    return Tally(
        variant_id=variant,
        users=sums.users,
        conversions=int(sums.events),
        value=float(sums.total),
    )


def taken(
    subject: Subject, observed: Observed, evaluation: Evaluation, *, is_kept: bool = False
) -> Snapshot:
    fixed = evaluation.fixed or observed.fixed
    state = evaluation.results.sample_ratio.state
    return Snapshot(
        experiment_id=observed.experiment.id,
        number=1 if subject.last is None else subject.last.number + 1,
        taken_at=observed.as_of,
        revision=observed.revision,
        status=observed.experiment.status,
        active=[str(variant.id) for variant in observed.active],
        sums=packed(observed.sums),
        fixed=None if fixed is None else fixed_look.to_json(fixed),
        standing=_standing(evaluation.results),
        alarmed=observed.alarmed or state is SampleRatioState.ALARM,
        clocks=clocks.to_json(evaluation.clocks),
        is_kept=is_kept,
    )


def _standing(results: ExperimentResults) -> dict[str, Any]:
    return {
        str(arm.variant.id): {"kind": arm.kind.value, "reason": arm.reason}
        for arm in results.decision.arms
        if arm.kind in _STANDS
    }
