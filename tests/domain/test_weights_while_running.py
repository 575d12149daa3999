import math
import random

import pytest

from domain import arms
from domain.errors import InvalidInput
from domain.experiments import Edit, ExperimentChanges, ExperimentStatus
from domain.variants import NewVariant, VariantChanges
from tests.domain.designs import applied, arm, changed, deactivated, reactivated, weights
from tests.factories import NOON, make_design, make_phase

DRAFT, ACTIVE, PAUSED, COMPLETED, ARCHIVED = ExperimentStatus


@pytest.mark.parametrize("status", [ACTIVE, PAUSED])
def test_others_give_in_proportion_to_what_is_added_while_running(
    status: ExperimentStatus,
) -> None:
    design = make_design(status, {"a": 0.25, "b": 0.75})

    edit = arms.add(design, [NewVariant(name="c", traffic_weight=0.5)], NOON)

    after = {"a": 0.125, "b": 0.375, "c": 0.5}
    assert weights(applied(design, edit)) == after
    assert edit.changes == ExperimentChanges(phase=2)
    assert edit.phase == make_phase(experiment_id=design.experiment.id, number=2, weights=after)


def test_without_a_weight_a_variant_added_while_running_has_none() -> None:
    design = make_design(ACTIVE)

    edit = arms.add(design, [NewVariant(name="c")], NOON)

    assert weights(applied(design, edit)) == {"a": 0.5, "b": 0.5, "c": 0.0}
    assert edit.phase is not None
    assert edit.changed == {}


def test_what_is_added_while_running_may_take_all() -> None:
    design = make_design(ACTIVE)

    after = applied(design, arms.add(design, [NewVariant(name="c", traffic_weight=1.0)], NOON))

    assert weights(after) == {"a": 0.0, "b": 0.0, "c": 1.0}


def test_what_is_added_while_running_takes_all_where_it_is_told_a_little_more() -> None:
    design = make_design(ACTIVE)
    new = [NewVariant(name=name, traffic_weight=0.5001) for name in ("c", "d")]

    edit = arms.add(design, new, NOON)

    after = {"a": 0.0, "b": 0.0, "c": 0.5, "d": 0.5}
    assert weights(applied(design, edit)) == after
    assert edit.phase is not None
    assert edit.phase.weights == after


def test_an_open_weight_is_none_even_where_another_is_given() -> None:
    design = make_design(ACTIVE)
    new = [NewVariant(name="c", traffic_weight=0.5), NewVariant(name="d")]

    after = applied(design, arms.add(design, new, NOON))

    assert weights(after) == {"a": 0.25, "b": 0.25, "c": 0.5, "d": 0.0}


def test_what_is_added_while_running_cannot_take_more_than_all() -> None:
    new = [NewVariant(name="c", traffic_weight=0.6), NewVariant(name="d", traffic_weight=0.6)]

    with pytest.raises(InvalidInput) as raised:
        arms.add(make_design(ACTIVE), new, NOON)

    assert raised.value.path == ("variants",)
    assert raised.value.message == "the weights sum to 1.2: at most 1 is there"


@pytest.mark.parametrize("status", [ACTIVE, PAUSED])
def test_rounded_weights_stay_as_they_are_until_they_are_changed(status: ExperimentStatus) -> None:
    design = make_design(status, {"a": 0.3333333, "b": 0.3333333, "c": 0.3333333})

    assert changed(design, "b", label="New").phase is None
    assert changed(design, "b", traffic_weight=0.3333333).is_empty


@pytest.mark.parametrize("status", [ACTIVE, PAUSED])
def test_a_new_weight_while_running_is_taken_from_the_others(status: ExperimentStatus) -> None:
    design = make_design(status, {"a": 0.25, "b": 0.5, "c": 0.25})

    edit = changed(design, "b", traffic_weight=0.75)

    after = {"a": 0.125, "b": 0.75, "c": 0.125}
    assert weights(applied(design, edit)) == after
    assert edit.changes == ExperimentChanges(phase=2)
    assert edit.phase == make_phase(experiment_id=design.experiment.id, number=2, weights=after)


def test_the_next_phase_is_numbered_after_the_last() -> None:
    design = make_design(ACTIVE)
    design = applied(design, changed(design, "b", traffic_weight=0.75))

    edit = changed(design, "b", traffic_weight=0.25)

    assert edit.phase is not None
    assert (edit.phase.number, edit.changes.phase) == (3, 3)


def test_others_that_had_nothing_share_equally() -> None:
    design = make_design(ACTIVE, {"a": 0.0, "b": 1.0, "c": 0.0})

    after = applied(design, changed(design, "b", traffic_weight=0.5))

    assert weights(after) == {"a": 0.25, "b": 0.5, "c": 0.25}


def test_an_arm_that_is_alone_keeps_all_of_the_traffic() -> None:
    design = deactivated(make_design(ACTIVE), "b")

    with pytest.raises(InvalidInput) as raised:
        changed(design, "a", traffic_weight=0.5)

    assert weights(design) == {"a": 1.0}
    assert raised.value.path == ("traffic_weight",)
    assert changed(design, "a", traffic_weight=1.0).is_empty


@pytest.mark.parametrize("rounded", [0.9998, 1 - 1e-7])
def test_an_arm_that_is_alone_has_all_where_it_is_told_nearly_all(rounded: float) -> None:
    design = deactivated(make_design(ACTIVE), "b")

    assert changed(design, "a", traffic_weight=rounded).is_empty


def test_the_weight_of_an_inactive_arm_moves_nobody_while_running() -> None:
    design = deactivated(make_design(ACTIVE), "b")

    edit = changed(design, "b", traffic_weight=0.2)

    assert edit == Edit(changed={arm(design, "b").id: VariantChanges(traffic_weight=0.2)})


@pytest.mark.parametrize("status", [ACTIVE, PAUSED])
def test_others_share_what_a_deactivated_arm_had(status: ExperimentStatus) -> None:
    design = make_design(status, {"a": 0.25, "b": 0.25, "c": 0.5})

    edit = arms.deactivate(design, arm(design, "c"), NOON)

    assert weights(applied(design, edit)) == {"a": 0.5, "b": 0.5}
    assert edit.changed[arm(design, "c").id] == VariantChanges(is_active=False)
    assert edit.changes == ExperimentChanges(phase=2)
    assert edit.phase == make_phase(
        experiment_id=design.experiment.id, number=2, weights={"a": 0.5, "b": 0.5}
    )


def test_an_arm_without_users_leaves_nothing_behind_but_a_phase() -> None:
    design = make_design(ACTIVE, {"a": 0.5, "b": 0.5, "c": 0.0})

    edit = arms.deactivate(design, arm(design, "c"), NOON)

    assert list(edit.changed) == [arm(design, "c").id]
    assert edit.phase is not None
    assert edit.phase.weights == {"a": 0.5, "b": 0.5}


def test_an_arm_that_is_reactivated_restores_the_weights() -> None:
    chance = random.Random(2)  # noqa: S311  # a test's, not a secret
    for _ in range(200):
        parts = [chance.random() + 1e-3 for _ in range(chance.randint(2, 8))]
        begun = {f"v{place}": part / math.fsum(parts) for place, part in enumerate(parts)}
        design = make_design(ACTIVE, begun)

        after = reactivated(deactivated(design, "v1"), "v1")

        assert weights(after) == pytest.approx(begun, rel=0, abs=1e-12)


def test_arms_reactivated_in_the_other_order_restore_the_weights() -> None:
    begun = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}
    design = make_design(ACTIVE, begun)

    for name in ("b", "c", "d"):
        design = deactivated(design, name)
    assert weights(design) == {"a": 1.0}
    for name in ("d", "c", "b"):
        design = reactivated(design, name)

    assert weights(design) == pytest.approx(begun, rel=0, abs=1e-12)


def test_an_arm_that_had_all_takes_all_again() -> None:
    design = deactivated(make_design(ACTIVE, {"a": 0.0, "b": 1.0, "c": 0.0}), "b")
    assert weights(design) == {"a": 0.5, "c": 0.5}

    assert weights(reactivated(design, "b")) == {"a": 0.0, "b": 1.0, "c": 0.0}
