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
    Beliefs,
    Counted,
    Outrun,
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
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


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
        self._looked: dict[UUID, datetime] = {}
        self._portions: dict[UUID, float] = {}  # of what is still to be counted, at once
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
        bandits, now = await self._store.active(), self._clock()
        changed = bandits.keys() & self._changed if self._noticed_all else set(bandits)
        self._noticed_all = True
        self._changed = changed
        self._looked = {each: at for each, at in self._looked.items() if each in bandits}
        is_away = False
        for experiment in [each for each in changed if self._is_due(each, bandits[each], now)]:
            self._looked[experiment] = now
            is_away |= not await self._try(bandits[experiment].project, experiment)
        if is_away:
            raise Unavailable

    async def mended(self, design: Design) -> Design:
        """A design whose weights are those of its phase, and may be believed or are equal."""
        is_read_again = False
        while design.is_bandit and design.is_running:
            try:
                fault = self._fault(design)
            except Outrun:
                fault, is_read_again = None, False
            else:
                if fault is None:
                    return design
                if is_read_again and (after := await self._shared_equally(design, fault)):
                    return after
            current = await self._design(design.experiment)
            if current is None:
                return design
            design, is_read_again = current, True
        return design

    async def _shared_equally(self, design: Design, fault: Unbelievable) -> Design | None:
        """None where somebody was faster."""
        seen = design.experiment
        asked = seen.project_id, [seen.id]
        phases = (await self._designs.experiments.phases_by_experiment(*asked)).get(seen.id, ())
        saved: Design | None = design
        if not is_shared_equally(design, phases[-1] if phases else None):
            edit = shared_equally(design, self._clock())
            if edit.phase is not None:
                edit = replace(edit, phase=epochs.continued(edit.phase, phases))
            saved = await self._saved(design, edit)
        if saved is not None and seen.id not in self._told:
            self._told.add(seen.id)
            message = "the bandit of %s stands still and its variants share the traffic equally: %s"
            logger.error(message, seen.name, fault)
        return saved

    def _is_due(self, experiment: UUID, bandit: Bandit, now: datetime) -> bool:
        looked = max(self._looked.get(experiment, bandit.epoch_opened_at), bandit.epoch_opened_at)
        return now - looked >= epochs.EVERY

    async def _try(self, project: ProjectId, experiment: UUID) -> bool:
        """What is wrong with one of them is no reason to stop the others. False where the store
        was too slow, or away: the next time less is counted at once."""
        try:
            await self._look(project, experiment)
        except Unavailable:
            self._portions[experiment] = self._portions.get(experiment, 1.0) / 4
            return False
        except Exception:
            logger.exception("the bandit %s could not adapt: tried again later", experiment)
            return True
        self._changed.discard(experiment)
        return True

    async def _look(self, project: ProjectId, experiment: UUID) -> None:
        for _, observed in (await self._results.looks(project, [experiment])).values():
            design = Design(experiment=observed.experiment, variants=observed.variants)
            if await self.mended(design) is not design:
                continue  # it is another one by now
            tallies = tally(observed)
            if self._fault(design) is None and epochs.is_due(observed, tallies):
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
        seen, began = design.experiment, design.experiment.started_at or _LONG_AGO
        nobody = Counted(until=began, sums=Sums(users=0))
        before = {key: state.counted or nobody for key, state in states.items()}
        since = {key: each.until for key, each in before.items()}
        until = self._portion(seen.id, min(since.values()), until)
        new = await self._store.closed(since, until, metric)
        self._portions[seen.id] = min(1.0, 2 * self._portions.get(seen.id, 1.0))
        return {
            key: Counted(
                until=max(until, each.until),
                sums=merged([each.sums, *([new[key]] if key in new else [])]),
            )
            for key, each in before.items()
        }

    def _portion(self, experiment: UUID, since: datetime, until: datetime) -> datetime:
        return until - (until - since) * (1 - self._portions.get(experiment, 1.0))

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

    def _fault(self, design: Design) -> Unbelievable | None:
        """Raises Outrun."""
        try:
            self._beliefs.of(design)
        except Unbelievable as unbelievable:
            return unbelievable
        self._told.discard(design.experiment.id)
        return None


def _opened(design: Design, observed: Observed, tallies: Tallies) -> Edit:
    phase = design.next_phase(observed.as_of)
    phase = replace(phase, plug_ins=epochs.plug_ins(observed, tallies))
    return Edit(changes=ExperimentChanges(phase=phase.number), phase=phase)
