"""Steps of a design, taken as the store would take them."""

from dataclasses import replace
from typing import Any

from domain import arms
from domain.arms import VariantUpdate
from domain.changes import given
from domain.design import Design, split
from domain.experiments import Edit
from domain.variants import Variant, VariantChanges
from tests.factories import NOON


def arm(design: Design, name: str) -> Variant:
    return next(variant for variant in design.variants if variant.name == name)


def applied(design: Design, edit: Edit) -> Design:
    """As the store would."""
    kept = [
        replace(one, **given(edit.changed.get(one.id, VariantChanges())))
        for one in design.variants
        if one.id not in edit.removed
    ]
    experiment = replace(design.experiment, **given(edit.changes))
    return Design(experiment=experiment, variants=[*kept, *edit.added])


def changed(design: Design, which: str, /, **wanted: Any) -> Edit:
    return arms.change(design, arm(design, which), VariantUpdate(**wanted), NOON)


def deactivated(design: Design, name: str) -> Design:
    return applied(design, arms.deactivate(design, arm(design, name), NOON))


def reactivated(design: Design, name: str) -> Design:
    return applied(design, arms.reactivate(design, arm(design, name), NOON))


def weights(design: Design) -> dict[str, float]:
    return split(design.variants)
