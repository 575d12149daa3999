"""How much somebody may ask for over time: a bucket of cost that fills again by itself."""

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from domain.access import Throttled

_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    per_second: int
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What is left of a bucket, and the seconds until it is full again."""

    limit: int
    remaining: int
    full_in: float
    charged: int = 0


UNCHARGED = Balance(limit=0, remaining=0, full_in=0.0)  # nothing has been worked out yet


class CostExhausted(Throttled):
    def __init__(self, cost: int, remaining: int, retry_after: int) -> None:
        super().__init__(
            f"this operation costs {cost}, and {remaining} are left: try again in {retry_after} s",
            retry_after,
        )


class Overdrawn(Throttled):
    def __init__(self, retry_after: int) -> None:
        super().__init__(
            f"what was refused has cost more than you had: try again in {retry_after} s",
            retry_after,
        )


class Buckets:
    """In this process; a bucket that nobody knows any more was full."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._used: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._used)

    def charge(self, whose: Hashable, rate: Rate, cost: int) -> Balance:
        """Raises CostExhausted, and then charges nothing."""
        used = self._level(whose, rate)
        if used + cost > rate.burst:
            missing = used + cost - rate.burst
            left = max(0, rate.burst - math.ceil(used))
            raise CostExhausted(cost, left, _wait(missing, rate))
        return self._take(whose, rate, used, cost)

    def fine(self, whose: Hashable, rate: Rate, cost: int) -> Balance:
        """Beyond what there is, too."""
        return self._take(whose, rate, self._level(whose, rate), cost)

    def check(self, whose: Hashable, rate: Rate) -> None:
        """Raises Overdrawn until what was taken beyond the bucket is given back."""
        missing = self._level(whose, rate) - rate.burst
        if missing > 0:
            raise Overdrawn(_wait(missing, rate))

    def left(self, whose: Hashable, rate: Rate) -> Balance:
        return _balance(rate, self._level(whose, rate), 0)

    def _take(self, whose: Hashable, rate: Rate, used: float, cost: int) -> Balance:
        self._used[whose] = (used + cost, self._seconds())
        self._used.move_to_end(whose)
        if len(self._used) > _REMEMBERED:
            self._used.popitem(last=False)
        return _balance(rate, used + cost, cost)

    def _level(self, whose: Hashable, rate: Rate) -> float:
        used, since = self._used.get(whose, (0.0, 0.0))
        return max(0.0, used - (self._seconds() - since) * rate.per_second) if used else 0.0


def _wait(missing: float, rate: Rate) -> int:
    return max(1, math.ceil(missing / rate.per_second))


def _balance(rate: Rate, used: float, charged: int) -> Balance:
    return Balance(
        limit=rate.burst,
        remaining=max(0, rate.burst - math.ceil(used)),
        full_in=used / rate.per_second,
        charged=charged,
    )
