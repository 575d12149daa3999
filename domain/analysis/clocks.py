"""What a bandit's always-valid inference counts in place of users: information, by a rate that is
stored once for each place, at the first look where its gate is open, and never taken again."""

from collections.abc import Mapping
from typing import Any, TypeAlias
from uuid import UUID

from domain.analysis.fixed_look import Place
from domain.metrics import EffectScale

Clocks: TypeAlias = Mapping[Place, float]


def to_json(clocks: Clocks) -> dict[str, Any]:
    return {"/".join(map(str, place)): rate for place, rate in clocks.items()}


def from_json(stored: Mapping[str, Any]) -> Clocks:
    return {_place(*key.split("/")): float(rate) for key, rate in stored.items()}


def _place(metric: str, variant: str, scale: str) -> Place:
    return UUID(metric), UUID(variant), EffectScale(scale)
