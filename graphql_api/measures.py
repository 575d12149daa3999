"""What one process has done since it began, in plain numbers: counting costs next to nothing."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import partial

_MOST_NAMES = 200
_LONGEST_NAME = 100
ANONYMOUS, INVALID, OTHER = "anonymous", "invalid", "other"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 10_000)
_COSTS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 20_000)


class Distribution:
    """How many values there were up to each bound, beyond the last one, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def note(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Names:
    """Of operations, of which clients may think up any number: the first ones are told apart."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def label(self, name: str | None, *, is_trusted: bool) -> str:
        """Who shows neither key nor session does not fill the list."""
        if name is None:
            return ANONYMOUS
        if name in self._known:
            return name
        is_full = len(self._known) >= _MOST_NAMES or len(name) > _LONGEST_NAME
        if is_full or not is_trusted:
            return OTHER
        self._known.add(name)
        return name


class Measures:
    def __init__(self) -> None:
        self.names = Names()
        self.operations: Counter[tuple[str, str, str]] = Counter()  # by name, kind and outcome
        self.durations = _by_label(_SECONDS)  # by name
        self.costs = _by_label(_COSTS)  # by kind
        self.batches = _by_label(_SIZES)  # by loader
        self.flushes = _by_label(_SIZES)  # by group
        self.flush_times = _by_label(_SECONDS)
        self.statements = Distribution(_SECONDS)
        self.answers: Counter[int] = Counter()  # by HTTP status

    def note_statement(self, _text: str, seconds: float) -> None:
        self.statements.note(seconds)

    def note_batch(self, loader: str, size: int) -> None:
        self.batches[loader].note(size)

    def note_flush(self, group: str, size: int, seconds: float) -> None:
        self.flushes[group].note(size)
        self.flush_times[group].note(seconds)

    def note_answer(self, status: int) -> None:
        self.answers[status] += 1


def _by_label(bounds: Sequence[float]) -> defaultdict[str, Distribution]:
    return defaultdict(partial(Distribution, bounds))
