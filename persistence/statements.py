"""Who wants to hear of every statement that is run, hears its text and how long it took."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from sqlalchemy import Engine, event

Listener = Callable[[str, float], None]


class Statements:
    """Listeners are called by the task that has run the statement. What begins and ends a
    transaction is none."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()

    def listen(self, *listeners: Listener) -> None:
        self._listeners += listeners

    def note(self, text: str, began: float) -> None:
        seconds = perf_counter() - began
        for listener in self._listeners:
            listener(text, seconds)

    def follow(self, engine: Engine) -> None:
        """Those that Core runs by itself."""
        event.listen(engine, "before_cursor_execute", _begin)
        event.listen(engine, "after_cursor_execute", self._end)

    def _end(self, _c: object, _d: object, text: str, _p: object, context: Any, _m: bool) -> None:
        self.note(text, context.began)


def _begin(_c: object, _d: object, _text: str, _p: object, context: Any, _m: bool) -> None:
    context.began = perf_counter()
