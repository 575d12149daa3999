"""What trackers do: a user is assigned once and converts once, and whatever they report is kept.
All of it is batch-shaped: answers come in order, and one bad item spoils none of the others."""

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias, TypeVar
from uuid import UUID

from domain import targeting
from domain.assigning import AssignRequest, Explanation, bucket_of, decide, enrolled, sticky
from domain.assignments import Assigned, Assignment, AssignmentReason
from domain.errors import DomainError, Invalid, InvalidInput, Path
from domain.experiments import ExperimentKey
from domain.ids import ProjectId
from domain.json_values import Json
from domain.reporting import ConvertRequest, Recorded, Report, TrackRequest, require_reports
from domain.running import Running, RunningExperiments

MAX_BATCH = 500

Answer = TypeVar("Answer")
Outcome: TypeAlias = Answer | Exception
User: TypeAlias = tuple[UUID, str]


class TrackingLog(Protocol):
    """Answers item by item and in order, when what it answers is durable."""

    async def find(self, users: Sequence[User]) -> Sequence[Outcome[Assignment | None]]: ...

    async def enrol(self, assignments: Sequence[Assignment]) -> Sequence[Outcome[Assignment]]:
        """With what is stored: whoever was assigned before keeps that."""
        ...

    async def convert(self, reports: Sequence[Report]) -> Sequence[Outcome[Recorded]]:
        """NotAssigned for a user without an assignment."""
        ...

    async def track(self, reports: Sequence[Report]) -> Sequence[Outcome[Recorded]]:
        """NotAssigned for a user without an assignment."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Of a user who opens a page. `experiments` are those that the caller names, by the caller's
    words; without it all that run are meant."""

    user_id: str
    url: str | None = None
    experiments: Mapping[str, ExperimentKey] | None = None
    session_id: str | None = None
    context: Json | None = None

    def check(self) -> None:
        """Once for all, also where there is nothing to be assigned to."""
        self.of(ExperimentKey()).check()
        _check_size(self.experiments or (), ("experiments",))
        if self.url is not None:
            targeting.parse_page(self.url)

    def of(self, key: ExperimentKey) -> AssignRequest:
        return AssignRequest(
            key=key, user_id=self.user_id, session_id=self.session_id, context=self.context
        )


@dataclass(frozen=True, slots=True)
class _Decision:
    running: Running
    user_id: str
    what: Assigned | Assignment | AssignmentReason

    @property
    def user(self) -> User:
        return self.running.experiment.id, self.user_id


class Tracker:
    def __init__(
        self, running: RunningExperiments, log: TrackingLog, clock: Callable[[], datetime]
    ) -> None:
        self._running = running
        self._log = log
        self._clock = clock

    async def assign(
        self, project: ProjectId, requests: Sequence[AssignRequest]
    ) -> list[Outcome[Assigned]]:
        _check_size(requests)
        now = self._clock()
        return await self._settled([await self._decided(project, one, now) for one in requests])

    async def assign_all(
        self, project: ProjectId, request: PageRequest
    ) -> list[tuple[str, Outcome[Assigned]]]:
        """Each with its experiment's name; those named that are for other pages are left out."""
        request.check()
        now, named = self._clock(), await self._named(project, request)
        decisions = [await self._decided(project, request.of(key), now) for key in named.values()]
        here = [
            (name, decision)
            for name, decision in zip(named, decisions, strict=True)
            if isinstance(decision, Exception) or _is_for(decision.running, request.url)
        ]
        outcomes = await self._settled([decision for _, decision in here])
        return [(name, outcome) for (name, _), outcome in zip(here, outcomes, strict=True)]

    async def convert(
        self, project: ProjectId, requests: Sequence[ConvertRequest]
    ) -> list[Outcome[Recorded]]:
        return await self._recorded(project, requests, self._log.convert)

    async def track(
        self, project: ProjectId, requests: Sequence[TrackRequest]
    ) -> list[Outcome[Recorded]]:
        return await self._recorded(project, requests, self._log.track)

    async def explain(self, project: ProjectId, key: ExperimentKey, user_id: str) -> Explanation:
        """Enrols nobody."""
        request = AssignRequest(key=key, user_id=user_id)
        decision = await self._decided(project, request, self._clock())
        if isinstance(decision, Exception):
            raise decision
        running, assigned = decision.running, await self._foreseen(decision)
        place = bucket_of(running, user_id)
        return Explanation(running=running, assigned=assigned, bucket_value=place)

    async def _named(self, project: ProjectId, request: PageRequest) -> Mapping[str, ExperimentKey]:
        if request.experiments is not None:
            return request.experiments
        active = [running.experiment for running in await self._running.active(project)]
        return {each.name: ExperimentKey(id=each.id) for each in active}

    async def _decided(
        self, project: ProjectId, request: AssignRequest, now: datetime
    ) -> Outcome[_Decision]:
        try:
            request.check()
            running = await self._running.find(project, request.key)
            return _Decision(running, request.user_id, decide(running, request, now))
        except (DomainError, Invalid) as refusal:
            return refusal

    async def _settled(self, decisions: Sequence[Outcome[_Decision]]) -> list[Outcome[Assigned]]:
        open_ones = [each for each in decisions if isinstance(each, _Decision)]
        wanted = [each.what for each in open_ones if isinstance(each.what, Assignment)]
        asked = [each.user for each in open_ones if isinstance(each.what, AssignmentReason)]
        stored = iter(await self._log.enrol(wanted) if wanted else ())
        found = iter(await self._log.find(asked) if asked else ())
        return [
            each
            if isinstance(each, Exception)
            else await self._known(each, _outcome(each, stored, found))
            for each in decisions
        ]

    async def _known(self, decision: _Decision, outcome: Outcome[Assigned]) -> Outcome[Assigned]:
        """Somebody else may have assigned a variant that is younger than what we remember."""
        if isinstance(outcome, Exception) or not outcome.assignment or outcome.variant:
            return outcome
        experiment = decision.running.experiment
        self._running.forget(experiment)
        key = ExperimentKey(id=experiment.id)
        return sticky(await self._running.find(experiment.project_id, key), outcome.assignment)

    async def _foreseen(self, decision: _Decision) -> Assigned:
        if isinstance(decision.what, Assigned):
            return decision.what
        (held,) = await self._log.find([decision.user])
        if isinstance(held, Exception):
            raise held
        if held is not None:
            return sticky(decision.running, held)
        if isinstance(decision.what, AssignmentReason):
            return Assigned(reason=decision.what)
        variant = decision.running.variants[decision.what.variant_id]
        return Assigned(reason=AssignmentReason.NEW, variant=variant)

    async def _recorded(
        self,
        project: ProjectId,
        requests: Sequence[ConvertRequest] | Sequence[TrackRequest],
        write: Callable[[Sequence[Report]], Awaitable[Sequence[Outcome[Recorded]]]],
    ) -> list[Outcome[Recorded]]:
        _check_size(requests)
        now = self._clock()
        reports = [await self._reported(project, request, now) for request in requests]
        sound = [report for report in reports if isinstance(report, Report)]
        recorded = iter(await write(sound) if sound else ())
        return [next(recorded) if isinstance(each, Report) else each for each in reports]

    async def _reported(
        self, project: ProjectId, request: ConvertRequest | TrackRequest, now: datetime
    ) -> Outcome[Report]:
        try:
            request.check(now)
            running = await self._running.find(project, request.key)
            require_reports(running)
            return request.report(running, now)
        except (DomainError, Invalid) as refusal:
            return refusal


def _outcome(
    decision: _Decision,
    stored: Iterator[Outcome[Assignment]],
    found: Iterator[Outcome[Assignment | None]],
) -> Outcome[Assigned]:
    match decision.what:
        case Assigned() as settled:
            return settled
        case Assignment() as wanted:
            held = next(stored)
            if isinstance(held, Exception):
                return held
            if held.id != wanted.id:
                return sticky(decision.running, held)
            return enrolled(decision.running, held)
        case AssignmentReason() as reason:
            earlier = next(found)
            if isinstance(earlier, Exception):
                return earlier
            return Assigned(reason=reason) if earlier is None else sticky(decision.running, earlier)


def _is_for(running: Running, url: str | None) -> bool:
    if url is None:
        return True
    return targeting.matches(running.experiment.target_url, targeting.parse_page(url))


def _check_size(items: Collection[object], path: Path = ()) -> None:
    if len(items) > MAX_BATCH:
        raise InvalidInput(f"has {len(items)} entries: at most {MAX_BATCH} are allowed", path)
