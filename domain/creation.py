"""How an experiment comes into being: as a draft, with its variants and metric definitions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain import weights
from domain.changes import shared
from domain.checks import MAX_NAME, Checks
from domain.definitions import build_definitions, check_definitions
from domain.design import Design, build_variant, check_new_variants, split
from domain.experiments import (
    AllocationMode,
    Correction,
    Experiment,
    ExperimentStatus,
    HashAlgorithm,
)
from domain.ids import ProjectId, new_id
from domain.json_values import Json
from domain.metrics import MetricDefinition, NewMetricDefinition
from domain.variants import NewVariant, Variant

MAX_SAMPLE_SIZE = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExperiment:
    name: str
    description: str | None = None
    hypothesis: str | None = None
    target_bot: str | None = None
    target_url: str | None = None
    metric_type: str = "conversion"
    minimum_sample_size: int = 1000
    alpha: float = 0.05
    power: float = 0.8
    correction: Correction = Correction.HOLM
    allocation: AllocationMode = AllocationMode.FIXED
    hash_algorithm: HashAlgorithm = HashAlgorithm.GROWTHBOOK_V2
    hash_seed: str | None = None
    traffic_allocation: float = 1.0
    metadata: Json | None = None
    metrics: Sequence[NewMetricDefinition] = ()
    variants: Sequence[NewVariant] = ()


def check_new(new: NewExperiment) -> None:
    checks = Checks()
    check_fields(checks, new)
    checks.inside(("alpha",), new.alpha, 0, 1)
    checks.inside(("power",), new.power, 0, 1)
    if new.hash_seed is not None:
        checks.name(("hash_seed",), new.hash_seed)
    check_definitions(checks, ("metrics",), new.metrics)
    check_new_variants(checks, ("variants",), new.variants)
    checks.done()


def check_fields(checks: Checks, experiment: NewExperiment | Experiment) -> None:
    """Those that may be changed later, too."""
    checks.name(("name",), experiment.name)
    checks.text(("description",), experiment.description)
    checks.text(("hypothesis",), experiment.hypothesis)
    checks.text(("target_bot",), experiment.target_bot, MAX_NAME)  # an index holds it
    if experiment.target_url is not None:
        checks.name(("target_url",), experiment.target_url, limit=2000)
    checks.name(("metric_type",), experiment.metric_type)
    checks.number(("minimum_sample_size",), experiment.minimum_sample_size, 1, MAX_SAMPLE_SIZE)
    checks.number(("traffic_allocation",), experiment.traffic_allocation, 0, 1)
    checks.document(("metadata",), experiment.metadata)


def build_experiment(
    project: ProjectId, new: NewExperiment, now: datetime
) -> tuple[Design, list[MetricDefinition]]:
    experiment_id = new_id()
    variants = _build_variants(experiment_id, new.variants, now)
    defaults = {
        "id": experiment_id,
        "project_id": project,
        "status": ExperimentStatus.DRAFT,
        "hash_seed": new.name if new.hash_seed is None else new.hash_seed,
        "default_traffic_split": split(variants),
        "metadata": {} if new.metadata is None else new.metadata,
        "winner_variant": None,
        "statistical_significance": None,
        "phase": 0,
        "events_pruned_before": None,
        "created_by": None,
        "started_at": None,
        "completed_at": None,
        "created_at": now,
        "updated_at": now,
        "version": 1,
    }
    experiment = Experiment(**(shared(new, Experiment) | defaults))
    definitions = build_definitions(experiment_id, new.metrics)
    return Design(experiment=experiment, variants=variants), definitions


def _build_variants(experiment: UUID, new: Sequence[NewVariant], now: datetime) -> list[Variant]:
    shares = weights.filled([variant.traffic_weight for variant in new])
    return [
        build_variant(variant, experiment=experiment, weight=share, position=position, now=now)
        for position, (variant, share) in enumerate(zip(new, shares, strict=True))
    ]
