"""All subscriptions of a process: who asks the same, and may see the same, is in one channel."""

import asyncio
import json
from collections.abc import Callable, Hashable
from contextvars import Context as Variables

from domain.access import Caller
from domain.errors import Unavailable
from graphql_api.attendance import Attendance
from graphql_api.bounds import Bounds
from graphql_api.channel import Channel, Subscriber
from graphql_api.context import Context
from graphql_api.documents import Asked
from graphql_api.faults import FaultCode, fault
from graphql_api.operations import Operations
from graphql_api.payloads import Outdated

Attend = Callable[[Asked, Caller | None, Subscriber], Attendance]


class Channels:
    def __init__(
        self,
        operations: Operations,
        make_context: Callable[[Caller | None, str], Context],
        seconds: Callable[[], float],
        bounds: Bounds,
        outdated: Outdated,
        attend: Attend = lambda _asked, _caller, subscriber: Attendance(subscriber),
    ) -> None:
        self._operations = operations
        self._make_context = make_context
        self._seconds = seconds
        self._bounds = bounds
        self._outdated = outdated
        self._attend = attend
        self._open: dict[Hashable, tuple[Channel, asyncio.Task[None]]] = {}
        self._is_interrupted = False

    def __len__(self) -> int:
        return len(self._open)

    def join(
        self, asked: Asked, caller: Caller | None, address: str, subscriber: Subscriber
    ) -> Callable[[], None]:
        """What it returns leaves again."""
        key, attendance = _key(asked, caller), self._attend(asked, caller, subscriber)
        if key not in self._open or self._open[key][0].is_over:
            if len(self._open) >= self._bounds.max_subscriptions:
                message = f"{len(self._open)} different subscriptions are open: try again later"
                attendance.error([fault(FaultCode.RATE_LIMITED, message)])
                return lambda: None
            self._begin(key, asked, self._make_context(caller, address))
        channel, _ = self._open[key]
        payer = self._make_context(caller, address) if asked.shows_cost else None
        channel.join(attendance, payer)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(
            self._bounds.first_value_time, self._give_up, key, channel, attendance
        )

        def leave() -> None:
            timer.cancel()
            self._leave(key, channel, attendance)

        return leave

    def interrupt(self) -> None:
        """Their streams are about to end, though there is more to come somewhere else."""
        self._is_interrupted = True
        for channel, _ in self._open.values():
            channel.is_interrupted = True

    async def finish(self, patience: float) -> None:
        """Once their streams have ended: until everybody has been told the last value."""
        if tasks := [task for _, task in self._open.values()]:
            await asyncio.wait(tasks, timeout=patience)

    def _begin(self, key: Hashable, asked: Asked, context: Context) -> None:
        channel = Channel(self._operations, asked, context, self._seconds, self._outdated)
        channel.is_interrupted = self._is_interrupted
        task = asyncio.create_task(channel.run(), context=Variables())  # nobody's own work
        task.add_done_callback(lambda _: self._forget(key, channel))
        self._open[key] = channel, task

    def _give_up(self, key: Hashable, channel: Channel, attendance: Attendance) -> None:
        """On a first value that does not come: the database is away."""
        if channel.is_awaited_by(attendance):
            attendance.error([fault(FaultCode.UNAVAILABLE, str(Unavailable()))])
            self._leave(key, channel, attendance)

    def _leave(self, key: Hashable, channel: Channel, attendance: Attendance) -> None:
        channel.leave(attendance)
        attendance.leave()
        found, task = self._open.get(key, (None, None))
        if found is channel and channel.is_empty and task is not None:
            self._forget(key, channel)
            task.cancel()

    def _forget(self, key: Hashable, channel: Channel) -> None:
        if self._open.get(key, (None,))[0] is channel:
            del self._open[key]


def _key(asked: Asked, caller: Caller | None) -> Hashable:
    access = None if caller is None else (caller.project, caller.scopes)
    return asked.query, asked.operation_name, json.dumps(asked.variables, sort_keys=True), access
