"""Each subscriber, from its beginning until it ends or is left."""

from collections.abc import Callable
from time import perf_counter
from typing import Any
from uuid import uuid4

from graphql_api.channel import Subscriber
from graphql_api.logs import request_id
from graphql_api.payloads import Payload


class Attendance:
    """Passes on what its subscriber is told, and says once what became of it."""

    def __init__(
        self, subscriber: Subscriber, on_end: Callable[["Attendance"], object] = lambda _: None
    ) -> None:
        self._subscriber = subscriber
        self._on_end = on_end
        self._began = perf_counter()
        self._is_over = False
        self.id = request_id.get() or uuid4().hex
        self.values = 0
        self.errors: list[dict[str, Any]] = []

    @property
    def seconds(self) -> float:
        return perf_counter() - self._began

    def next(self, payload: Payload, tail: bytes = b"") -> None:
        self.values += 1
        self._subscriber.next(payload, tail)

    def error(self, errors: list[dict[str, Any]]) -> None:
        self.errors = errors
        self._subscriber.error(errors)
        self.leave()

    def complete(self) -> None:
        self._subscriber.complete()
        self.leave()

    def leave(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._on_end(self)
