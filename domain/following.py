"""What one stream has of an experiment: the present value at once, then the latest, at its pace."""

import asyncio
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
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
    is_last: Callable[[Shown], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition(Generic[Value]):
    """A value, and how it came about."""

    value: Value
    number: int  # greater than that of the one before, if their values differ
    looked_at: float  # when the look began that it comes from
    given_at: float
    is_urgent: bool  # it tells of a lifecycle change


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
        self.taken: Edition[Value] | None = None  # by the stream, which may be at work on it
        self._called_at: float | None = 0.0
        self._is_owed = False
        self._kind = kind
        self._feed = feed
        self._is_entered = False
        self._due = 0.0
        self._state: Hashable = None
        self._status: ExperimentStatus | None = None
        self._given: Edition[Value] | None = None
        self._next: Edition[Value] | None = None
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
        self.taken, self._next = self._next, None
        if not self._is_over:
            self._arrived.clear()
        return self.taken.value

    async def aclose(self) -> None:
        self._feed.leave(self)

    @property
    def is_called(self) -> bool:
        return self._called_at is not None

    def hurry(self, now: float) -> None:
        """Somebody has joined who needs the present value, whether or not it is a new one; a look
        that has begun before does not show it."""
        self._called_at = now
        self._feed.call()

    def owe(self) -> None:
        """Somebody could not be told yet: the present value is to come at the next turn again,
        whether or not it is a new one."""
        self._is_owed = True
        self._feed.call()

    def next_look(self, last: float) -> float:
        if self._due > last or self._is_owed:
            return self._due
        return last + min(self.interval, LATEST)

    def wants(self, pulse: Pulse, now: float) -> bool:
        if self.is_called or pulse.status is not self._status:
            return True
        has_moved = self._is_owed or self._kind.state(pulse) != self._state
        return has_moved and now >= self._due

    def give(self, pulse: Pulse, shown: Shown, looked_at: float, now: float) -> None:
        value, status = self._kind.value(shown), shown.experiment.status
        before = self._given
        is_new = before is None or not self._kind.are_alike(before.value, value)
        is_urgent = before is not None and status is not self._status
        is_turn = is_urgent or now >= self._due
        if is_new or self.is_called or (self._is_owed and is_turn):
            self._tell(
                Edition(
                    value=value,
                    number=is_new + (0 if before is None else before.number),
                    looked_at=looked_at,
                    given_at=now,
                    is_urgent=is_urgent,
                )
            )
            if is_turn:
                self._due, self._is_owed = now + self.interval, False
        self._state, self._status = self._kind.state(pulse), status
        if self._called_at is not None and self._called_at <= looked_at:
            self._called_at = None
        if self._kind.is_last(shown):
            self.end()

    def _tell(self, edition: Edition[Value]) -> None:
        self._given = edition
        if self._next is not None and self._next.is_urgent:
            edition = replace(edition, is_urgent=True)  # the one that nobody has seen was
        self._next = edition
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
