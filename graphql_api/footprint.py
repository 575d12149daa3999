"""What one request has taken so far, or one operation of a WebSocket: for its line in the log."""

from contextvars import ContextVar
from dataclasses import dataclass

_MAX_NAME = 200  # it is the caller's text, and may be of the size of a body


@dataclass(slots=True)
class Footprint:
    """`operation`: its name, where it has one. `cost`: None where nothing was priced."""

    operation: str | None = None
    cost: int | None = None
    statements: int = 0
    values: int | None = None  # of a subscription
    outcome: str | None = None

    def fields(self, seconds: float) -> dict[str, object]:
        """As they are logged."""
        found: dict[str, object] = {
            "duration_ms": round(seconds * 1000, 1),
            "statements": self.statements,
        }
        if self.operation is not None:
            found["operation"] = self.operation[:_MAX_NAME]
        if self.outcome is not None:
            found["outcome"] = self.outcome
        if self.cost is not None:
            found["cost"] = self.cost
        if self.values is not None:
            found["values"] = self.values
        return found


current: ContextVar[Footprint | None] = ContextVar("footprint", default=None)


def note_statement(_text: str, _seconds: float) -> None:
    """Of a task that works for nobody in particular, it is nobody's."""
    taken = current.get()
    if taken is not None:
        taken.statements += 1
