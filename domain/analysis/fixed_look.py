"""The one look that a fixed horizon allows: taken when every compared arm has its planned sample
and the windows of those users have closed, kept as it was, and never taken again."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from domain.analysis.intervals import Interval
from domain.analysis.results import Inference
from domain.metrics import EffectScale, MetricDefinition

Place: TypeAlias = tuple[UUID, UUID, EffectScale]  # metric, variant, scale


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedInference:
    """None where the metric had too few observations at that look."""

    metric_id: UUID
    variant_id: UUID
    scale: EffectScale
    inference: Inference | None

    @property
    def place(self) -> Place:
        return self.metric_id, self.variant_id, self.scale


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedLook:
    """From `reached_at` on it waits for the windows to close."""

    reached_at: datetime
    taken_at: datetime | None = None
    inferences: Sequence[FixedInference] = ()

    def is_due(self, definitions: Sequence[MetricDefinition], now: datetime) -> bool:
        hours = max((definition.window_hours or 0.0 for definition in definitions), default=0.0)
        return self.taken_at is None and now >= self.reached_at + timedelta(hours=hours)

    def taken(self, inferences: Sequence[FixedInference], now: datetime) -> "FixedLook":
        return replace(self, taken_at=now, inferences=tuple(inferences))

    def seen_at(self, now: datetime) -> Mapping[Place, Inference | None]:
        if self.taken_at is None or now < self.taken_at:
            return {}
        return {held.place: held.inference for held in self.inferences}


def to_json(look: FixedLook) -> dict[str, Any]:
    return {
        "reached_at": look.reached_at.isoformat(),
        "taken_at": None if look.taken_at is None else look.taken_at.isoformat(),
        "inferences": [
            asdict(held) | {"metric_id": str(held.metric_id), "variant_id": str(held.variant_id)}
            for held in look.inferences
        ],
    }


def from_json(stored: Mapping[str, Any]) -> FixedLook:
    taken_at = stored["taken_at"]
    return FixedLook(
        reached_at=datetime.fromisoformat(stored["reached_at"]),
        taken_at=None if taken_at is None else datetime.fromisoformat(taken_at),
        inferences=tuple(_inference_of_arm(held) for held in stored["inferences"]),
    )


def _inference_of_arm(stored: Mapping[str, Any]) -> FixedInference:
    inference = stored["inference"]
    return FixedInference(
        metric_id=UUID(stored["metric_id"]),
        variant_id=UUID(stored["variant_id"]),
        scale=EffectScale(stored["scale"]),
        inference=inference and _inference(inference),
    )


def _inference(stored: Mapping[str, Any]) -> Inference:
    return Inference(**{**stored, "interval": Interval(**stored["interval"])})
