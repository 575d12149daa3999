"""Where harm begins: on the scale of the effect, turned so that more is better."""

import math

from domain.metrics import EffectScale, MetricDirection


def direction_sign(direction: MetricDirection) -> int:
    return 1 if direction is MetricDirection.INCREASE else -1


def harm_bound(scale: EffectScale, direction: MetricDirection, margin: float | None) -> float:
    """At most 0, which is where it lies without a margin."""
    if margin is None:
        return 0.0
    if scale is EffectScale.ABSOLUTE:
        return -margin
    return math.log1p(-margin) if direction is MetricDirection.INCREASE else -math.log1p(margin)
