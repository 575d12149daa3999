"""What became of each operation: counted, and told by one line of the log. What comes in an HTTP
request is told by the request's own line."""

import logging
from collections.abc import Collection
from time import perf_counter
from typing import Any

from strawberry.schema import BaseSchema
from strawberry.types.graphql import OperationType

from domain.access import Caller
from domain.rates import UNCHARGED
from graphql_api import footprint
from graphql_api.attendance import Attendance
from graphql_api.channel import Subscriber
from graphql_api.context import Context
from graphql_api.documents import Asked
from graphql_api.edge import Edge
from graphql_api.faults import FaultCode
from graphql_api.footprint import Footprint
from graphql_api.library import Named
from graphql_api.logs import request_id
from graphql_api.measures import INVALID, OTHER, Measures
from graphql_api.operations import Answer, Operations
from graphql_api.persisted import Persisted

logger = logging.getLogger("abgraph.requests")

OK, CANCELLED = "ok", "CANCELLED"
_UNKNOWN = "unknown"  # the kind of what could not be read


class ObservedOperations(Operations):
    """Operations whose end is counted."""

    def __init__(
        self,
        measures: Measures,
        schema: BaseSchema,
        edge: Edge,
        persisted: Persisted,
        *,
        is_open: bool,
    ) -> None:
        super().__init__(schema, edge, persisted, is_open=is_open)
        self._measures = measures

    async def run(
        self, asked: Asked, context: Context, allowed: Collection[OperationType]
    ) -> Answer:
        began, outcome = perf_counter(), CANCELLED
        taken = footprint.current.get()
        own = Footprint() if taken is None else None
        if own is not None:
            footprint.current.set(own)
        try:
            answer = await super().run(asked, context, allowed)
            outcome = outcome_of(answer.errors)
        except Exception:
            outcome = FaultCode.INTERNAL_SERVER_ERROR
            raise
        finally:
            seconds = perf_counter() - began
            self._note(asked, context, outcome, seconds, taken or own or Footprint())
            if own is not None:
                _log(own, seconds)
        return answer

    def _note(
        self, asked: Asked, context: Context, outcome: str, seconds: float, taken: Footprint
    ) -> None:
        named, measures = context.operation, self._measures
        taken.outcome = outcome
        if named is None:
            taken.operation = asked.operation_name
            measures.operations[INVALID, _UNKNOWN, outcome] += 1
            return
        kind = named.kind
        taken.operation = named.name
        name = measures.names.label(named.name, is_trusted=context.known is not None)
        measures.operations[name, kind, outcome] += 1
        measures.durations[name].note(seconds)
        if context.balance is not UNCHARGED:
            taken.cost = context.balance.charged
            measures.costs[kind].note(taken.cost)


class Audience:
    """All subscribers of a process."""

    def __init__(self, measures: Measures, edge: Edge) -> None:
        self._measures = measures
        self._library = edge.library
        self._present: set[Attendance] = set()
        self._pushed = 0

    def __len__(self) -> int:
        return len(self._present)

    @property
    def pushed(self) -> int:
        """Values, to those who have gone too."""
        return self._pushed + sum(each.values for each in self._present)

    def attend(self, asked: Asked, caller: Caller | None, subscriber: Subscriber) -> Attendance:
        taken = footprint.current.get()

        def end(attendance: Attendance) -> None:
            self._present.discard(attendance)
            self._pushed += attendance.values
            found = taken or Footprint()
            found.values, found.outcome = attendance.values, outcome_of(attendance.errors)
            self._note(asked, found, is_trusted=caller is not None)
            if taken is None:
                _log_of(attendance, found)

        attendance = Attendance(subscriber, end)
        self._present.add(attendance)
        return attendance

    def _note(self, asked: Asked, taken: Footprint, *, is_trusted: bool) -> None:
        outcome, entry = taken.outcome or OK, self._library.known(asked.query)
        if entry is None:
            taken.operation = asked.operation_name
            name = OTHER if outcome == OK else INVALID
        else:
            named: Named = entry.operation(asked.operation_name)
            taken.operation = named.name
            taken.cost = entry.weight(asked.operation_name).price(asked.variables or {})
            name = self._measures.names.label(named.name, is_trusted=is_trusted)
        self._measures.operations[name, OperationType.SUBSCRIPTION.value, outcome] += 1


def outcome_of(errors: list[dict[str, Any]]) -> str:
    """The code of the first fault. What a mutation refuses by its payload is answered all right."""
    return str(errors[0]["extensions"]["code"]) if errors else OK


def _log_of(attendance: Attendance, taken: Footprint) -> None:
    told = attendance.errors[0]["extensions"]["requestId"] if attendance.errors else None
    token = request_id.set(told or attendance.id)
    _log(taken, attendance.seconds)
    request_id.reset(token)


def _log(taken: Footprint, seconds: float) -> None:
    """Of an operation that came over a WebSocket."""
    logger.info("WS /graphql", extra=taken.fields(seconds))
