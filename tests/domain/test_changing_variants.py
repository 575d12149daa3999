import math
from dataclasses import replace
from typing import Any

import pytest

from domain.arms import VariantUpdate
from domain.changes import given
from domain.experiments import Edit, ExperimentChanges, ExperimentStatus
from domain.variants import VariantChanges
from tests.domain.designs import arm, changed
from tests.domain.refusals import faults
from tests.factories import make_design

DRAFT, ACTIVE, PAUSED, COMPLETED, ARCHIVED = ExperimentStatus


@pytest.mark.parametrize("status", [DRAFT, ACTIVE, PAUSED])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("label", "New"),
        ("label", None),
        ("description", None),
        ("response_template", ""),
        ("system_prompt", "You sell boots."),
        ("config_overrides", {"steps": True}),
        ("content", []),
    ],
)
def test_what_a_variant_shows_can_be_changed_and_opens_no_phase(
    status: ExperimentStatus, field: str, value: Any
) -> None:
    design = make_design(status)

    edit = changed(design, "b", **{field: value})

    assert repr(edit.changed) == repr({arm(design, "b").id: VariantChanges(**{field: value})})
    assert edit == Edit(changed=edit.changed)


@pytest.mark.parametrize("status", [DRAFT, ACTIVE, PAUSED])
def test_to_say_what_is_so_changes_nothing(status: ExperimentStatus) -> None:
    design = make_design(status)
    names = VariantUpdate.__dataclass_fields__

    edit = changed(design, "a", **{name: getattr(arm(design, "a"), name) for name in names})

    assert edit.is_empty
    assert changed(design, "a").is_empty


@pytest.mark.parametrize("field", ["name", "traffic_weight", "is_control", "position"])
def test_a_required_field_cannot_be_cleared(field: str) -> None:
    assert faults(lambda: changed(make_design(), "a", **{field: None})) == [
        ((field,), "must not be null")
    ]


@pytest.mark.parametrize("field", ["config_overrides", "content"])
def test_a_document_is_cleared_to_an_empty_object(field: str) -> None:
    design = make_design()

    [changes] = changed(design, "a", **{field: None}).changed.values()

    assert given(changes) == {field: {}}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 10_000),
        ("name", "a\nb"),
        ("label", "\0"),
        ("system_prompt", "\ud800"),
        ("content", {"a": math.nan}),
        ("config_overrides", 5),
        ("traffic_weight", 1.1),
        ("traffic_weight", -0.1),
        ("traffic_weight", math.nan),
        ("position", -1),
        ("position", 10_001),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_a_new_value_is_checked_at_its_place(field: str, value: Any) -> None:
    found = faults(lambda: changed(make_design(), "a", **{field: value}))

    assert [path for path, _ in found] == [(field,)]


def test_what_was_stored_is_not_checked_again() -> None:
    design = make_design()
    old = replace(design, variants=[replace(one, system_prompt="\0") for one in design.variants])

    assert changed(old, "a", label=None).changed


@pytest.mark.parametrize("status", [DRAFT, ACTIVE, PAUSED])
def test_what_was_stored_may_be_said_again(status: ExperimentStatus) -> None:
    old = make_design(status, {"a\nb": 0.5, "c": 0.5})

    assert changed(old, "a\nb", name="a\nb").is_empty


def test_all_that_is_wrong_is_said_at_once() -> None:
    found = faults(lambda: changed(make_design(ACTIVE), "a", name="z", position=None, label="\0"))

    assert found == [
        (("name",), "can only be changed in a DRAFT"),
        (("position",), "must not be null"),
        (("label",), "must not hold the character NUL"),
    ]


def test_a_new_name_changes_the_default_split_of_a_draft() -> None:
    edit = changed(make_design(), "b", name="c")

    assert edit.changes == ExperimentChanges(default_traffic_split={"a": 0.5, "c": 0.5})


def test_a_new_weight_in_a_draft_moves_nobody_else() -> None:
    design = make_design()

    edit = changed(design, "b", traffic_weight=0.9)

    assert edit.changed == {arm(design, "b").id: VariantChanges(traffic_weight=0.9)}
    assert edit.changes == ExperimentChanges(default_traffic_split={"a": 0.5, "b": 0.9})
    assert edit.phase is None


def test_the_position_in_a_draft_can_be_changed() -> None:
    design = make_design()

    edit = changed(design, "b", position=9)

    assert edit == Edit(changed={arm(design, "b").id: VariantChanges(position=9)})


def test_the_control_of_a_draft_moves() -> None:
    design = make_design()

    edit = changed(design, "b", is_control=True)

    assert edit == Edit(
        changed={
            arm(design, "a").id: VariantChanges(is_control=False),
            arm(design, "b").id: VariantChanges(is_control=True),
        }
    )


def test_a_draft_may_be_without_a_control() -> None:
    design = make_design()

    edit = changed(design, "a", is_control=False)

    assert edit.changed == {arm(design, "a").id: VariantChanges(is_control=False)}


@pytest.mark.parametrize("status", [ACTIVE, PAUSED])
@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("b", {"is_control": True}),
        ("a", {"is_control": False}),
        ("a", {"name": "z"}),
        ("a", {"position": 9}),
    ],
)
def test_name_control_and_position_are_locked_while_running(
    status: ExperimentStatus, name: str, wanted: dict[str, Any]
) -> None:
    assert faults(lambda: changed(make_design(status), name, **wanted)) == [
        ((*wanted,), "can only be changed in a DRAFT")
    ]
