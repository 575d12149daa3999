"""What a bandit knows of its arms. It is stored sealed, and believed only where all of it opens, is
of this phase and says what the variants say."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain.analysis.sums import Sums
from domain.changes import given
from domain.design import Design, split
from domain.experiments import Edit, Experiment, ExperimentChanges, ExperimentStatus, Phase
from domain.sealing import Box, SealFault, Unsealable
from domain.variants import Variant, VariantChanges


class BanditFault(StrEnum):
    """The gravest first."""

    UNKNOWN_KEY = "unknown_key"
    TAMPERED = "tampered"
    MISSING = "missing"
    MISMATCHED = "mismatched"
    STALE = "stale"


_OF_SEAL = {
    SealFault.UNKNOWN_KEY: BanditFault.UNKNOWN_KEY,
    SealFault.TAMPERED: BanditFault.TAMPERED,
}


class Unbelievable(Exception):
    def __init__(self, fault: BanditFault, variant: str) -> None:
        super().__init__(f"the state of {variant} is {fault.value.replace('_', ' ')}")
        self.fault = fault


class Outrun(Exception):
    """The states are younger than the experiment: it has to be read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Of users whose window has closed: those who were assigned until then."""

    until: datetime
    sums: Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmState:
    """alpha and beta are those of a rate's posterior; of a mean they are its estimate and the
    variance of that. The phase that it is of is its `revision`."""

    alpha: float
    beta: float
    probability_best: float
    weight: float
    revision: int
    updated_at: datetime
    counted: Counted | None = None


class Beliefs:
    def __init__(self, box: Box) -> None:
        self._box = box

    def of(self, design: Design) -> Mapping[UUID, ArmState]:
        """Of the active variants; raises Unbelievable, of the one with the gravest fault, and
        Outrun."""
        states, faults = {}, []
        for variant in design.active:
            try:
                states[variant.id] = self._state(design, variant)
            except Unbelievable as unbelievable:
                faults.append(unbelievable)
        if faults:
            raise min(faults, key=lambda each: list(BanditFault).index(each.fault))
        return states

    def fault(self, design: Design) -> BanditFault | None:
        try:
            self.of(design)
        except Unbelievable as unbelievable:
            return unbelievable.fault
        except Outrun:
            return None
        return None

    def shown(self, experiment: Experiment, variant: Variant) -> ArmState | None:
        """None where there is none, and where it is not believed. Who shows it may have read the
        two at different times."""
        design = Design(experiment=experiment, variants=[variant])
        if not design.is_bandit or design.is_draft or not variant.is_active:
            return None
        try:
            return self._opened(variant)
        except Unbelievable:
            return None

    def begun(self, design: Design, edit: Edit, now: datetime) -> Edit:
        """A phase that people open. Newcomers make all weights equal: nothing is known of them.
        So does what is not believed, which stays as it is until the experiment is resumed."""
        if edit.phase is None or not design.is_bandit:
            return edit
        active = [variant for variant in _after(design, edit) if variant.is_active]
        known = self._known(design)
        if not known and edit.changes.status is not ExperimentStatus.ACTIVE:
            return _shared(edit, active)
        weights = _weights(design, edit.phase, active) if known else _even(active)
        begun = ArmState(
            alpha=1.0,
            beta=1.0,
            probability_best=1 / len(active),
            weight=0.0,
            revision=edit.phase.number,
            updated_at=now,
        )
        states = {
            variant.id: replace(
                known.get(variant.id, begun),
                weight=weight,
                revision=edit.phase.number,
                updated_at=now,
            )
            for variant, weight in zip(active, weights, strict=True)
        }
        return self.written(edit, active, states)

    def written(
        self, edit: Edit, active: Sequence[Variant], states: Mapping[UUID, ArmState]
    ) -> Edit:
        """With the states of all active variants, and the weights that go with them."""
        changed = dict(edit.changed)
        for key, state in states.items():
            changed[key] = replace(
                changed.get(key, VariantChanges()),
                traffic_weight=state.weight,
                algorithm_state=self._sealed(key, state),
            )
        weights = {variant.name: states[variant.id].weight for variant in active}
        return replace(
            edit,
            added=[replace(new, **given(changed.pop(new.id))) for new in edit.added],
            changed=changed,
            phase=edit.phase and replace(edit.phase, weights=weights),
        )

    def _known(self, design: Design) -> Mapping[UUID, ArmState]:
        """Nothing where it is not believed; whoever was outrun will not be heard."""
        try:
            return self.of(design)
        except (Unbelievable, Outrun):
            return {}

    def _state(self, design: Design, variant: Variant) -> ArmState:
        state = self._opened(variant)
        if state.revision < design.experiment.phase:
            raise Unbelievable(BanditFault.STALE, variant.name)
        if state.revision > design.experiment.phase:
            raise Outrun
        return state

    def _opened(self, variant: Variant) -> ArmState:
        if variant.algorithm_state is None:
            raise Unbelievable(BanditFault.MISSING, variant.name)
        try:
            state = _read(json.loads(self._box.open(variant.algorithm_state, variant.id)))
        except Unsealable as unsealable:
            raise Unbelievable(_OF_SEAL[unsealable.fault], variant.name) from None
        except (ValueError, KeyError, TypeError, ArithmeticError):  # sealed by another version
            raise Unbelievable(BanditFault.TAMPERED, variant.name) from None
        if state.weight != variant.traffic_weight:
            raise Unbelievable(BanditFault.MISMATCHED, variant.name)
        return state

    def _sealed(self, variant: UUID, state: ArmState) -> bytes:
        return self._box.seal(json.dumps(_plain(state)).encode(), variant)


def shared_equally(design: Design, now: datetime) -> Edit:
    """What was sealed is left as it is, for people to look into."""
    phase = design.next_phase(now)
    return _shared(Edit(changes=ExperimentChanges(phase=phase.number), phase=phase), design.active)


def is_shared_equally(design: Design, phase: Phase | None) -> bool:
    """And was promised to be."""
    even = dict(zip([each.name for each in design.active], _even(design.active), strict=True))
    return split(design.variants) == even and phase is not None and phase.weights == even


def applied(design: Design, edit: Edit) -> Sequence[Variant]:
    """Of an edit that neither adds nor removes any."""
    return [
        replace(variant, **given(edit.changed.get(variant.id, VariantChanges())))
        for variant in design.variants
    ]


def _shared(edit: Edit, active: Sequence[Variant]) -> Edit:
    changed = dict(edit.changed)
    weights = dict(zip([variant.id for variant in active], _even(active), strict=True))
    for key, weight in weights.items():
        changed[key] = replace(changed.get(key, VariantChanges()), traffic_weight=weight)
    return replace(
        edit,
        added=[replace(new, **given(changed.pop(new.id))) for new in edit.added],
        changed=changed,
        phase=edit.phase
        and replace(edit.phase, weights={each.name: weights[each.id] for each in active}),
    )


def _even(active: Sequence[Variant]) -> list[float]:
    return [1 / len(active)] * len(active)


def _after(design: Design, edit: Edit) -> Sequence[Variant]:
    kept = [variant for variant in applied(design, edit) if variant.id not in edit.removed]
    return [*kept, *edit.added]


def _weights(design: Design, phase: Phase, active: Sequence[Variant]) -> list[float]:
    before = {variant.id for variant in design.active}
    if design.is_draft or any(variant.id not in before for variant in active):
        return _even(active)
    given_by_people: dict[str, float] = dict(phase.weights)
    return [given_by_people[variant.name] for variant in active]


def _plain(state: ArmState) -> dict[str, Any]:
    counted = state.counted
    return {
        "alpha": state.alpha,
        "beta": state.beta,
        "probability_best": state.probability_best,
        "weight": state.weight,
        "revision": state.revision,
        "updated_at": state.updated_at.isoformat(),
        "counted": counted and [counted.until.isoformat(), *_numbers(counted.sums)],
    }


def _read(plain: Mapping[str, Any]) -> ArmState:
    counted = plain["counted"]
    values = {
        **plain,
        "updated_at": datetime.fromisoformat(plain["updated_at"]),
        "counted": counted and _counted(*counted),
    }
    return ArmState(**values)


def _numbers(sums: Sums) -> list[Any]:
    parts = sums.total, sums.squares, sums.events, sums.event_squares, sums.cross
    return [sums.users, *map(str, parts)]


def _counted(until: str, users: int, *parts: str) -> Counted:
    total, squares, events, event_squares, cross = map(Decimal, parts)
    sums = Sums(
        users=users,
        total=total,
        squares=squares,
        events=events,
        event_squares=event_squares,
        cross=cross,
    )
    return Counted(until=datetime.fromisoformat(until), sums=sums)
