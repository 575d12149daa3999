import math
from dataclasses import replace

import pytest

from domain import arms, lifecycle
from domain.design import MAX_VARIANTS, Design
from domain.errors import Invalid, NameTaken
from domain.experiments import ExperimentChanges, ExperimentStatus
from domain.variants import NewVariant, VariantChanges
from tests.domain.designs import applied, arm, weights
from tests.domain.refusals import faults
from tests.factories import NOON, make_design, make_experiment, make_variant

DRAFT, ACTIVE, PAUSED, COMPLETED, ARCHIVED = ExperimentStatus


def test_variants_are_added_behind_the_others() -> None:
    design = make_design(weights={"a": 0.5})

    edit = arms.add(design, [NewVariant(name="b", traffic_weight=0.25), NewVariant(name="c")], NOON)

    assert [(one.name, one.position, one.traffic_weight) for one in edit.added] == [
        ("b", 1, 0.25),
        ("c", 2, 0.25),
    ]
    assert {one.experiment_id for one in edit.added} == {design.experiment.id}
    assert (edit.changed, edit.removed, edit.phase) == ({}, frozenset(), None)


def test_positions_go_on_behind_the_last_one_even_if_inactive() -> None:
    design = make_design(weights={"a": 1.0})
    last = make_variant(position=7, is_active=False)

    edit = arms.add(
        replace(design, variants=[*design.variants, last]), [NewVariant(name="b")], NOON
    )

    assert [one.position for one in edit.added] == [8]


def test_the_first_variant_of_a_draft_takes_all() -> None:
    design = Design(experiment=make_experiment(), variants=[])

    edit = arms.add(design, [NewVariant(name="a")], NOON)

    assert [(one.position, one.traffic_weight) for one in edit.added] == [(0, 1.0)]
    assert edit.changes == ExperimentChanges(default_traffic_split={"a": 1.0})


def test_the_default_split_of_a_draft_follows_what_is_added() -> None:
    edit = arms.add(make_design(weights={"a": 0.5}), [NewVariant(name="b")], NOON)

    assert edit.changes == ExperimentChanges(default_traffic_split={"a": 0.5, "b": 0.5})


@pytest.mark.parametrize("count", [2, 3, 4, 7, 100])
def test_variants_added_one_by_one_have_equal_shares(count: int) -> None:
    design = make_design(weights={})

    for place in range(count):
        design = applied(design, arms.add(design, [NewVariant(name=f"v{place}")], NOON))

    assert [*weights(design).values()] == pytest.approx([1 / count] * count, rel=1e-13)
    assert design.experiment.default_traffic_split == weights(design)


def test_what_was_added_one_by_one_can_start() -> None:
    design = make_design(weights={})

    for name in ("a", "b", "c"):
        new = NewVariant(name=name, is_control=name == "a")
        design = applied(design, arms.add(design, [new], NOON))

    assert lifecycle.start(design, NOON).phase is not None


def test_several_at_once_have_what_one_by_one_would_give_them() -> None:
    design = make_design(weights={"a": 1.0})

    edit = arms.add(design, [NewVariant(name=name) for name in ("b", "c", "d")], NOON)

    after = {"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25}
    assert weights(applied(design, edit)) == after
    assert edit.changed == {arm(design, "a").id: VariantChanges(traffic_weight=0.25)}
    assert edit.changes == ExperimentChanges(default_traffic_split=after)
    assert edit.phase is None


def test_a_newcomer_to_a_full_draft_leaves_the_proportions_as_they_are() -> None:
    design = make_design(weights={"a": 0.25, "b": 0.75})

    after = applied(design, arms.add(design, [NewVariant(name="c")], NOON))

    assert weights(after) == pytest.approx({"a": 1 / 6, "b": 1 / 2, "c": 1 / 3}, rel=1e-15)


def test_a_given_weight_and_an_open_one_in_a_full_draft_both_get_room() -> None:
    design = make_design()
    new = [NewVariant(name="c", traffic_weight=0.25), NewVariant(name="d")]

    after = applied(design, arms.add(design, new, NOON))

    assert weights(after) == {"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25}


def test_what_is_given_beside_an_open_weight_may_fill_the_draft() -> None:
    design = make_design(weights={"a": 0.5})
    new = [NewVariant(name="b", traffic_weight=0.5), NewVariant(name="c")]

    after = applied(design, arms.add(design, new, NOON))

    assert weights(after) == pytest.approx({"a": 1 / 6, "b": 1 / 2, "c": 1 / 3}, rel=1e-15)


def test_an_open_weight_beside_a_given_one_is_what_is_left_over() -> None:
    design = make_design(weights={"a": 0.5})
    new = [NewVariant(name="b", traffic_weight=0.125), NewVariant(name="c"), NewVariant(name="d")]

    edit = arms.add(design, new, NOON)

    assert weights(applied(design, edit)) == {"a": 0.5, "b": 0.125, "c": 0.1875, "d": 0.1875}
    assert edit.changed == {}


@pytest.mark.parametrize(("present", "names"), [(0.3333, "abc"), (0.9, "ab")])
def test_a_draft_that_is_nearly_or_more_than_full_ends_with_one(present: float, names: str) -> None:
    design = make_design(weights=dict.fromkeys(names, present))

    after = applied(design, arms.add(design, [NewVariant(name="z")], NOON))

    share = 1 / (len(names) + 1)
    assert weights(after) == pytest.approx(dict.fromkeys(names + "z", share), rel=1e-15)


def test_inactive_variants_neither_count_nor_give() -> None:
    design = make_design()
    gone = make_variant(name="x", traffic_weight=0.5, is_active=False)
    design = replace(design, variants=[*design.variants, gone])

    after = applied(design, arms.add(design, [NewVariant(name="c")], NOON))

    assert weights(after) == pytest.approx(dict.fromkeys("abc", 1 / 3), rel=1e-15)
    assert arm(after, "x") == gone


def test_rounded_weights_of_a_draft_stay_as_they_were_written() -> None:
    design = make_design(weights={"a": 0.3333, "b": 0.3333})

    edit = arms.add(design, [NewVariant(name="c", traffic_weight=0.3333)], NOON)

    assert edit.changed == {}
    assert weights(applied(design, edit)) == {"a": 0.3333, "b": 0.3333, "c": 0.3333}


def test_weights_of_a_draft_may_sum_to_anything() -> None:
    edit = arms.add(make_design(), [NewVariant(name="c", traffic_weight=0.9)], NOON)

    assert edit.changes.default_traffic_split == {"a": 0.5, "b": 0.5, "c": 0.9}
    assert edit.changed == {}


def test_a_new_control_of_a_draft_relieves_the_old_one() -> None:
    design = make_design()

    edit = arms.add(design, [NewVariant(name="c", traffic_weight=0.0, is_control=True)], NOON)

    assert edit.changed == {arm(design, "a").id: VariantChanges(is_control=False)}
    assert [one.name for one in applied(design, edit).variants if one.is_control] == ["c"]


def test_a_running_experiment_gets_no_second_control() -> None:
    new = [NewVariant(name="c"), NewVariant(name="d", is_control=True)]

    assert faults(lambda: arms.add(make_design(ACTIVE), new, NOON)) == [
        (("variants", 1, "is_control"), "a running experiment has its control")
    ]


@pytest.mark.parametrize("status", [DRAFT, ACTIVE, PAUSED])
def test_a_name_that_is_taken_is_refused_at_its_place(status: ExperimentStatus) -> None:
    design = make_design(status)
    gone = make_variant(name="x", is_active=False)
    design = replace(design, variants=[*design.variants, gone])
    new = [NewVariant(name=name) for name in ("c", "b", "x")]

    with pytest.raises(Invalid) as raised:
        arms.add(design, new, NOON)

    assert [(type(refusal), refusal.path) for refusal in raised.value.refusals] == [
        (NameTaken, ("variants", 1, "name")),
        (NameTaken, ("variants", 2, "name")),
    ]


def test_nothing_cannot_be_added() -> None:
    assert faults(lambda: arms.add(make_design(), [], NOON)) == [
        (("variants",), "must not be empty")
    ]


def test_an_experiment_has_at_most_a_hundred_variants_inactive_ones_too() -> None:
    many = [make_variant(is_active=False) for _ in range(MAX_VARIANTS)]
    design = Design(experiment=make_experiment(), variants=many)

    assert faults(lambda: arms.add(design, [NewVariant(name="a")], NOON)) == [
        (("variants",), "an experiment has at most 100 variants")
    ]
    assert arms.add(replace(design, variants=many[1:]), [NewVariant(name="a")], NOON).added


@pytest.mark.parametrize("weight", [math.nan, math.inf, -math.inf, -0.1, 1.1])
def test_an_impossible_weight_is_refused_at_its_place(weight: float) -> None:
    new = [
        NewVariant(name="c", traffic_weight=math.inf),
        NewVariant(name="d", traffic_weight=weight),
    ]

    assert [path for path, _ in faults(lambda: arms.add(make_design(ACTIVE), new, NOON))] == [
        ("variants", 0, "traffic_weight"),
        ("variants", 1, "traffic_weight"),
    ]
