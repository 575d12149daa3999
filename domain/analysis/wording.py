"""Effects in plain words: "clicks are 4.2 % to 19.8 % higher"."""

import math
from collections.abc import Sequence

from domain.analysis.evidence import Bounds, MetricEvidence
from domain.metrics import EffectScale, MetricAggregation, MetricDefinition

_LARGEST_LOG = 25.0  # some ten digits of per cent; nobody reads more
_MOST_DECIMALS = 6
_POINTS = " percentage points"


def effect(evidence: MetricEvidence) -> str:
    """The metric is the subject; nothing but a name and a verb where there are no bounds."""
    metric, bounds = evidence.metric, evidence.bounds
    return f"{metric.name} {is_or_are(metric.name)} {_range(metric, bounds)}"


def _range(metric: MetricDefinition, bounds: Bounds | None) -> str:
    if bounds is None:
        return "not known yet"
    low, high = _shown(metric, bounds.lower), _shown(metric, bounds.upper)
    if bounds.lower > 0.0:
        return f"{low.removesuffix(_POINTS)} to {high} higher"
    if bounds.upper < 0.0:
        return f"{high.removesuffix(_POINTS)} to {low} lower"
    return f"between {low} lower and {high} higher"


def _shown(metric: MetricDefinition, effect: float) -> str:
    if _is_relative(metric):
        return f"{number(100 * math.expm1(min(effect, _LARGEST_LOG)))} %"
    return _difference(metric, effect)


def _is_relative(metric: MetricDefinition) -> bool:
    return metric.scale is EffectScale.RELATIVE


def _difference(metric: MetricDefinition, effect: float) -> str:
    if metric.aggregation is MetricAggregation.BINARY:
        return f"{number(100 * effect)}{_POINTS}"
    return number(effect)


def margin(metric: MetricDefinition, allowed: float) -> str:
    return f"{number(100 * allowed)} %" if _is_relative(metric) else _difference(metric, allowed)


def number(value: float) -> str:
    """One decimal, and at least two digits of small ones; the sign is said in words."""
    size = abs(value)
    if size == 0.0:
        return "0"
    decimals = 1 if size < 100.0 else 0
    if size < 1.0:
        decimals = min(_MOST_DECIMALS, 1 - math.floor(math.log10(size)))
    return f"{size:,.{decimals}f}"


def is_or_are(noun: str) -> str:
    return "are" if noun.endswith("s") and not noun.endswith("ss") else "is"


def listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
