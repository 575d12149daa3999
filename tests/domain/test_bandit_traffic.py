"""Who takes part in a bandit does not hang on the weights, and how they share does not hang on who
takes part."""

import pytest

from domain.assigning import AssignRequest, decide
from domain.assignments import Assignment, AssignmentReason
from domain.experiments import AllocationMode, ExperimentKey, ExperimentStatus
from tests.domain.street import Street
from tests.factories import NOON, make_design

USERS = [f"user-{number}" for number in range(4000)]


async def assigned(street: Street, weights: dict[str, float], coverage: float) -> dict[str, str]:
    """Of those who take part, their variants."""
    design = make_design(
        ExperimentStatus.ACTIVE,
        weights,
        allocation=AllocationMode.THOMPSON,
        traffic_allocation=coverage,
        hash_seed="checkout",
    )
    street.memory.put(design.experiment, design.variants)
    running = await street.find()
    names = {variant.id: variant.name for variant in design.variants}
    found = {}
    for user in USERS:
        request = AssignRequest(key=ExperimentKey(name="checkout"), user_id=user)
        what = decide(running, request, NOON)
        if isinstance(what, Assignment):
            assert what.propensity == weights[names[what.variant_id]]
            found[user] = names[what.variant_id]
        else:
            assert what is AssignmentReason.NOT_IN_TRAFFIC
    return found


async def test_those_who_take_part_are_the_same_whatever_the_weights(street: Street) -> None:
    even = await assigned(street, {"a": 0.5, "b": 0.5}, 0.5)
    moved = await assigned(Street(), {"a": 0.05, "b": 0.95}, 0.5)

    assert even.keys() == moved.keys()
    assert len(even) == pytest.approx(2000, abs=150)


async def test_more_traffic_only_adds_users(street: Street) -> None:
    few = await assigned(street, {"a": 0.3, "b": 0.7}, 0.2)
    many = await assigned(Street(), {"a": 0.3, "b": 0.7}, 0.6)

    assert few.items() <= many.items()


async def test_newcomers_meet_the_weights_whoever_came_before(street: Street) -> None:
    first = await assigned(street, {"a": 0.5, "b": 0.5}, 0.5)
    later = await assigned(Street(), {"a": 0.2, "b": 0.8}, 1.0)

    newcomers = [variant for user, variant in later.items() if user not in first]
    assert newcomers.count("b") / len(newcomers) == pytest.approx(0.8, abs=0.03)
