"""What one stream has of an experiment: the present value at once, then the latest, at its pace."""

import asyncio
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from domain.analysis.results import ExperimentResults
from domain.experiments import Experiment, ExperimentStatus
from domain.ids import ProjectId
from domain.sums import RunningSums

Value = TypeVar("Value")

LATEST = 1.0  # seconds that a change of the lifecycle may go unnoticed, however slow the pace


@dataclass(frozen=True, kw_only=True)
class Pulse:
    """What a look shows of an experiment; `snapshot` is the number of the last one."""

    experiment: UUID
    project: ProjectId
    version: int
    status: ExperimentStatus
    snapshot: int | None
    sums: Sequence[RunningSums]

    @cached_property
    def design(self) -> Hashable:
        return self.version, self.snapshot

    @cached_property
    def state(self) -> Hashable:
        return self.version, self.snapshot, sum(row.changes for row in self.sums)


class Shown:
    """What became of a pulse; results are worked out once, where somebody follows them."""

    def __init__(self, experiment: Experiment, work_out: Callable[[], ExperimentResults]) -> None:
        self.experiment = experiment
        self._work_out = work_out

    @cached_property
    def results(self) -> ExperimentResults:
        return self._work_out()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[Value]):
    """What a stream shows, and what may make it show something else."""

    state: Callable[[Pulse], Hashable]
    value: Callable[[Shown], Value]
    are_alike: Callable[[Value, Value], bool]
    is_last: Callable[[Value], bool]


class Feed(Protocol):
    def enter(self, following: "Following[Any]") -> None: ...

    def leave(self, following: "Following[Any]") -> None: ...

    def call(self) -> None:
        """Somebody waits for a value: the next look is to come soon."""
        ...


class Following(Generic[Value]):
    """Iterated over by its stream, and given its values by the feed. A value that was not taken in
    time is replaced by the newer."""

    def __init__(self, experiment: UUID, interval: float, kind: Kind[Value], feed: Feed) -> None:
        self.experiment = experiment
        self.interval = interval
        self.edition = 0  # grows with every value that differs from the one before
        self.looked_at = 0.0  # when the look began that the last value comes from
        self.is_urgent = False  # the last value tells of a lifecycle change
        self.is_called = True
        self._kind = kind
        self._feed = feed
        self._is_entered = False
        self._due = 0.0
        self._state: Hashable = None
        self._status: ExperimentStatus | None = None
        self._given: Value | None = None
        self._next: Value | None = None
        self._fault: Exception | None = None
        self._is_over = False
        self._arrived = asyncio.Event()

    def __aiter__(self) -> "Following[Value]":
        return self

    async def __anext__(self) -> Value:
        if not self._is_entered:
            self._is_entered = True
            self._feed.enter(self)
        await self._arrived.wait()
        if self._fault is not None:
            raise self._fault
        if self._next is None:
            raise StopAsyncIteration
        value, self._next = self._next, None
        if not self._is_over:
            self._arrived.clear()
        return value

    async def aclose(self) -> None:
        self._feed.leave(self)

    def hurry(self) -> None:
        """Somebody has joined who needs the present value, whether or not it is a new one."""
        self.is_called = True
        self._feed.call()

    def next_look(self, last: float) -> float:
        return self._due if self._due > last else last + min(self.interval, LATEST)

    def wants(self, pulse: Pulse, now: float) -> bool:
        if self.is_called or pulse.status is not self._status:
            return True
        return now >= self._due and self._kind.state(pulse) != self._state

    def give(self, pulse: Pulse, shown: Shown, looked_at: float, now: float) -> None:
        value = self._kind.value(shown)
        is_first = self._given is None
        is_new = self._given is None or not self._kind.are_alike(self._given, value)
        if is_new or self.is_called:
            has_moved = pulse.status is not self._status
            self._tell(value, looked_at, is_new=is_new, is_urgent=has_moved and not is_first)
            if has_moved or now >= self._due:
                self._due = now + self.interval
        self._state, self._status, self.is_called = self._kind.state(pulse), pulse.status, False
        if self._kind.is_last(value):
            self.end()

    def _tell(self, value: Value, looked_at: float, *, is_new: bool, is_urgent: bool) -> None:
        self._given = self._next = value
        self.looked_at, self.is_urgent = looked_at, is_urgent
        self.edition += is_new
        self._arrived.set()

    def be_due(self) -> None:
        self._due = 0.0

    def fail(self, fault: Exception) -> None:
        self._fault = fault
        self._arrived.set()

    def fail_to_begin(self, fault: Exception) -> None:
        if self._given is None:
            self.fail(fault)

    def end(self) -> None:
        self._is_over = True
        self._arrived.set()
