"""What trackers write, in groups that share a transaction. Callers are answered after COMMIT; who
lost to somebody else is told what is stored, which takes a new statement to see."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

from domain.assignments import Assignment, NotAssigned
from domain.errors import NotFound
from domain.metrics import Metric
from domain.reporting import Recorded, Report
from domain.sums import enrolled
from domain.tracking import Outcome, User
from persistence import assignments, metrics, sums
from persistence.compiled import Transaction
from persistence.conflicts import translated
from persistence.engine import Database
from persistence.groups import Group
from persistence.recording import Written, record

_Event = tuple[UUID, str, str]


def _unheard(_group: str, _size: int, _seconds: float) -> None:
    pass


class Ingest:
    """`listeners` hear of the experiments whose sums may have changed, `on_flush` of each group
    that was written: its name, its size and how many seconds it took."""

    def __init__(
        self,
        database: Database,
        *listeners: Callable[[Collection[UUID]], None],
        on_flush: Callable[[str, int, float], None] = _unheard,
    ) -> None:
        self._database = database
        self._listeners = listeners
        self._questions = Group(self._find, on_flush=partial(on_flush, "questions"))
        self._enrolments = Group(self._enrol, on_flush=partial(on_flush, "enrolments"))
        self._conversions = Group(self._record, on_flush=partial(on_flush, "conversions"))
        self._events = Group(self._record, on_flush=partial(on_flush, "events"))

    async def find(self, users: Sequence[User]) -> Sequence[Outcome[Assignment | None]]:
        return await self._questions.submit(users)

    async def enrol(self, wanted: Sequence[Assignment]) -> Sequence[Outcome[Assignment]]:
        return await self._enrolments.submit(wanted)

    async def convert(self, reports: Sequence[Report]) -> Sequence[Outcome[Recorded]]:
        return await self._conversions.submit(reports)

    async def track(self, reports: Sequence[Report]) -> Sequence[Outcome[Recorded]]:
        return await self._events.submit(reports)

    def waiting(self) -> Mapping[str, int]:
        """How long the queue of each group is."""
        return {
            "questions": self._questions.waiting,
            "enrolments": self._enrolments.waiting,
            "conversions": self._conversions.waiting,
            "events": self._events.waiting,
        }

    async def drain(self) -> None:
        for group in (self._questions, self._enrolments, self._conversions, self._events):
            await group.drain()

    def _notice(self, experiments: Collection[UUID]) -> None:
        for listener in self._listeners:
            listener(experiments)

    async def _find(self, users: Sequence[User]) -> list[Outcome[Assignment | None]]:
        held = await assignments.held_by(self._database, set(users))
        return [held.get(user) for user in users]

    async def _enrol(self, wanted: Sequence[Assignment]) -> list[Outcome[Assignment]]:
        first = {_user(each): each for each in reversed(wanted)}
        with translated():
            new = await self._database.written(lambda at: _enrolled(at, list(first.values())))
        self._notice({experiment for experiment, _ in first})
        held = {user: first[user] for user in new}
        if lost := first.keys() - held.keys():
            held |= await assignments.held_by(self._database, lost)
        return [held.get(_user(each)) or _gone() for each in wanted]

    async def _record(self, reports: Sequence[Report]) -> list[Outcome[Recorded]]:
        first = {each.event or each.id: each for each in reversed(reports)}
        with translated():
            written = await self._database.written(lambda at: record(at, list(first.values())))
        self._notice({experiment for experiment, _ in written.held})
        stored = await self._stored(written, first.values())
        return [_recorded(each, written, stored) for each in reports]

    async def _stored(
        self, written: Written, reports: Collection[Report]
    ) -> Mapping[_Event, Recorded]:
        """By now, of each event that has an id of its own."""
        events = {each.event: each for each in reports if each.event and each.user in written.held}
        lost = {event: each.user for event, each in events.items() if each.id not in written.new}
        found = {event: written.new[each.id] for event, each in events.items() if event not in lost}
        if lost:
            known = await metrics.known_as(self._database, lost.keys())
            held = await assignments.held_by(self._database, set(lost.values()))
            found |= _found(known, held)
        return found


async def _enrolled(transaction: Transaction, wanted: Sequence[Assignment]) -> Collection[User]:
    """Those that are new."""
    new = await assignments.enrol(transaction, wanted)
    mine = [each for each in wanted if each.id in new]
    if mine:
        await sums.grow_sums(transaction, enrolled(mine))
    return {_user(each) for each in mine}


def _user(assignment: Assignment) -> User:
    return assignment.experiment_id, assignment.user_id


def _gone() -> NotFound:
    return NotFound("the experiment was removed meanwhile", ("experiment",))


def _found(
    known: Mapping[_Event, Metric], held: Mapping[User, Assignment]
) -> Iterator[tuple[_Event, Recorded]]:
    for event, metric in known.items():
        if user := held.get(event[:2]):
            yield event, Recorded(metric=metric, assignment=user, is_new=False)


def _recorded(
    report: Report, written: Written, stored: Mapping[_Event, Recorded]
) -> Outcome[Recorded]:
    user = written.held.get(report.user)
    if user is None:
        return NotAssigned()
    if report.event is None:  # nobody else has its id: it is stored, if by the first of two tries
        return Recorded(metric=report.of(user), assignment=user, is_new=True)
    found = stored.get(report.event)
    if found is None:
        return _gone()
    return replace(found, is_new=found.metric.id == report.id)
