"""What may be changed in an experiment depends on how far it is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from domain.changes import UNSET, Unset, difference, given, same
from domain.checks import Checks
from domain.creation import check_fields
from domain.definitions import build_definitions, check_definitions
from domain.design import Design
from domain.experiments import Edit, Experiment, ExperimentChanges, ExperimentStatus, Phase
from domain.json_values import Json
from domain.metrics import NewMetricDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentUpdate:
    name: str | Unset | None = UNSET
    description: str | Unset | None = UNSET
    hypothesis: str | Unset | None = UNSET
    target_bot: str | Unset | None = UNSET
    target_url: str | Unset | None = UNSET
    metric_type: str | Unset | None = UNSET
    minimum_sample_size: int | Unset | None = UNSET
    traffic_allocation: float | Unset | None = UNSET
    metadata: Json | Unset | None = UNSET
    metrics: Sequence[NewMetricDefinition] | Unset | None = UNSET


_REQUIRED = frozenset({"name", "metric_type", "minimum_sample_size", "traffic_allocation"})
_NOTES = frozenset({"description", "hypothesis", "metadata"})
_WHILE_RUNNING = _NOTES | {"target_bot", "target_url", "traffic_allocation"}
EDITABLE: Mapping[ExperimentStatus, Collection[str]] = {
    ExperimentStatus.DRAFT: frozenset(field.name for field in fields(ExperimentUpdate)),
    ExperimentStatus.ACTIVE: _WHILE_RUNNING,
    ExperimentStatus.PAUSED: _WHILE_RUNNING,
    ExperimentStatus.COMPLETED: _NOTES,
    ExperimentStatus.ARCHIVED: frozenset(),
}


def update(design: Design, wanted: ExperimentUpdate, now: datetime) -> Edit:
    experiment = design.experiment
    values = given(wanted)
    _check(experiment, values)
    metrics = values.pop("metrics", UNSET)
    if values.get("metadata", {}) is None:
        values["metadata"] = {}
    after = replace(experiment, **values)
    if experiment.hash_seed == experiment.name:
        after = replace(after, hash_seed=after.name)
    phase = _phase(design, after, now)
    if phase is not None:
        after = replace(after, phase=phase.number)
    return Edit(
        changes=difference(ExperimentChanges, experiment, after),
        definitions=(
            UNSET if metrics is UNSET else build_definitions(experiment.id, metrics or ())
        ),
        phase=phase,
    )


def _check(experiment: Experiment, values: Mapping[str, Any]) -> None:
    new = {k: v for k, v in values.items() if not same(getattr(experiment, k, UNSET), v)}
    checks = Checks(only=new)
    usable: dict[str, Any] = {}
    for name, value in new.items():
        if name not in EDITABLE[experiment.status]:
            checks.refuse((name,), f"cannot be changed: the experiment is {experiment.status.name}")
        elif value is None and name in _REQUIRED:
            checks.refuse((name,), "must not be null")
        else:
            usable[name] = value
    _check_values(checks, experiment, usable)
    checks.done()


def _check_values(checks: Checks, experiment: Experiment, values: Mapping[str, Any]) -> None:
    """Of what is new alone: what is kept was right by the rules of its day."""
    check_fields(checks, replace(experiment, **{k: v for k, v in values.items() if k != "metrics"}))
    check_definitions(checks, ("metrics",), values.get("metrics") or ())


def _phase(design: Design, after: Experiment, now: datetime) -> Phase | None:
    if after.traffic_allocation == design.experiment.traffic_allocation or not design.is_running:
        return None
    return design.next_phase(now, traffic_allocation=after.traffic_allocation)
