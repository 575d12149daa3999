"""draft → active ⇄ paused → completed; anything → archived. Each move says what it changes."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from domain import weights
from domain.changes import UNSET
from domain.checks import Checks
from domain.closing import Closing
from domain.design import MAX_ARMS, Design
from domain.errors import DomainError, ErrorCode, NotFound
from domain.experiments import Edit, Experiment, ExperimentChanges, ExperimentStatus
from domain.variants import VariantChanges

_ALLOWED: dict[ExperimentStatus, tuple[ExperimentStatus, ...]] = {
    ExperimentStatus.DRAFT: (ExperimentStatus.ACTIVE, ExperimentStatus.ARCHIVED),
    ExperimentStatus.ACTIVE: (
        ExperimentStatus.PAUSED,
        ExperimentStatus.COMPLETED,
        ExperimentStatus.ARCHIVED,
    ),
    ExperimentStatus.PAUSED: (
        ExperimentStatus.ACTIVE,
        ExperimentStatus.COMPLETED,
        ExperimentStatus.ARCHIVED,
    ),
    ExperimentStatus.COMPLETED: (ExperimentStatus.ARCHIVED,),
    ExperimentStatus.ARCHIVED: (),
}


class IllegalTransition(DomainError):
    code = ErrorCode.ILLEGAL_TRANSITION

    def __init__(
        self,
        experiment: Experiment,
        target: ExperimentStatus,
        hint: str | None = None,
    ) -> None:
        self.source = experiment.status
        self.target = target
        self.allowed = allowed_transitions(experiment.status)
        allowed = ", ".join(status.name for status in self.allowed) or "nothing"
        super().__init__(
            f"{experiment.name} is {self.source.name} and cannot become {target.name}: "
            + (hint or f"allowed is {allowed}"),
            ("experiment",),
        )


def allowed_transitions(status: ExperimentStatus) -> Sequence[ExperimentStatus]:
    return _ALLOWED[status]


def start(design: Design, now: datetime) -> Edit:
    experiment = design.experiment
    if experiment.status is ExperimentStatus.PAUSED:
        raise IllegalTransition(experiment, ExperimentStatus.ACTIVE, "resume it instead")
    _require(experiment, ExperimentStatus.ACTIVE)
    _check_ready(design)
    design, changed = _exact(design)
    changes = ExperimentChanges(
        status=ExperimentStatus.ACTIVE, started_at=now, phase=experiment.phase + 1
    )
    return Edit(changes=changes, changed=changed, phase=design.next_phase(now))


def pause(design: Design, now: datetime) -> Edit:
    return _move(design, ExperimentStatus.PAUSED)


def resume(design: Design, now: datetime) -> Edit:
    if design.is_draft:
        raise IllegalTransition(design.experiment, ExperimentStatus.ACTIVE, "start it instead")
    edit = _move(design, ExperimentStatus.ACTIVE)
    if not design.is_bandit:
        return edit
    phase = design.next_phase(now)  # a bandit that was not believed begins again
    return replace(edit, changes=replace(edit.changes, phase=phase.number), phase=phase)


def archive(design: Design, now: datetime) -> Edit:
    return _move(design, ExperimentStatus.ARCHIVED)


def complete(design: Design, winner: str | None, now: datetime) -> Edit:
    _require(design.experiment, ExperimentStatus.COMPLETED)
    if winner is not None and winner not in {variant.name for variant in design.variants}:
        raise NotFound(f"{design.experiment.name} has no variant {winner!r}", ("winner",))
    return Edit(
        changes=ExperimentChanges(
            status=ExperimentStatus.COMPLETED, completed_at=now, winner_variant=winner
        )
    )


def concluded(edit: Edit, closing: Closing) -> Edit:
    """A completion that names no winner has the one that the decision would ship, if any."""
    changes = edit.changes
    if changes.status is not ExperimentStatus.COMPLETED:
        return edit
    winner = changes.winner_variant if changes.winner_variant is not UNSET else None
    winner = closing.shipped if winner is None else winner
    return replace(
        edit,
        changes=replace(
            changes,
            winner_variant=winner,
            completed_at=closing.snapshot.taken_at,
            statistical_significance=closing.significance(winner),
        ),
    )


def _move(design: Design, target: ExperimentStatus) -> Edit:
    _require(design.experiment, target)
    return Edit(changes=ExperimentChanges(status=target))


def _require(experiment: Experiment, target: ExperimentStatus) -> None:
    if target not in allowed_transitions(experiment.status):
        raise IllegalTransition(experiment, target)


def _check_ready(design: Design) -> None:
    checks, place = Checks(), ("experiment",)
    active = design.active
    if len(active) < 2:
        checks.refuse(place, f"needs at least two active variants to start, it has {len(active)}")
    if design.is_bandit and len(active) > MAX_ARMS:
        checks.refuse(place, f"a bandit has at most {MAX_ARMS} active variants, not {len(active)}")
    controls = sum(variant.is_control for variant in active)
    if controls != 1:
        checks.refuse(place, f"exactly one active variant must be the control, {controls} are")
    shares = [variant.traffic_weight for variant in active]
    if not design.is_bandit and not weights.sum_to_one(shares):
        checks.refuse(
            place,
            f"the weights of the active variants must sum to 1, they sum to {sum(shares):.9g}",
        )
    checks.done()


def _exact(design: Design) -> tuple[Design, dict[UUID, VariantChanges]]:
    """From the start on, weights that were rounded by hand sum to 1 exactly."""
    shares = [variant.traffic_weight for variant in design.active]
    if abs(math.fsum(shares) - 1.0) < 1e-12:
        return design, {}
    exact = dict(
        zip([known.id for known in design.active], weights.scaled(shares, 1.0), strict=True)
    )
    variants = [
        replace(known, traffic_weight=exact.get(known.id, known.traffic_weight))
        for known in design.variants
    ]
    changed = {variant: VariantChanges(traffic_weight=weight) for variant, weight in exact.items()}
    return replace(design, variants=variants), changed
