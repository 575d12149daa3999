"""Elements and what variants put into them, with sensible values."""

from dataclasses import replace
from typing import Any

from domain.elements import Element, ElementVariant, SelectorType
from domain.ids import NIL, new_id
from tests.factories import NOON


def make_element(**changes: Any) -> Element:
    element = Element(
        id=new_id(),
        experiment_id=NIL,
        name=f"element-{new_id().hex}",
        selector_type=SelectorType.CSS,
        selector_value="#buy",
        element_type="button",
        position=0,
        created_at=NOON,
        updated_at=NOON,
    )
    return replace(element, **changes)


def make_element_variant(**changes: Any) -> ElementVariant:
    content = ElementVariant(
        id=new_id(),
        element_id=NIL,
        variant_id=NIL,
        name="treatment",
        content={"text": "Go to payment"},
        is_active=True,
        position=0,
    )
    return replace(content, **changes)
