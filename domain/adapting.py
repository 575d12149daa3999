"""Bandits at work: while data arrives, whichever process comes first opens the next epoch; and none
shares its traffic by what it cannot believe."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from domain import epochs
from domain.analysis.observed import Observed
from domain.analysis.sums import Sums, merged
from domain.analysis.tallies import Tallies, tally
from domain.bandits import (
    ArmState,
    BanditFault,
    Beliefs,
    Counted,
    Unbelievable,
    applied,
    is_shared_equally,
    shared_equally,
)
from domain.chores import forever
from domain.design import Design
from domain.errors import Unavailable
from domain.experiments import Edit, Experiment, ExperimentChanges
from domain.ids import ProjectId
from domain.metrics import MetricDefinition
from domain.results import Designs, Results

logger = logging.getLogger(__name__)

PAUSE = 2.0  # seconds
_NOBODY = Counted(until=datetime(2000, 1, 1, tzinfo=UTC), sums=Sums(users=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandit:
    project: ProjectId
    epoch_opened_at: datetime


class BanditStore(Protocol):
    async def active(self) -> Mapping[UUID, Bandit]: ...

    async def closed(
        self, since: Mapping[UUID, datetime], until: datetime, metric: MetricDefinition
    ) -> Mapping[UUID, Sums]:
        """Of the users of each variant who were assigned after its `since`, up to `until`."""
        ...

    async def save(self, project: ProjectId, seen: Experiment, edit: Edit) -> Experiment | None:
        """The next version of what was seen, where a phase is opened; None, and nothing is
        written, where somebody was faster."""
        ...


class Adapting:
    """Looks at a bandit that has got new data once a minute."""

    def __init__(
        self,
        designs: Designs,
        results: Results,
        store: BanditStore,
        beliefs: Beliefs,
        clock: Callable[[], datetime],
        pause: float = PAUSE,
    ) -> None:
        self._designs = designs
        self._results = results
        self._store = store
        self._beliefs = beliefs
        self._clock = clock
        self._pause = pause
        self._changed: set[UUID] = set()
        self._noticed_all = False
        self._told: set[UUID] = set()
        self._listeners: list[Callable[[Experiment], None]] = []

    def notice(self, experiments: Iterable[UUID]) -> None:
        self._changed.update(experiments)

    def tell(self, listener: Callable[[Experiment], None]) -> None:
        """Of each epoch that was opened here."""
        self._listeners.append(listener)

    async def run(self) -> None:
        await forever(self.adapt, self._pause, "bandits could not be looked at")

    async def adapt(self) -> None:
        """First of all with every bandit: what a process that was killed had noticed is lost."""
        if not self._changed and self._noticed_all:
            return
        bandits, latest = await self._store.active(), self._clock() - epochs.EVERY
        changed = bandits.keys() & self._changed if self._noticed_all else set(bandits)
        self._noticed_all = True
        due = {each for each in changed if bandits[each].epoch_opened_at <= latest}
        self._changed = changed
        for experiment in due:
            self._changed.discard(experiment)
            await self._try(bandits[experiment].project, experiment)

    async def mended(self, design: Design) -> Design:
        """A design whose weights are those of its phase, and may be believed or are equal."""
        while design.is_bandit and design.is_running:
            fault = self._fault(design)
            if fault is None or is_shared_equally(design):
                return design
            edit = shared_equally(design, self._clock())
            saved = await self._saved(design, edit)
            if saved is not None:
                return saved
            current = await self._design(design.experiment)
            if current is None:
                return design
            design = current
        return design

    async def _try(self, project: ProjectId, experiment: UUID) -> None:
        """What is wrong with one of them is no reason to stop the others."""
        try:
            await self._look(project, experiment)
        except Unavailable:
            self._changed.add(experiment)
            raise
        except Exception:
            logger.exception("the bandit %s could not adapt: tried again later", experiment)

    async def _look(self, project: ProjectId, experiment: UUID) -> None:
        for _, observed in (await self._results.looks(project, [experiment])).values():
            design = Design(experiment=observed.experiment, variants=observed.variants)
            if self._fault(design) is not None:
                await self.mended(design)
                continue
            tallies = tally(observed)
            if epochs.is_due(observed, tallies):
                await self._adapt(design, observed, tallies)

    async def _adapt(self, design: Design, observed: Observed, tallies: Tallies) -> None:
        states = self._beliefs.of(design)
        counted = await self._counted(design, observed, states)
        sums = {key: each.sums for key, each in counted.items()}
        arms = epochs.outlooks(
            observed.primary, [(sums or epochs.totals(observed, tallies))[key] for key in states]
        )
        weights = [state.weight for state in states.values()]
        is_moved = epochs.moves(weights, arms)
        if not is_moved and not counted:
            return
        edit = _opened(design, observed, tallies) if is_moved else Edit()
        new = {
            key: ArmState(
                alpha=arm.alpha,
                beta=arm.beta,
                probability_best=arm.probability_best,
                weight=arm.weight if is_moved else states[key].weight,
                revision=edit.phase.number if edit.phase else states[key].revision,
                updated_at=observed.as_of,
                counted=counted.get(key),
            )
            for key, arm in zip(states, arms, strict=True)
        }
        await self._saved(design, self._beliefs.written(edit, design.active, new))

    async def _counted(
        self, design: Design, observed: Observed, states: Mapping[UUID, ArmState]
    ) -> Mapping[UUID, Counted]:
        """Nothing where all users count from the start."""
        metric = observed.primary
        until = epochs.closed_by(metric, observed.as_of)
        if until is None:
            return {}
        before = {key: state.counted or _NOBODY for key, state in states.items()}
        since = {key: each.until for key, each in before.items()}
        new = await self._store.closed(since, until, metric)
        return {
            key: Counted(
                until=max(until, each.until),
                sums=merged([each.sums, *([new[key]] if key in new else [])]),
            )
            for key, each in before.items()
        }

    async def _saved(self, design: Design, edit: Edit) -> Design | None:
        seen = design.experiment
        saved = await self._store.save(seen.project_id, seen, edit)
        if saved is None:
            return None
        if edit.phase is not None:
            for listener in self._listeners:
                listener(saved)
        return Design(experiment=saved, variants=applied(design, edit))

    async def _design(self, experiment: Experiment) -> Design | None:
        asked = experiment.project_id, [experiment.id]
        found = (await self._designs.experiments.by_ids(*asked)).get(experiment.id)
        if found is None:
            return None
        variants = await self._designs.variants.by_experiment(*asked)
        return Design(experiment=found, variants=variants.get(experiment.id, ()))

    def _fault(self, design: Design) -> BanditFault | None:
        """Told of once: what comes after it follows from it."""
        experiment = design.experiment
        try:
            self._beliefs.of(design)
        except Unbelievable as unbelievable:
            if experiment.id not in self._told:
                self._told.add(experiment.id)
                logger.error(
                    "the bandit of %s stands still and its variants share the traffic equally: %s",
                    experiment.name,
                    unbelievable,
                )
            return unbelievable.fault
        self._told.discard(experiment.id)
        return None


def _opened(design: Design, observed: Observed, tallies: Tallies) -> Edit:
    phase = design.next_phase(observed.as_of)
    phase = replace(phase, plug_ins=epochs.plug_ins(observed, tallies))
    return Edit(changes=ExperimentChanges(phase=phase.number), phase=phase)
