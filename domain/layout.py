"""How the elements of an experiment may change: freely in a draft. While it runs they stay as they
are, save for their order and for what is switched off and on again; and a variant that nobody was
given yet may still be filled."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.changes import UNSET, difference, given, same
from domain.checks import Checks
from domain.design import MAX_POSITION
from domain.elements import (
    Element,
    ElementChanges,
    ElementEdit,
    ElementUpdate,
    ElementVariant,
    ElementVariantChanges,
    Filling,
    NewElement,
)
from domain.errors import DomainError, InUse, InvalidInput, NameTaken, Path
from domain.experiments import RUNNING, Experiment, ExperimentStatus
from domain.ids import new_id
from domain.variants import Variant

MAX_ELEMENTS = 100
_MAX_SELECTOR = 2_000
_MAX_TYPE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """`contents` are those of the element that is meant."""

    experiment: Experiment
    elements: Sequence[Element]
    contents: Sequence[ElementVariant] = ()

    @property
    def is_draft(self) -> bool:
        return self.experiment.status is ExperimentStatus.DRAFT

    @property
    def is_running(self) -> bool:
        return self.experiment.status in RUNNING


def add(layout: Layout, new: NewElement, now: datetime) -> ElementEdit:
    if not layout.is_draft:
        raise _kept(layout, ("experiment",))
    checks = Checks()
    if len(layout.elements) >= MAX_ELEMENTS:
        checks.refuse(("experiment",), f"an experiment has at most {MAX_ELEMENTS} elements")
    _check(checks, layout, new, None)
    checks.done()
    element = Element(
        id=new_id(),
        experiment_id=layout.experiment.id,
        name=new.name,
        selector_type=new.selector_type,
        selector_value=new.selector_value,
        element_type=new.element_type,
        position=_next(layout.elements),
        created_at=now,
        updated_at=now,
    )
    return ElementEdit(added=[element])


def change(layout: Layout, element: Element, wanted: ElementUpdate) -> ElementEdit:
    _require_open(layout, ("id",))
    values = given(wanted)
    new = {name: value for name, value in values.items() if getattr(element, name) != value}
    checks = Checks(only=new)
    usable: dict[str, Any] = {}
    for name, value in new.items():
        if value is None:
            checks.refuse((name,), "must not be null")
        elif name != "position" and not layout.is_draft:
            checks.refuse((name,), "can only be changed in a DRAFT")
        else:
            usable[name] = value
    after = replace(element, **usable)
    _check(checks, layout, after, element.id)
    checks.number(("position",), after.position, 0, MAX_POSITION)
    checks.done()
    changes = difference(ElementChanges, element, after)
    return ElementEdit(changed={element.id: changes} if usable else {})


def remove(layout: Layout, element: Element) -> ElementEdit:
    if not layout.is_draft:
        status = layout.experiment.status.name
        hint = ": deactivate what variants put into it instead" if layout.is_running else ""
        raise InUse(f"the experiment is {status} and keeps its elements{hint}", ("id",))
    return ElementEdit(removed=frozenset({element.id}))


def fill(layout: Layout, element: Element, variant: Variant, wanted: Filling) -> ElementEdit:
    _require_open(layout, ("element",))
    _check_filling(layout, variant, wanted)
    known = next((one for one in layout.contents if one.variant_id == variant.id), None)
    if known is None:
        added = ElementVariant(
            id=new_id(),
            element_id=element.id,
            variant_id=variant.id,
            name=variant.name if wanted.name is None else wanted.name,
            content=wanted.content,
            is_active=wanted.is_active is not False,
            position=_next(layout.contents),
        )
        return ElementEdit(filled=[added], unseen=_unseen(layout, variant))
    changes = _refilling(known, wanted)
    if changes == ElementVariantChanges():
        return ElementEdit()
    is_switch = replace(changes, is_active=UNSET) == ElementVariantChanges()
    unseen: frozenset[UUID] = frozenset() if is_switch else _unseen(layout, variant)
    return ElementEdit(refilled={known.id: changes}, unseen=unseen)


def _refilling(known: ElementVariant, wanted: Filling) -> ElementVariantChanges:
    after = replace(
        known,
        name=known.name if wanted.name is None else wanted.name,
        content=known.content if same(known.content, wanted.content) else wanted.content,
        is_active=known.is_active if wanted.is_active is None else wanted.is_active,
    )
    return difference(ElementVariantChanges, known, after)


def _unseen(layout: Layout, variant: Variant) -> frozenset[UUID]:
    """In a draft nobody was given anything."""
    return frozenset({variant.id}) if layout.is_running else frozenset()


def _next(places: Sequence[Element] | Sequence[ElementVariant]) -> int:
    return max((one.position for one in places), default=-1) + 1


def _require_open(layout: Layout, path: Path) -> None:
    if not (layout.is_draft or layout.is_running):
        raise _kept(layout, path)


def _kept(layout: Layout, path: Path) -> DomainError:
    status = layout.experiment.status.name
    if layout.is_running:
        return InUse(f"the experiment is {status} and keeps its elements as they are", path)
    return InvalidInput(f"the experiment is {status}: its elements cannot be changed", path)


def _check(checks: Checks, layout: Layout, element: NewElement | Element, id: UUID | None) -> None:
    checks.name(("name",), element.name)
    if any(other.name == element.name and other.id != id for other in layout.elements):
        checks.refuse(("name",), "another element of this experiment has that name", NameTaken)
    if not element.selector_value.strip():
        checks.refuse(("selector_value",), "must not be empty")
    checks.text(("selector_value",), element.selector_value, _MAX_SELECTOR)
    checks.name(("element_type",), element.element_type, _MAX_TYPE)


def _check_filling(layout: Layout, variant: Variant, wanted: Filling) -> None:
    checks = Checks()
    if variant.experiment_id != layout.experiment.id:
        checks.refuse(("variant",), "belongs to another experiment than the element")
    if wanted.name is not None:
        checks.name(("name",), wanted.name)
    checks.document(("content",), wanted.content)
    checks.done()
