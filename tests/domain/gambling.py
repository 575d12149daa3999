"""Designs of bandits, and steps of them taken as the store would take them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from domain import arms, lifecycle
from domain.bandits import ArmState, Beliefs
from domain.design import Design
from domain.experiments import AllocationMode, Edit
from domain.variants import NewVariant, Variant
from tests.domain.designs import applied
from tests.factories import NOON, make_design
from tests.fake_box import FakeBox

BELIEFS = Beliefs(FakeBox())
LATER = NOON + timedelta(minutes=5)


def draft(*names: str) -> Design:
    """With weights that people once gave."""
    weights = {name: 0.7 if place == 0 else 0.1 for place, name in enumerate(names or ("a", "b"))}
    return make_design(weights=weights, allocation=AllocationMode.THOMPSON)


def stepped(design: Design, step: Callable[..., Edit], *given: Any, **named: Any) -> Design:
    edit = BELIEFS.begun(design, step(design, *given, **named, now=LATER), LATER)
    return applied(design, edit)


def started(*names: str) -> Design:
    return stepped(draft(*names), lifecycle.start)


def with_arm(design: Design, name: str) -> Design:
    return stepped(design, arms.add, [NewVariant(name=name)])


def states(design: Design) -> dict[str, ArmState]:
    known = BELIEFS.of(design)
    return {variant.name: known[variant.id] for variant in design.active}


def learned(design: Design, **weights: float) -> Design:
    """As if it had adapted to these weights; alpha tells the arms apart."""
    known = BELIEFS.of(design)
    new = {
        variant.id: replace(known[variant.id], weight=weights[variant.name], alpha=float(place + 7))
        for place, variant in enumerate(design.active)
    }
    return applied(design, BELIEFS.written(Edit(), design.active, new))


def changed(design: Design, which: str, /, **values: Any) -> Design:
    """By somebody who writes to the table."""
    variants = [
        replace(variant, **values) if variant.name == which else variant
        for variant in design.variants
    ]
    return replace(design, variants=variants)


def variant_of(design: Design, name: str) -> Variant:
    return next(variant for variant in design.variants if variant.name == name)
