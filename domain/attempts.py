"""How often somebody may try to log in, counted by address and by account, in this process."""

from collections import OrderedDict
from collections.abc import Callable

from domain.access import TooManyAttempts

ALLOWED = 10
PERIOD = 300.0
_REMEMBERED = 10_000
_LONGEST = 300  # characters of a name; callers choose it


class Attempts:
    """Each name has a bucket of ALLOWED attempts that fills again within PERIOD."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._used: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def note(self, *names: str) -> None:
        """Raises TooManyAttempts, and then counts none of them."""
        now = self._seconds()
        names = tuple(name[:_LONGEST] for name in names)
        levels = {name: self._level(name, now) + 1 for name in names}
        if (highest := max(levels.values())) > ALLOWED:
            raise TooManyAttempts(round((highest - ALLOWED) * PERIOD / ALLOWED) + 1)
        for name, level in levels.items():
            self._used[name] = (level, now)
            self._used.move_to_end(name)
        while len(self._used) > _REMEMBERED:
            self._used.popitem(last=False)

    def forget(self, name: str) -> None:
        self._used.pop(name[:_LONGEST], None)

    def _level(self, name: str, now: float) -> float:
        level, since = self._used.get(name, (0.0, now))
        return max(0.0, level - (now - since) * ALLOWED / PERIOD)
