"""An experiment that is stored already, and what is asked of it."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any
from uuid import UUID

from domain.authoring import Target
from domain.errors import DomainError, Invalid
from domain.experiments import Experiment, ExperimentKey
from domain.ids import NIL, ProjectId
from domain.variants import Variant
from tests.factories import NOON, make_caller, make_experiment, make_variant
from tests.fakes import Memory

HOME = ProjectId(NIL)
ELSEWHERE = ProjectId(UUID(int=1))
US, THEM = make_caller(HOME), make_caller(ELSEWHERE)
LATER = NOON + timedelta(hours=1)


def stored(memory: Memory, **changes: Any) -> Experiment:
    """With the control a and with b, at half of the traffic each."""
    experiment = make_experiment(**({"name": "checkout"} | changes))
    variants = [
        make_variant(name=name, experiment_id=experiment.id, is_control=name == "a", position=place)
        for place, name in enumerate(("a", "b"))
    ]
    memory.put(experiment, variants)
    return experiment


def arm(memory: Memory, experiment: Experiment, name: str) -> Variant:
    return next(one for one in memory.of(experiment.id) if one.name == name)


def at(experiment: Experiment, version: int | None = None) -> Target:
    return Target(key=ExperimentKey(id=experiment.id), expected_version=version)


async def outcome(asked: Awaitable[object]) -> object:
    try:
        return await asked
    except (DomainError, Invalid) as refusal:
        return refusal
