"""What people make and change: an experiment together with its variants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.changes import shared
from domain.checks import Checks
from domain.errors import Path
from domain.experiments import RUNNING, AllocationMode, Experiment, ExperimentStatus, Phase
from domain.ids import new_id
from domain.variants import NewVariant, Variant

MAX_VARIANTS = 100
MAX_ARMS = 10  # of a bandit: the least share of each is then 0.05, which its estimates need
MAX_POSITION = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    experiment: Experiment
    variants: Sequence[Variant]

    @property
    def active(self) -> list[Variant]:
        return [variant for variant in self.variants if variant.is_active]

    @property
    def is_draft(self) -> bool:
        return self.experiment.status is ExperimentStatus.DRAFT

    @property
    def is_bandit(self) -> bool:
        return self.experiment.allocation is AllocationMode.THOMPSON

    @property
    def is_running(self) -> bool:
        return self.experiment.status in RUNNING

    def next_phase(
        self,
        now: datetime,
        *,
        weights: Mapping[str, float] | None = None,
        traffic_allocation: float | None = None,
    ) -> Phase:
        experiment = self.experiment
        return Phase(
            experiment_id=experiment.id,
            number=experiment.phase + 1,
            weights=dict(split(self.variants) if weights is None else weights),
            traffic_allocation=(
                experiment.traffic_allocation if traffic_allocation is None else traffic_allocation
            ),
            plug_ins={},
            opened_at=now,
        )


def split(variants: Sequence[Variant]) -> dict[str, float]:
    return {variant.name: variant.traffic_weight for variant in variants if variant.is_active}


def check_new_variants(checks: Checks, path: Path, variants: Sequence[NewVariant]) -> None:
    if len(variants) > MAX_VARIANTS:
        return checks.refuse(path, f"has {len(variants)} entries: at most {MAX_VARIANTS}")
    checks.unique(
        [(*path, place, "name") for place in range(len(variants))],
        [variant.name for variant in variants],
    )
    if sum(variant.is_control for variant in variants) > 1:
        checks.refuse(path, "at most one variant can be the control")
    for place, variant in enumerate(variants):
        check_variant(checks, (*path, place), variant)
    return None


def check_variant(checks: Checks, path: Path, variant: NewVariant | Variant) -> None:
    checks.name((*path, "name"), variant.name)
    checks.text((*path, "label"), variant.label)
    checks.text((*path, "description"), variant.description)
    checks.text((*path, "response_template"), variant.response_template)
    checks.text((*path, "system_prompt"), variant.system_prompt)
    checks.document((*path, "config_overrides"), variant.config_overrides)
    checks.document((*path, "content"), variant.content)
    checks.number((*path, "traffic_weight"), variant.traffic_weight, 0, 1)


def build_variant(
    new: NewVariant, *, experiment: UUID, weight: float, position: int, now: datetime
) -> Variant:
    defaults = {
        "id": new_id(),
        "experiment_id": experiment,
        "config_overrides": {} if new.config_overrides is None else new.config_overrides,
        "content": {} if new.content is None else new.content,
        "traffic_weight": weight,
        "is_active": True,
        "position": position,
        "impressions": 0,
        "conversions": 0,
        "conversion_rate": 0.0,
        "total_value": 0.0,
        "confidence_interval_lower": None,
        "confidence_interval_upper": None,
        "algorithm_state": None,
        "created_at": now,
        "updated_at": now,
    }
    return Variant(**(shared(new, Variant) | defaults))
