"""What live statistics look at, in memory, and a loop whose time passes by itself: as soon as
nobody has anything left to do it is the next time that somebody waits for."""

import asyncio
import selectors
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    aclosing,
    asynccontextmanager,
    suppress,
)
from dataclasses import replace
from functools import wraps
from typing import Any, Generic, TypeVar
from uuid import UUID

from anyio.lowlevel import checkpoint

from domain.analysis.results import ExperimentResults
from domain.experiments import Experiment, ExperimentKey, ExperimentStatus
from domain.following import Following, Pulse
from domain.ids import ProjectId
from domain.live import Live
from domain.results import Designs, Results, Subject
from domain.sums import OWN, RunningSums
from tests.domain.stored import HOME, arm, stored
from tests.domain.test_keeping import FakeDefinitions
from tests.domain.test_snapshots import FakeSnapshots, FakeSums
from tests.factories import NOON, make_phase
from tests.fakes import FakeExperiments, FakeVariants, Memory

Value = TypeVar("Value")


class _Idle(selectors.DefaultSelector):
    """Does not wait, but says how long it would have waited."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everybody waits, and nothing is ever going to happen")
        self.passed += max(timeout, 0.0)
        return super().select(0)


class TimelessLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._idle = _Idle()
        super().__init__(self._idle)

    def time(self) -> float:
        return self._idle.passed


def timeless(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs it in a loop of its own; what it is given is entered first, where it can be."""

    async def whole(given: Mapping[str, Any]) -> None:
        async with AsyncExitStack() as stack:
            for each in given.values():
                if isinstance(each, AbstractAsyncContextManager):
                    await stack.enter_async_context(each)
            await test(**given)

    @wraps(test)
    def run(**given: Any) -> None:
        with asyncio.Runner(loop_factory=TimelessLoop) as runner:
            runner.run(whole(given))

    return run


def seconds() -> float:
    return asyncio.get_running_loop().time()


class FakePulses:
    """`looks` says when it was asked, and for how many; `takes` seconds to answer."""

    def __init__(self, memory: Memory, sums: FakeSums, snapshots: FakeSnapshots) -> None:
        self._memory, self._sums, self._snapshots = memory, sums, snapshots
        self.looks: list[tuple[float, int]] = []
        self.takes = 0.0
        self.fault: Exception | None = None

    async def pulses(self, experiments: Collection[UUID]) -> Mapping[UUID, Pulse]:
        self.looks.append((round(seconds(), 6), len(experiments)))
        fault = self.fault
        seen = {key: self._pulse(key) for key in experiments if key in self._memory.experiments}
        await checkpoint()
        await asyncio.sleep(self.takes)
        if fault is not None:
            raise fault
        return seen

    def _pulse(self, key: UUID) -> Pulse:
        experiment = self._memory.experiments[key]
        numbers = [one.number for one in self._snapshots.held if one.experiment_id == key]
        return Pulse(
            experiment=key,
            project=experiment.project_id,
            version=experiment.version,
            status=experiment.status,
            snapshot=max(numbers, default=None),
            sums=self._sums.rows.get(key, ()),
        )


class CountedResults(Results):
    """`worked_out` and `loaded` say whose, one by one; those of the `broken` cannot be."""

    worked_out: list[UUID]
    loaded: list[UUID]
    broken: set[UUID]

    def of(self, subject: Subject, rows: Sequence[RunningSums]) -> ExperimentResults:
        self.worked_out.append(subject.experiment.id)
        if subject.experiment.id in self.broken:
            raise ArithmeticError("of the tests")
        return super().of(subject, rows)

    async def subjects(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Subject]:
        self.loaded += ids
        return await super().subjects(project, ids)


class Follower(Generic[Value]):
    """Takes what comes, and notes how many seconds it has waited by then."""

    def __init__(self, following: Following[Value]) -> None:
        self.following = following
        self.values: list[Value] = []
        self.times: list[float] = []
        self.fault: Exception | None = None
        self.is_over = False
        self.came = seconds()
        self._task = asyncio.create_task(self._take())

    async def leave(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _take(self) -> None:
        try:
            async with aclosing(self.following):
                async for value in self.following:
                    self.values.append(value)
                    self.times.append(round(seconds() - self.came, 6))
        except Exception as fault:
            self.fault = fault
        self.is_over = self.fault is None


class World(AbstractAsyncContextManager["World"]):
    """While it is entered somebody looks at it; by then some time has passed."""

    def __init__(self) -> None:
        self.memory, self.sums, self.snapshots = Memory(), FakeSums(), FakeSnapshots()
        self.experiments = FakeExperiments(self.memory)
        designs = Designs(
            experiments=self.experiments,
            variants=FakeVariants(self.memory),
            metrics=FakeDefinitions(self.memory),
        )
        self.results = CountedResults(designs, self.sums, self.snapshots, lambda: NOON)
        self.results.worked_out, self.results.loaded, self.results.broken = [], [], set()
        self.pulses = FakePulses(self.memory, self.sums, self.snapshots)
        self.live = Live(self.pulses, self.experiments, self.results, seconds)
        self._running = AsyncExitStack()

    async def __aenter__(self) -> "World":
        await self._running.enter_async_context(beside(self.live.run))
        await asyncio.sleep(10)
        return self

    async def __aexit__(self, *fault: object) -> None:
        await self._running.aclose()

    def started(self, **changes: Any) -> Experiment:
        running = {"status": ExperimentStatus.ACTIVE, "started_at": NOON, "phase": 1}
        experiment = stored(self.memory, **(running | changes))
        phase = make_phase(weights={"a": 0.5, "b": 0.5}, opened_at=NOON)
        self.memory.phases[experiment.id] = [phase]
        return experiment

    def sees(self, experiment: Experiment, users: int) -> None:
        """In each variant, from now on."""
        self.sums.rows[experiment.id] = [
            RunningSums(
                experiment_id=experiment.id,
                variant_id=arm(self.memory, experiment, name).id,
                metric_id=OWN,
                phase=1,
                stripe=0,
                users=users,
                changes=users,
            )
            for name in "ab"
        ]

    def change(self, experiment: Experiment, **changes: Any) -> Experiment:
        """To its next version."""
        present = self.memory.experiments[experiment.id]
        changed = replace(present, **({"version": present.version + 1} | changes))
        self.memory.experiments[experiment.id] = changed
        return changed

    async def stats(
        self, experiment: Experiment, interval_ms: int = 1000
    ) -> Follower[ExperimentResults]:
        key = ExperimentKey(id=experiment.id)
        return Follower(await self.live.stats(HOME, key, interval_ms))

    async def edits(self, experiment: Experiment) -> Follower[Experiment]:
        return Follower(await self.live.edits(HOME, ExperimentKey(id=experiment.id)))


@asynccontextmanager
async def beside(*running: Callable[[], Any]) -> AsyncIterator[None]:
    """While they run."""
    tasks = [asyncio.create_task(each()) for each in running]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
