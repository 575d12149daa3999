"""How the traffic is shared among variants, as weights that sum to 1 while users arrive."""

import math
from collections.abc import Sequence

TOLERANCE = 3e-4  # three thirds may be written as 0.3333


def filled(weights: Sequence[float | None], taken: float = 0.0) -> list[float]:
    """Those left open share equally what the others have left over."""
    left = max(0.0, 1.0 - taken - math.fsum(weight for weight in weights if weight is not None))
    open_ones = sum(weight is None for weight in weights)
    return [left / open_ones if weight is None else weight for weight in weights]


def with_newcomers(
    present: Sequence[float], new: Sequence[float | None]
) -> tuple[list[float], list[float]]:
    """In a draft: where nothing is left over for those left open, the others make room for them,
    so that variants added one by one end with equal shares."""
    given = math.fsum(weight for weight in new if weight is not None)
    open_ones = sum(weight is None for weight in new)
    if not open_ones or math.fsum(present) + given < 1.0 - TOLERANCE:
        return list(present), filled(new, math.fsum(present))
    share = min(1.0 / (len(present) + len(new)), max(0.0, 1.0 - given) / open_ones)
    room = max(0.0, 1.0 - given - share * open_ones)
    return scaled(present, room), [share if weight is None else weight for weight in new]


def scaled(weights: Sequence[float], total: float) -> list[float]:
    """In the same proportions, summing to total; equal shares where there is no proportion."""
    present = math.fsum(weights)
    if present <= 0.0:
        return [total / len(weights) for _ in weights]
    return [weight * total / present for weight in weights]


def sum_to_one(weights: Sequence[float]) -> bool:
    return abs(math.fsum(weights) - 1.0) <= TOLERANCE
