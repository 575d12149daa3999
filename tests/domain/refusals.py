from collections.abc import Callable

from domain.errors import Invalid, Path

Fault = tuple[Path, str]


def faults(decide: Callable[[], object]) -> list[Fault]:
    """All that is refused, each at its place; nothing where the decision stands."""
    try:
        decide()
    except Invalid as invalid:
        return [(refusal.path, refusal.message) for refusal in invalid.refusals]
    return []
