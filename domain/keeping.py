"""Takes snapshots: at every transition, whenever something is found for good, and now and then
while data arrives."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from domain.analysis.evaluation import evaluate
from domain.analysis.observed import Observed
from domain.chores import forever
from domain.closing import taken
from domain.errors import Unavailable
from domain.experiments import RUNNING
from domain.ids import ProjectId
from domain.results import Results, Subject
from domain.snapshots import RunningStore, Snapshot, SnapshotStore

logger = logging.getLogger(__name__)

PAUSE = 5.0  # seconds
LOOK_EVERY = timedelta(minutes=1)
TAKE_EVERY = timedelta(minutes=15)
ALL_EVERY = timedelta(hours=1)


class Keeper:
    """Looks at an experiment that has changed, at most once a minute, and once an hour at all that
    run."""

    def __init__(
        self,
        results: Results,
        running: RunningStore,
        snapshots: SnapshotStore,
        clock: Callable[[], datetime],
        pause: float = PAUSE,
    ) -> None:
        self._results = results
        self._running = running
        self._snapshots = snapshots
        self._clock = clock
        self._pause = pause
        self._changed: set[UUID] = set()
        self._looked: dict[UUID, datetime] = {}
        self._noticed_all: datetime | None = None

    def notice(self, experiments: Iterable[UUID]) -> None:
        self._changed.update(experiments)

    async def run(self) -> None:
        await forever(self._look_around, self._pause, "results could not be kept")

    async def _look_around(self) -> None:
        await self._notice_all()
        await self.keep()

    async def _notice_all(self) -> None:
        """Once an hour, for some things become true by time alone; and first of all, because what
        a process that was killed had noticed is lost."""
        now, last = self._clock(), self._noticed_all
        if last is None or now - last >= ALL_EVERY:
            self.notice(await self._running.running())
            self._noticed_all = now

    async def keep(self) -> None:
        now = self._clock()
        due = {each for each in self._changed if self._is_due(each, now)}
        if not due:
            return
        running = await self._running.running()
        for experiment in due:
            self._changed.discard(experiment)
            if experiment in running:
                await self._try(running[experiment], experiment)
        self._looked = {each: at for each, at in self._looked.items() if each in running}
        self._looked |= dict.fromkeys(due & running.keys(), now)

    async def _try(self, project: ProjectId, experiment: UUID) -> None:
        """What is wrong with one of them is no reason to stop looking at the others."""
        try:
            await self._look(project, experiment)
        except Unavailable:
            self._changed.add(experiment)
            raise
        except Exception:
            logger.exception("the results of %s could not be kept: tried again later", experiment)

    async def _look(self, project: ProjectId, experiment: UUID) -> None:
        for subject, observed in (await self._results.looks(project, [experiment])).values():
            snapshot = next_snapshot(subject, observed)
            if snapshot is not None:
                await self._snapshots.add(snapshot)
            if _is_pending(snapshot or subject.last, observed):
                self._changed.add(experiment)

    def _is_due(self, experiment: UUID, now: datetime) -> bool:
        looked = self._looked.get(experiment)
        return looked is None or now - looked >= LOOK_EVERY


def next_snapshot(subject: Subject, observed: Observed) -> Snapshot | None:
    """None where nothing was found, and the last one is young or still true; and where it is over
    by now, though it ran when its design was read."""
    evaluation, last = evaluate(observed), subject.last
    if last is not None and last.status not in RUNNING:
        return None
    snapshot = taken(subject, observed, evaluation)
    if last is None or _found(snapshot) != _found(last):
        return replace(snapshot, is_kept=True)
    is_old = observed.as_of - last.taken_at >= TAKE_EVERY
    return snapshot if is_old and snapshot.revision != last.revision else None


def _is_pending(last: Snapshot | None, observed: Observed) -> bool:
    """Time alone will close its windows, or make the last one old."""
    if last is None:
        return False
    waits = last.fixed is not None and last.fixed["taken_at"] is None
    return waits or last.revision != observed.revision


def _found(snapshot: Snapshot) -> tuple[object, ...]:
    return snapshot.fixed, snapshot.standing, snapshot.alarmed, snapshot.clocks
