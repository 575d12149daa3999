"""How the variants of an experiment may change. While users are assigned, the weights of the
active ones always sum to 1: what one gains, the others give in proportion."""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from domain import weights
from domain.changes import UNSET, Unset, difference, given, same
from domain.checks import Checks
from domain.design import (
    MAX_ARMS,
    MAX_POSITION,
    MAX_VARIANTS,
    Design,
    build_variant,
    check_new_variants,
    check_variant,
    split,
)
from domain.errors import InUse, InvalidInput, NameTaken, Path
from domain.experiments import Edit, ExperimentChanges
from domain.json_values import Json
from domain.variants import NewVariant, Variant, VariantChanges


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantUpdate:
    name: str | Unset | None = UNSET
    label: str | Unset | None = UNSET
    description: str | Unset | None = UNSET
    response_template: str | Unset | None = UNSET
    system_prompt: str | Unset | None = UNSET
    config_overrides: Json | Unset | None = UNSET
    content: Json | Unset | None = UNSET
    traffic_weight: float | Unset | None = UNSET
    is_control: bool | Unset | None = UNSET
    position: int | Unset | None = UNSET


_REQUIRED = frozenset({"name", "traffic_weight", "is_control", "position"})
_DRAFT_ONLY = frozenset({"name", "is_control", "position"})  # users go by the place, too
_CLEARED_TO_EMPTY = frozenset({"config_overrides", "content"})


def add(design: Design, new: Sequence[NewVariant], now: datetime) -> Edit:
    _require_open(design, ("experiment",))
    _check_added(design, new)
    kept, shares = _with_room(design, new)
    position = max((variant.position for variant in design.variants), default=-1) + 1
    added = [
        build_variant(
            variant, experiment=design.experiment.id, weight=share, position=place, now=now
        )
        for place, (variant, share) in enumerate(zip(new, shares, strict=True), position)
    ]
    if any(variant.is_control for variant in added):
        kept = [replace(variant, is_control=False) for variant in kept]
    return _edit(design, [*kept, *added], [variant.id for variant in added], now)


def change(design: Design, variant: Variant, wanted: VariantUpdate, now: datetime) -> Edit:
    _require_open(design, ("id",))
    values = given(wanted)
    _check_weights_are_free(design, [values.get("traffic_weight")], ("traffic_weight",))
    _check_changed(design, variant, values)
    for name in _CLEARED_TO_EMPTY & values.keys():
        values[name] = {} if values[name] is None else values[name]
    after = [
        replace(other, is_control=False) if values.get("is_control") else other
        for other in design.variants
    ]
    after = _replaced(after, variant.id, lambda old: replace(old, **values))
    fixed = [variant.id] if "traffic_weight" in values else []
    return _edit(design, after, fixed, now)


def deactivate(design: Design, variant: Variant, now: datetime) -> Edit:
    _require_open(design, ("id",))
    if design.is_running and variant.is_control:
        raise InUse("the control of a running experiment cannot be deactivated", ("id",))
    after = _replaced(design.variants, variant.id, lambda old: replace(old, is_active=False))
    return _edit(design, after, [], now)


def reactivate(design: Design, variant: Variant, now: datetime) -> Edit:
    _require_open(design, ("id",))
    if variant.is_active:
        return Edit()
    if design.is_running and variant.is_control:
        raise InUse("a running experiment has its control already", ("id",))
    after = _replaced(design.variants, variant.id, lambda old: replace(old, is_active=True))
    return _edit(design, after, [variant.id], now)


def remove(design: Design, variant: Variant, now: datetime) -> Edit:
    if not design.is_draft:
        status = design.experiment.status.name
        hint = ": deactivate it instead" if design.is_running else ""
        raise InUse(f"the experiment is {status} and keeps its variants{hint}", ("id",))
    return _edit(design, [kept for kept in design.variants if kept.id != variant.id], [], now)


def _with_room(design: Design, new: Sequence[NewVariant]) -> tuple[list[Variant], list[float]]:
    """The present variants and the weights of the new ones; a running experiment gives users to a
    new variant only when somebody says how many."""
    asked = [variant.traffic_weight for variant in new]
    if design.is_running:
        return list(design.variants), [weight or 0.0 for weight in asked]
    present, shares = weights.with_newcomers(
        [known.traffic_weight for known in design.active], asked
    )
    weight_of = dict(zip([known.id for known in design.active], present, strict=True))
    return [
        replace(known, traffic_weight=weight_of.get(known.id, known.traffic_weight))
        for known in design.variants
    ], shares


def _require_open(design: Design, path: tuple[str, ...]) -> None:
    if not (design.is_draft or design.is_running):
        status = design.experiment.status.name
        raise InvalidInput(f"the experiment is {status}: its variants cannot be changed", path)


def _check_added(design: Design, new: Sequence[NewVariant]) -> None:
    checks = Checks()
    if not new:
        checks.refuse(("variants",), "must not be empty")
    if len(design.variants) + len(new) > MAX_VARIANTS:
        checks.refuse(("variants",), f"an experiment has at most {MAX_VARIANTS} variants")
    check_new_variants(checks, ("variants",), new)
    _check_beside(checks, design, new)
    checks.done()
    _check_weights_are_free(design, [variant.traffic_weight for variant in new], ("variants",))
    wanted = math.fsum(variant.traffic_weight or 0.0 for variant in new)
    if design.is_running and wanted > 1 + weights.TOLERANCE:
        raise InvalidInput(f"the weights sum to {wanted:.9g}: at most 1 is there", ("variants",))


def _check_weights_are_free(design: Design, asked: Sequence[float | None], path: Path) -> None:
    if design.is_bandit and design.is_running and any(weight is not None for weight in asked):
        raise InvalidInput("the weights of a running bandit follow its results", path)


def _check_beside(checks: Checks, design: Design, new: Sequence[NewVariant]) -> None:
    """What the present variants leave no room for."""
    taken = {known.name for known in design.variants}
    for place, variant in enumerate(new):
        path = ("variants", place)
        if variant.name in taken:
            message = "another variant of this experiment has that name"
            checks.refuse((*path, "name"), message, NameTaken)
        if variant.is_control and design.is_running:
            checks.refuse((*path, "is_control"), "a running experiment has its control")


def _check_changed(design: Design, variant: Variant, values: dict[str, Any]) -> None:
    new = {k: v for k, v in values.items() if not same(getattr(variant, k), v)}
    checks = Checks(only=new)
    usable: dict[str, Any] = {}
    for name, value in new.items():
        if value is None and name in _REQUIRED:
            checks.refuse((name,), "must not be null")
        elif name in _DRAFT_ONLY and not design.is_draft:
            checks.refuse((name,), "can only be changed in a DRAFT")
        else:
            usable[name] = value
    after = replace(variant, **usable)
    check_variant(checks, (), after)
    checks.number(("position",), after.position, 0, MAX_POSITION)
    checks.done()


def _replaced(
    variants: Sequence[Variant], id: UUID, change: Callable[[Variant], Variant]
) -> list[Variant]:
    return [change(variant) if variant.id == id else variant for variant in variants]


def _edit(design: Design, after: Sequence[Variant], fixed: Collection[UUID], now: datetime) -> Edit:
    """The step from the variants as they were to those of `after`, the weights of `fixed` given."""
    if design.is_running and split(after) != split(design.variants):
        _check_arms(design, after)
        after = _balanced(after, fixed)
    moved = split(after) != split(design.variants)
    before = {variant.id: variant for variant in design.variants}
    pairs = [(before[variant.id], variant) for variant in after if variant.id in before]
    phase = design.next_phase(now, weights=split(after)) if moved and design.is_running else None
    return Edit(
        changes=ExperimentChanges(
            default_traffic_split=split(after) if moved and design.is_draft else UNSET,
            phase=UNSET if phase is None else phase.number,
        ),
        added=[variant for variant in after if variant.id not in before],
        changed={
            old.id: changes
            for old, new in pairs
            if (changes := difference(VariantChanges, old, new)) != VariantChanges()
        },
        removed=frozenset(before.keys() - {variant.id for variant in after}),
        phase=phase,
    )


def _check_arms(design: Design, after: Sequence[Variant]) -> None:
    active = sum(variant.is_active for variant in after)
    if design.is_bandit and active > MAX_ARMS:
        raise InvalidInput(f"a bandit has at most {MAX_ARMS} active variants", ("experiment",))


def _balanced(variants: Sequence[Variant], fixed: Collection[UUID]) -> list[Variant]:
    active = [variant for variant in variants if variant.is_active]
    asked = [variant for variant in active if variant.id in fixed]
    taken = math.fsum(variant.traffic_weight for variant in asked)
    others = [variant for variant in active if variant.id not in fixed]
    if taken > 1 + weights.TOLERANCE or (not others and not weights.sum_to_one([taken])):
        raise InvalidInput(
            f"the weights of a running experiment sum to 1, these alone make {taken:.9g}",
            ("traffic_weight",),
        )
    new = _shares(others, max(0.0, 1.0 - taken))
    if not others or taken > 1.0:  # by no more than a rounding
        new |= _shares(asked, 1.0)
    return [
        replace(variant, traffic_weight=new.get(variant.id, variant.traffic_weight))
        for variant in variants
    ]


def _shares(variants: Sequence[Variant], total: float) -> dict[UUID, float]:
    shares = weights.scaled([variant.traffic_weight for variant in variants], total)
    return {variant.id: share for variant, share in zip(variants, shares, strict=True)}
