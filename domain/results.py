"""Results of experiments: as they are now, as they were, and over time."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from domain.analysis import clocks, fixed_look
from domain.analysis.evaluation import evaluate
from domain.analysis.evidence import ArmDecision, DecisionKind
from domain.analysis.observed import Observed
from domain.analysis.results import ExperimentResults
from domain.experiments import RUNNING, Experiment, ExperimentStatus, Phase
from domain.ids import ProjectId
from domain.metrics import MetricDefinition
from domain.snapshots import Period, Snapshot, SnapshotStore, SumsStore, arm_sums, unpacked
from domain.sums import RunningSums
from domain.variants import Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Designs:
    experiments: "Experiments"
    variants: "Variants"
    metrics: "Definitions"


class Experiments(Protocol):
    async def by_ids(
        self, project: ProjectId, ids: Collection[UUID]
    ) -> Mapping[UUID, Experiment]: ...

    async def phases_by_experiment(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Sequence[Phase]]: ...


class Variants(Protocol):
    async def by_experiment(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Sequence[Variant]]: ...


class Definitions(Protocol):
    async def definitions_by_experiment(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Sequence[MetricDefinition]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An experiment with all that its results rest on, the sums of today aside."""

    experiment: Experiment
    variants: Sequence[Variant]
    definitions: Sequence[MetricDefinition]
    phases: Sequence[Phase]
    last: Snapshot | None

    def now(self, rows: Sequence[RunningSums], moment: datetime) -> Observed:
        return Observed(
            experiment=self.experiment,
            variants=self.variants,
            definitions=self.definitions,
            phases=self.phases,
            sums=[arm_sums(row) for row in rows],
            as_of=moment,
            revision=self.experiment.version + sum(row.changes for row in rows),
            **_found(self.last, self.variants),
        )

    def then(self, snapshot: Snapshot) -> Observed:
        active = set(snapshot.active)
        variants = [
            replace(each, is_active=str(each.id) in active)
            for each in self.variants
            if each.created_at <= snapshot.taken_at
        ]
        return Observed(
            experiment=self._design(snapshot.status, snapshot.taken_at),
            variants=variants,
            definitions=self.definitions,
            phases=[each for each in self.phases if each.opened_at <= snapshot.taken_at],
            sums=unpacked(snapshot.sums),
            as_of=snapshot.taken_at,
            revision=snapshot.revision,
            **_found(snapshot, variants),
        )

    def before(self, moment: datetime) -> Observed:
        """The first snapshot: nobody had come, and nothing was found."""
        return Observed(
            experiment=self._design(ExperimentStatus.DRAFT, moment),
            variants=self.variants,
            definitions=self.definitions,
            phases=(),
            sums=(),
            as_of=moment,
            revision=0,
        )

    def _design(self, status: ExperimentStatus, moment: datetime) -> Experiment:
        """That it is over was not known before."""
        completed = self.experiment.completed_at
        known = completed if completed is not None and completed <= moment else None
        return replace(self.experiment, status=status, completed_at=known)

    @property
    def is_frozen(self) -> bool:
        return self.last is not None and self.experiment.status not in RUNNING


class Results:
    def __init__(
        self,
        designs: Designs,
        sums: SumsStore,
        snapshots: SnapshotStore,
        clock: Callable[[], datetime],
    ) -> None:
        self._designs = designs
        self._sums = sums
        self._snapshots = snapshots
        self._clock = clock

    async def present(
        self, project: ProjectId, ids: Collection[UUID]
    ) -> Mapping[UUID, ExperimentResults]:
        """What is over stays as it was then."""
        looks = await self.looks(project, ids)
        return {
            key: evaluate(observed, may_look=False).results for key, (_, observed) in looks.items()
        }

    def of(self, subject: Subject, rows: Sequence[RunningSums]) -> ExperimentResults:
        """With sums that somebody else has read."""
        return evaluate(_present(subject, rows, self._clock()), may_look=False).results

    async def looks(
        self, project: ProjectId, ids: Collection[UUID], at: datetime | None = None
    ) -> Mapping[UUID, tuple[Subject, Observed]]:
        """As of that moment, which is now by the clock of whoever asks."""
        subjects = await self.subjects(project, ids)
        rows = await self._sums.by_experiments(project, subjects.keys())
        now = self._clock() if at is None else at
        return {
            key: (subject, _present(subject, rows.get(key, ()), now))
            for key, subject in subjects.items()
        }

    async def as_of(
        self, project: ProjectId, experiment: UUID, moment: datetime
    ) -> ExperimentResults | None:
        """As they were to be seen at the last snapshot by then."""
        if moment >= self._clock():
            return (await self.present(project, [experiment])).get(experiment)
        subject = (await self.subjects(project, [experiment])).get(experiment)
        if subject is None:
            return None
        snapshot = await self._snapshots.at(project, experiment, moment)
        observed = subject.before(moment) if snapshot is None else subject.then(snapshot)
        return evaluate(observed, may_look=False).results

    async def history(
        self, project: ProjectId, experiment: UUID, period: Period
    ) -> Sequence[ExperimentResults]:
        """The oldest first."""
        subject = (await self.subjects(project, [experiment])).get(experiment)
        if subject is None:
            return []
        found = []
        for snapshot in await self._snapshots.between(project, experiment, period):
            found.append(evaluate(subject.then(snapshot), may_look=False).results)
            await asyncio.sleep(0)  # others are served between one look and the next
        return found

    async def subjects(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Subject]:
        experiments = await self._designs.experiments.by_ids(project, ids)
        keys = experiments.keys()
        variants = await self._designs.variants.by_experiment(project, keys)
        definitions = await self._designs.metrics.definitions_by_experiment(project, keys)
        phases = await self._designs.experiments.phases_by_experiment(project, keys)
        last = await self._snapshots.latest(project, keys)
        return {
            key: Subject(
                experiment=experiment,
                variants=variants.get(key, ()),
                definitions=definitions.get(key, ()),
                phases=phases.get(key, ()),
                last=last.get(key),
            )
            for key, experiment in experiments.items()
        }


def _present(subject: Subject, rows: Sequence[RunningSums], now: datetime) -> Observed:
    if subject.is_frozen and subject.last is not None:
        return subject.then(subject.last)
    return subject.now(rows, now)


def _found(last: Snapshot | None, variants: Sequence[Variant]) -> dict[str, Any]:
    """What was found for good by then."""
    if last is None:
        return {}
    known = {str(variant.id): variant for variant in variants}
    return {
        "fixed": None if last.fixed is None else fixed_look.from_json(last.fixed),
        "standing": {
            known[key].id: ArmDecision(
                variant=known[key], kind=DecisionKind(held["kind"]), reason=held["reason"]
            )
            for key, held in last.standing.items()
            if key in known
        },
        "alarmed": last.alarmed,
        "clocks": clocks.from_json(last.clocks),
    }
