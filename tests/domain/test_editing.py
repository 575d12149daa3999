import math
from dataclasses import replace
from typing import Any

import pytest

from domain.changes import UNSET, given
from domain.design import Design
from domain.editing import EDITABLE, ExperimentUpdate, update
from domain.experiments import Edit, ExperimentChanges, ExperimentStatus
from tests.domain.refusals import Fault, faults
from tests.factories import NOON, make_design, make_new_metric, make_phase, make_variant

DRAFT, ACTIVE, PAUSED, COMPLETED, ARCHIVED = ExperimentStatus
NEW: dict[str, Any] = {
    "name": "another",
    "description": "Another description",
    "hypothesis": "Another hypothesis",
    "target_bot": "another-bot",
    "target_url": "/another",
    "metric_type": "revenue",
    "minimum_sample_size": 77,
    "traffic_allocation": 0.25,
    "metadata": {"another": True},
    "metrics": (),
}
NOTES = {"description", "hypothesis", "metadata"}
WHILE_RUNNING = NOTES | {"target_bot", "target_url", "traffic_allocation"}
FIELDS_OF = {
    DRAFT: set(NEW),
    ACTIVE: WHILE_RUNNING,
    PAUSED: WHILE_RUNNING,
    COMPLETED: NOTES,
    ARCHIVED: set(),
}
EVERY = [(status, field) for status in ExperimentStatus for field in NEW]


def edited(design: Design, **wanted: Any) -> Edit:
    return update(design, ExperimentUpdate(**wanted), NOON)


def refused(design: Design, **wanted: Any) -> list[Fault]:
    return faults(lambda: edited(design, **wanted))


@pytest.mark.parametrize(
    ("status", "field"), [pair for pair in EVERY if pair[1] in FIELDS_OF[pair[0]]]
)
def test_an_open_field_can_be_changed(status: ExperimentStatus, field: str) -> None:
    edit = edited(make_design(status), **{field: NEW[field]})

    assert not edit.is_empty
    if field != "metrics":
        assert getattr(edit.changes, field) == NEW[field]


@pytest.mark.parametrize(
    ("status", "field"), [pair for pair in EVERY if pair[1] not in FIELDS_OF[pair[0]]]
)
def test_a_locked_field_is_refused(status: ExperimentStatus, field: str) -> None:
    assert refused(make_design(status), **{field: NEW[field]}) == [
        ((field,), f"cannot be changed: the experiment is {status.name}")
    ]


def test_every_status_says_what_may_be_edited() -> None:
    assert {status: set(fields) for status, fields in EDITABLE.items()} == FIELDS_OF


@pytest.mark.parametrize("status", list(ExperimentStatus))
def test_to_say_nothing_changes_nothing(status: ExperimentStatus) -> None:
    assert edited(make_design(status)).is_empty


@pytest.mark.parametrize(("status", "field"), [pair for pair in EVERY if pair[1] != "metrics"])
def test_to_say_what_is_so_changes_nothing_even_where_it_is_locked(
    status: ExperimentStatus, field: str
) -> None:
    design = make_design(status)

    assert edited(design, **{field: getattr(design.experiment, field)}).is_empty


def test_a_locked_field_is_refused_beside_one_that_stays_as_it_is() -> None:
    design = make_design(ACTIVE)

    assert refused(design, name="checkout", metric_type="revenue", description="New") == [
        (("metric_type",), "cannot be changed: the experiment is ACTIVE")
    ]
    assert edited(design, name="checkout", description="New").changes == ExperimentChanges(
        description="New"
    )


@pytest.mark.parametrize(
    ("kept", "said"), [({"on": 1}, {"on": True}), ({"on": 1}, {"on": 1.0}), ({}, None), ({}, [])]
)
def test_a_locked_document_is_refused_if_it_differs_only_to_json(kept: Any, said: Any) -> None:
    design = make_design(ARCHIVED, metadata=kept)

    assert refused(design, metadata=said) == [
        (("metadata",), "cannot be changed: the experiment is ARCHIVED")
    ]


@pytest.mark.parametrize("status", [ACTIVE, PAUSED, COMPLETED, ARCHIVED])
def test_metrics_are_locked_after_the_start_whatever_they_are(status: ExperimentStatus) -> None:
    assert [path for path, _ in refused(make_design(status), metrics=[])] == [("metrics",)]


@pytest.mark.parametrize(
    "field", ["name", "metric_type", "minimum_sample_size", "traffic_allocation"]
)
def test_a_required_field_cannot_be_cleared(field: str) -> None:
    assert refused(make_design(), **{field: None}) == [((field,), "must not be null")]


@pytest.mark.parametrize("field", ["description", "hypothesis", "target_bot", "target_url"])
def test_an_optional_field_is_cleared_by_null(field: str) -> None:
    edit = edited(make_design(), **{field: None})

    assert edit == Edit(changes=edit.changes)
    assert given(edit.changes) == {field: None}


def test_metadata_is_cleared_to_an_empty_object() -> None:
    assert edited(make_design(), metadata=None).changes == ExperimentChanges(metadata={})
    assert edited(make_design(metadata={}), metadata=None).is_empty


def test_an_empty_list_is_not_an_empty_object() -> None:
    assert edited(make_design(metadata={}), metadata=[]).changes.metadata == []


def test_true_is_not_one() -> None:
    edit = edited(make_design(metadata={"on": 1}), metadata={"on": True})

    assert repr(edit.changes.metadata) == "{'on': True}"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 10_000),
        ("name", "a\0b"),
        ("description", "\0"),
        ("name", "a\nb"),
        ("target_url", ""),
        ("target_url", "/p\u2028ay"),
        ("target_url", "x" * 2001),
        ("metric_type", " "),
        ("minimum_sample_size", 0),
        ("traffic_allocation", 1.5),
        ("traffic_allocation", math.nan),
        ("metadata", {"a": math.inf}),
        ("metadata", "text"),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_a_new_value_is_checked_at_its_place(field: str, value: Any) -> None:
    assert [path for path, _ in refused(make_design(), **{field: value})] == [(field,)]


def test_metrics_are_checked_at_their_places() -> None:
    wrong = make_new_metric(name="", cap_high=math.nan)

    assert [path for path, _ in refused(make_design(), metrics=[wrong])] == [
        ("metrics", 0, "name"),
        ("metrics", 0, "cap_high"),
    ]


def test_what_was_stored_is_not_checked_again() -> None:
    old = make_design(name="", metric_type="", minimum_sample_size=0, metadata={"a": math.nan})

    assert edited(old, description=None).changes == ExperimentChanges(description=None)


@pytest.mark.parametrize("status", list(ExperimentStatus))
def test_what_was_stored_may_be_said_again(status: ExperimentStatus) -> None:
    old = make_design(status, name="a\nb", target_url="", minimum_sample_size=0)

    assert edited(old, name="a\nb", target_url="", minimum_sample_size=0).is_empty


def test_all_that_is_wrong_is_said_at_once() -> None:
    found = refused(
        make_design(ACTIVE),
        name="another",
        traffic_allocation=None,
        metadata={"a": math.nan},
        target_url="\0",
    )

    assert found == [
        (("name",), "cannot be changed: the experiment is ACTIVE"),
        (("traffic_allocation",), "must not be null"),
        (("target_url",), "must not hold the character NUL"),
        (("metadata",), "must not hold NaN or Infinity"),
    ]


def test_a_new_name_takes_the_seed_with_it_where_that_was_the_name() -> None:
    design = make_design(name="checkout", hash_seed="checkout")

    assert edited(design, name="pay").changes == ExperimentChanges(name="pay", hash_seed="pay")


def test_a_new_name_leaves_a_seed_of_its_own_alone() -> None:
    design = make_design(name="checkout", hash_seed="old")

    assert edited(design, name="pay").changes == ExperimentChanges(name="pay")


@pytest.mark.parametrize("status", [ACTIVE, PAUSED])
def test_other_traffic_while_running_opens_a_phase(status: ExperimentStatus) -> None:
    design = make_design(status, {"a": 0.25, "b": 0.75}, phase=3)
    gone = make_variant(name="c", is_active=False)

    edit = edited(replace(design, variants=[*design.variants, gone]), traffic_allocation=0.5)

    assert edit.changes == ExperimentChanges(traffic_allocation=0.5, phase=4)
    assert edit.phase == make_phase(
        experiment_id=design.experiment.id,
        number=4,
        weights={"a": 0.25, "b": 0.75},
        traffic_allocation=0.5,
    )


@pytest.mark.parametrize("status", [ACTIVE, PAUSED])
def test_the_same_traffic_opens_none(status: ExperimentStatus) -> None:
    edit = edited(make_design(status), traffic_allocation=1, description=None)

    assert edit == Edit(changes=ExperimentChanges(description=None))


def test_traffic_can_be_turned_off_while_running() -> None:
    phase = edited(make_design(ACTIVE), traffic_allocation=0.0).phase

    assert phase is not None
    assert phase.traffic_allocation == 0.0


def test_a_draft_has_no_phases() -> None:
    edit = edited(make_design(DRAFT), traffic_allocation=0.5)

    assert edit == Edit(changes=ExperimentChanges(traffic_allocation=0.5))


def test_metrics_left_out_stay() -> None:
    assert edited(make_design(), name="pay").definitions is UNSET


@pytest.mark.parametrize("wanted", [None, (), []])
def test_metrics_can_be_cleared(wanted: Any) -> None:
    edit = edited(make_design(), metrics=wanted)

    assert edit.definitions == []
    assert not edit.is_empty


def test_metrics_are_replaced_whole() -> None:
    design = make_design()

    definitions = edited(design, metrics=[make_new_metric(name="orders")]).definitions

    assert definitions is not UNSET
    assert [(one.name, one.experiment_id) for one in definitions] == [
        ("orders", design.experiment.id)
    ]
