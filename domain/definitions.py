"""Which metric definitions an experiment may have."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from domain.checks import Checks
from domain.errors import Path
from domain.ids import new_id
from domain.metrics import EffectScale, MetricDefinition, MetricRole, NewMetricDefinition

MAX_DEFINITIONS = 50
_MAX_WINDOW_HOURS = 24 * 366
_FINITE = 1e300


def check_definitions(checks: Checks, path: Path, metrics: Sequence[NewMetricDefinition]) -> None:
    if len(metrics) > MAX_DEFINITIONS:
        return checks.refuse(path, f"has {len(metrics)} entries: at most {MAX_DEFINITIONS}")
    primaries = sum(metric.role is MetricRole.PRIMARY for metric in metrics)
    if metrics and primaries != 1:
        checks.refuse(path, f"exactly one metric must be PRIMARY, {primaries} are")
    checks.unique(
        [(*path, place, "name") for place in range(len(metrics))],
        [metric.name for metric in metrics],
    )
    for place, metric in enumerate(metrics):
        _check_definition(checks, (*path, place), metric)
    return None


def _check_definition(checks: Checks, path: Path, metric: NewMetricDefinition) -> None:
    checks.name((*path, "name"), metric.name)
    checks.name((*path, "event_type"), metric.event_type)
    checks.number((*path, "cap_low"), metric.cap_low, -_FINITE, _FINITE)
    checks.number((*path, "cap_high"), metric.cap_high, -_FINITE, _FINITE)
    if metric.cap_low is not None and metric.cap_high is not None:
        checks.number((*path, "cap_low"), metric.cap_low, -_FINITE, metric.cap_high)
    checks.inside((*path, "window_hours"), metric.window_hours, 0, _MAX_WINDOW_HOURS)
    _check_margin(checks, (*path, "non_inferiority_margin"), metric)


def _check_margin(checks: Checks, path: Path, metric: NewMetricDefinition) -> None:
    if metric.non_inferiority_margin is None:
        return
    if metric.role is not MetricRole.GUARDRAIL:
        checks.refuse(path, "is for a GUARDRAIL only")
    highest = 1.0 if metric.scale is EffectScale.RELATIVE else math.inf
    checks.inside(path, metric.non_inferiority_margin, 0, highest)


def build_definitions(
    experiment: UUID, metrics: Sequence[NewMetricDefinition]
) -> list[MetricDefinition]:
    return [
        MetricDefinition(id=new_id(), experiment_id=experiment, position=place, **asdict(metric))
        for place, metric in enumerate(metrics)
    ]
