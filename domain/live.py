"""Live statistics. One look shows what all who follow need, at the pace of the fastest of them, and
the results of an experiment are worked out once for all."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import UUID

from domain.analysis.results import ExperimentResults
from domain.errors import InvalidInput, Unavailable
from domain.experiments import (
    Experiment,
    ExperimentKey,
    ExperimentStatus,
    KeyedExperiments,
    found,
)
from domain.following import LATEST, Following, Kind, Pulse, Shown
from domain.ids import ProjectId
from domain.results import Results, Subject

logger = logging.getLogger(__name__)

SHORTEST, LONGEST = 200, 60_000  # milliseconds between two values
_APART = SHORTEST / 1000  # seconds between two looks,
_APART_WHEN_CALLED = 0.05  # or where somebody has come who waits for a first value
_AFTER_A_FAULT = 1.0
_OLD = 1.0  # seconds after which what has come true by time alone is worked out for newcomers

_FINAL = frozenset({ExperimentStatus.COMPLETED, ExperimentStatus.ARCHIVED})


class PulseStore(Protocol):
    async def pulses(self, experiments: Collection[UUID]) -> Mapping[UUID, Pulse]:
        """Of those that there are, whatever their project."""
        ...


def _alike(before: ExperimentResults, after: ExperimentResults) -> bool:
    return replace(after, as_of=before.as_of) == before


_STATS: Kind[ExperimentResults] = Kind(
    state=lambda pulse: pulse.state,
    value=lambda shown: shown.results,
    are_alike=_alike,
    is_last=lambda shown: shown.experiment.status in _FINAL,
)
_EDITS: Kind[Experiment] = Kind(
    state=lambda pulse: pulse.version,
    value=lambda shown: shown.experiment,
    are_alike=lambda before, after: before == after,
    is_last=lambda _: False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What came of the last look at an experiment that somebody wanted a value of."""

    pulse: Pulse
    subject: Subject
    shown: Shown
    at: float


class Live:
    def __init__(
        self,
        pulses: PulseStore,
        experiments: KeyedExperiments,
        results: Results,
        seconds: Callable[[], float],
    ) -> None:
        self._pulses = pulses
        self._experiments = experiments
        self._results = results
        self._seconds = seconds
        self._followings: set[Following[Any]] = set()
        self._known: dict[UUID, _Known] = {}
        self._looked = 0.0
        self._pause_after_fault = 0.0
        self._called = asyncio.Event()
        self._looking = asyncio.Lock()

    async def stats(
        self, project: ProjectId, key: ExperimentKey, interval_ms: int
    ) -> Following[ExperimentResults]:
        """Raises NotFound, and InvalidInput for a pace that is out of bounds."""
        if not SHORTEST <= interval_ms <= LONGEST:
            raise InvalidInput(
                f"is {interval_ms}: it must be from {SHORTEST} to {LONGEST}", ("interval_ms",)
            )
        meant = await found(self._experiments, project, key)
        return Following(meant.id, interval_ms / 1000, _STATS, self)

    async def edits(self, project: ProjectId, key: ExperimentKey) -> Following[Experiment]:
        """Raises NotFound."""
        meant = await found(self._experiments, project, key)
        return Following(meant.id, SHORTEST / 1000, _EDITS, self)

    async def run(self) -> None:
        while True:
            self._called.clear()
            pause = self._pause()
            if pause is None or pause > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._called.wait()
            else:
                await self._try()

    async def finish(self) -> None:
        """The last values, whatever the pace, and the end of all streams."""
        for following in self._followings:
            following.be_due()
        if self._followings:
            await self._try()
        for following in self._followings:
            following.end()

    def enter(self, following: Following[Any]) -> None:
        self._followings.add(following)
        self.call()

    def leave(self, following: Following[Any]) -> None:
        self._followings.discard(following)
        if not self._followings:
            self._known.clear()

    def call(self) -> None:
        self._called.set()

    def _pause(self) -> float | None:
        """Seconds until the next look; None: until somebody comes."""
        if not self._followings:
            return None
        is_called = any(each.is_called for each in self._followings)
        earliest = self._looked + max(
            self._pause_after_fault, _APART_WHEN_CALLED if is_called else _APART
        )
        wanted = min(each.next_look(self._looked) for each in self._followings)
        latest = self._looked if is_called else min(wanted, self._looked + LATEST)
        return max(earliest, latest) - self._seconds()

    async def _try(self) -> None:
        """A fault ends the streams that wait for their first value; the others go on after it."""
        fault: Exception | None = None
        try:
            async with self._looking:  # the last look is not overtaken by one that began before
                await self.look()
        except Unavailable as error:
            fault = error
        except Exception as error:  # whatever it is, it must not be the last look
            logger.exception("live statistics could not be read: tried again later")
            fault = error
        self._looked = self._seconds()
        self._pause_after_fault = 0.0 if fault is None else _AFTER_A_FAULT
        if fault is not None:
            for each in self._followings:
                each.fail_to_begin(fault)

    async def look(self) -> None:
        looked_at, followed = self._seconds(), list(self._followings)
        pulses = await self._pulses.pulses({each.experiment for each in followed})
        now = self._seconds()
        wanting: dict[UUID, list[Following[Any]]] = defaultdict(list)
        for each in followed:
            pulse = pulses.get(each.experiment)
            if pulse is None:
                each.end()  # it was deleted
            elif each.wants(pulse, now):
                wanting[each.experiment].append(each)
        subjects = await self._subjects([pulses[experiment] for experiment in wanting])
        for experiment, followings in wanting.items():
            self._give(followings, pulses[experiment], subjects.get(experiment), looked_at)
            await asyncio.sleep(0)  # others are served between one experiment and the next
        still = {each.experiment for each in self._followings}
        self._known = {key: known for key, known in self._known.items() if key in still}

    async def _subjects(self, pulses: Sequence[Pulse]) -> Mapping[UUID, Subject]:
        """Those that have not changed are known still."""
        found, changed = {}, defaultdict(list)
        for pulse in pulses:
            known = self._known.get(pulse.experiment)
            if known is not None and known.pulse.design == pulse.design:
                found[pulse.experiment] = known.subject
            else:
                changed[pulse.project].append(pulse.experiment)
        for project, experiments in changed.items():
            found |= await self._results.subjects(project, experiments)
        return found

    def _give(
        self,
        followings: Sequence[Following[Any]],
        pulse: Pulse,
        subject: Subject | None,
        looked_at: float,
    ) -> None:
        """What is wrong with the results of one experiment ends the streams of these alone."""
        if subject is None:
            for each in followings:
                each.end()
            return
        now = self._seconds()
        shown = self._shown(pulse, subject, now)
        for each in followings:
            try:
                each.give(pulse, shown, looked_at, now)
            except Exception as error:
                logger.exception("the results of %s could not be worked out", pulse.experiment)
                each.fail(error)

    def _shown(self, pulse: Pulse, subject: Subject, now: float) -> Shown:
        known = self._known.get(pulse.experiment)
        if known is not None and known.pulse.state == pulse.state and now - known.at < _OLD:
            return known.shown
        shown = Shown(subject.experiment, lambda: self._results.of(subject, pulse.sums))
        self._known[pulse.experiment] = _Known(pulse=pulse, subject=subject, shown=shown, at=now)
        return shown
