from dataclasses import replace
from typing import Any

import pytest

from domain import layout
from domain.elements import (
    Element,
    ElementChanges,
    ElementEdit,
    ElementUpdate,
    ElementVariantChanges,
    Filling,
    NewElement,
    SelectorType,
)
from domain.errors import InUse, Invalid, InvalidInput, NameTaken
from domain.experiments import ExperimentStatus
from domain.ids import new_id
from domain.layout import Layout
from domain.variants import Variant
from tests.domain.refusals import faults
from tests.elements import make_element, make_element_variant
from tests.factories import NOON, make_experiment, make_variant

RUNNING = [ExperimentStatus.ACTIVE, ExperimentStatus.PAUSED]
CLOSED = [ExperimentStatus.COMPLETED, ExperimentStatus.ARCHIVED]
NEW = NewElement(
    name="buy",
    selector_type=SelectorType.CSS,
    selector_value="#buy",
    element_type="button",
)
FILLING = Filling(content={"text": "Go to payment"})


def of(status: ExperimentStatus = ExperimentStatus.DRAFT, *names: str) -> Layout:
    """With elements of these names."""
    experiment = make_experiment(status=status)
    elements = [
        make_element(experiment_id=experiment.id, name=name, position=place)
        for place, name in enumerate(names or ("title",))
    ]
    return Layout(experiment=experiment, elements=elements)


def arm(known: Layout) -> Variant:
    variant: Variant = make_variant(experiment_id=known.experiment.id, name="b")
    return variant


def filled(known: Layout, variant: Variant, **changes: Any) -> Layout:
    content = {"element_id": known.elements[0].id, "variant_id": variant.id, "position": 4}
    return replace(known, contents=[make_element_variant(**content | changes)])


def test_a_new_element_comes_last() -> None:
    known = of(ExperimentStatus.DRAFT, "title", "lead")

    [added] = layout.add(known, NEW, NOON).added

    assert replace(added, id=known.elements[0].id) == Element(
        id=known.elements[0].id,
        experiment_id=known.experiment.id,
        name="buy",
        selector_type=SelectorType.CSS,
        selector_value="#buy",
        element_type="button",
        position=2,
        created_at=NOON,
        updated_at=NOON,
    )


def test_all_that_is_wrong_with_a_new_element_is_told_at_once() -> None:
    known = of(ExperimentStatus.DRAFT, "title")
    wrong = replace(NEW, name="title", selector_value=" ", element_type="x" * 51)

    assert faults(lambda: layout.add(known, wrong, NOON)) == [
        (("name",), "another element of this experiment has that name"),
        (("selector_value",), "must not be empty"),
        (("element_type",), "has 51 characters: at most 50 are allowed"),
    ]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": ""}, (("name",), "must not be empty")),
        ({"name": " buy"}, (("name",), "must not begin or end with white space")),
        (
            {"selector_value": "x" * 2_001},
            (("selector_value",), "has 2001 characters: at most 2000 are allowed"),
        ),
        ({"selector_value": "\0"}, (("selector_value",), "must not hold the character NUL")),
        ({"element_type": " "}, (("element_type",), "must not be empty")),
    ],
)
def test_names_and_selectors_are_bounded(changes: dict[str, Any], fault: object) -> None:
    assert faults(lambda: layout.add(of(), replace(NEW, **changes), NOON)) == [fault]
    element = of().elements[0]
    wanted = ElementUpdate(**changes)
    assert faults(lambda: layout.change(of(), element, wanted)) == [fault]


def test_an_experiment_has_so_many_elements_and_no_more() -> None:
    known = of(ExperimentStatus.DRAFT, *(f"e{place}" for place in range(100)))

    assert faults(lambda: layout.add(known, NEW, NOON)) == [
        (("experiment",), "an experiment has at most 100 elements")
    ]
    fewer = replace(known, elements=known.elements[:99])
    assert len(layout.add(fewer, NEW, NOON).added) == 1


@pytest.mark.parametrize("status", RUNNING)
def test_no_element_comes_or_goes_while_it_runs(status: ExperimentStatus) -> None:
    known = of(status)
    kept = f"the experiment is {status.name} and keeps its elements"

    with pytest.raises(InUse, match=f"^{kept} as they are$"):
        layout.add(known, NEW, NOON)
    with pytest.raises(InUse, match=f"^{kept}: deactivate what variants put into it instead$"):
        layout.remove(known, known.elements[0])


@pytest.mark.parametrize("status", CLOSED)
def test_when_it_is_over_nothing_changes(status: ExperimentStatus) -> None:
    known = of(status)
    element, variant = known.elements[0], arm(known)
    closed = f"^the experiment is {status.name}: its elements cannot be changed$"

    with pytest.raises(InvalidInput, match=closed):
        layout.add(known, NEW, NOON)
    with pytest.raises(InvalidInput, match=closed):
        layout.change(known, element, ElementUpdate(position=1))
    with pytest.raises(InvalidInput, match=closed):
        layout.fill(known, element, variant, FILLING)
    with pytest.raises(InUse, match=f"^the experiment is {status.name} and keeps its elements$"):
        layout.remove(known, element)


def test_in_a_draft_every_field_can_change() -> None:
    known = of(ExperimentStatus.DRAFT, "title", "lead")
    element = known.elements[1]
    fields: dict[str, Any] = {
        "name": "subtitle",
        "selector_type": SelectorType.TEXT,
        "selector_value": "A shop",
        "element_type": "headline",
        "position": 0,
    }

    edit = layout.change(known, element, ElementUpdate(**fields))

    assert edit == ElementEdit(changed={element.id: ElementChanges(**fields)})


def test_what_stays_the_same_is_no_change() -> None:
    known = of()
    element = known.elements[0]

    same = ElementUpdate(name=element.name, position=element.position)

    assert layout.change(known, element, same).is_empty
    assert layout.change(known, element, ElementUpdate()).is_empty


def test_a_name_that_another_element_has_is_taken() -> None:
    known = of(ExperimentStatus.DRAFT, "title", "lead")

    wanted = ElementUpdate(name="title", selector_type=None, position=-1)

    assert faults(lambda: layout.change(known, known.elements[1], wanted)) == [
        (("selector_type",), "must not be null"),
        (("name",), "another element of this experiment has that name"),
        (("position",), "is -1: it must be from 0 to 10000"),
    ]


def test_a_taken_name_is_told_as_such() -> None:
    known = of(ExperimentStatus.DRAFT, "buy")

    with pytest.raises(Invalid) as caught:
        layout.add(known, NEW, NOON)

    assert [type(refusal) for refusal in caught.value.refusals] == [NameTaken]


@pytest.mark.parametrize("status", RUNNING)
def test_while_it_runs_an_element_changes_its_place_alone(status: ExperimentStatus) -> None:
    known = of(status)
    element = known.elements[0]

    moved = layout.change(known, element, ElementUpdate(position=7, name=element.name))

    assert moved == ElementEdit(changed={element.id: ElementChanges(position=7)})
    wanted = ElementUpdate(name="new", selector_type=SelectorType.ID, selector_value="x")
    assert faults(lambda: layout.change(known, element, wanted)) == [
        (("name",), "can only be changed in a DRAFT"),
        (("selector_type",), "can only be changed in a DRAFT"),
        (("selector_value",), "can only be changed in a DRAFT"),
    ]


def test_an_element_of_a_draft_can_go() -> None:
    known = of()

    assert layout.remove(known, known.elements[0]).removed == {known.elements[0].id}


def test_what_a_variant_puts_is_active_and_has_its_name_where_nothing_else_is_said() -> None:
    known = of()
    variant = arm(known)

    edit = layout.fill(known, known.elements[0], variant, FILLING)

    [added] = edit.filled
    assert (added.element_id, added.variant_id) == (known.elements[0].id, variant.id)
    assert (added.name, added.is_active, added.position) == ("b", True, 0)
    assert added.content == FILLING.content
    assert edit.unseen == frozenset()


def test_what_the_next_variant_puts_comes_after_it() -> None:
    known = filled(of(), arm(of()))

    wanted = replace(FILLING, name="big", is_active=False)
    [added] = layout.fill(known, known.elements[0], arm(known), wanted).filled

    assert (added.name, added.is_active, added.position) == ("big", False, 5)


def test_put_again_it_changes_what_is_given_and_nothing_else() -> None:
    known = of()
    variant = arm(known)
    before = filled(known, variant, content={"a": 1}, name="old", is_active=False)
    [content] = before.contents

    edit = layout.fill(before, known.elements[0], variant, Filling(content={"a": 1.0}))

    changes = ElementVariantChanges(content={"a": 1.0})
    assert edit == ElementEdit(refilled={content.id: changes})
    unchanged = Filling(content={"a": 1}, name="old", is_active=False)
    assert layout.fill(before, known.elements[0], variant, unchanged).is_empty


@pytest.mark.parametrize("status", RUNNING)
def test_while_it_runs_content_is_given_to_a_variant_that_nobody_was_given(
    status: ExperimentStatus,
) -> None:
    known = of(status)
    variant = arm(known)

    added = layout.fill(known, known.elements[0], variant, FILLING)
    changed = layout.fill(filled(known, variant), known.elements[0], variant, Filling(content=[]))
    named = replace(FILLING, name="another")
    renamed = layout.fill(filled(known, variant), known.elements[0], variant, named)

    assert [one.unseen for one in (added, changed, renamed)] == [{variant.id}] * 3


@pytest.mark.parametrize("status", RUNNING)
def test_while_it_runs_it_can_be_switched_off_and_on_whoever_has_it(
    status: ExperimentStatus,
) -> None:
    known = of(status)
    variant = arm(known)

    for is_active in (False, True):
        before = filled(known, variant, is_active=not is_active)
        wanted = replace(FILLING, is_active=is_active)
        edit = layout.fill(before, known.elements[0], variant, wanted)
        assert edit.refilled == {before.contents[0].id: ElementVariantChanges(is_active=is_active)}
        assert edit.unseen == frozenset()


def test_all_that_is_wrong_with_what_a_variant_puts_is_told_at_once() -> None:
    known = of()
    stranger = make_variant(experiment_id=new_id())

    wrong = Filling(content={"a": float("nan")}, name=" ")

    assert faults(lambda: layout.fill(known, known.elements[0], stranger, wrong)) == [
        (("variant",), "belongs to another experiment than the element"),
        (("name",), "must not be empty"),
        (("content",), "must not hold NaN or Infinity"),
    ]
