from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from domain import arms
from domain.arms import VariantUpdate
from domain.design import Design
from domain.errors import InUse, InvalidInput, Path
from domain.experiments import Edit, ExperimentChanges, ExperimentStatus
from domain.variants import NewVariant, Variant, VariantChanges
from tests.domain.designs import applied, arm, deactivated, reactivated, weights
from tests.factories import NOON, make_design, make_variant

DRAFT, ACTIVE, PAUSED, COMPLETED, ARCHIVED = ExperimentStatus
Decision = Callable[[Design, Variant, datetime], Edit]


@pytest.mark.parametrize("status", [ACTIVE, PAUSED])
def test_the_control_of_a_running_experiment_stays_active(status: ExperimentStatus) -> None:
    design = make_design(status)

    with pytest.raises(InUse, match=r"^the control of a running experiment cannot be deactivated$"):
        arms.deactivate(design, arm(design, "a"), NOON)


def test_an_inactive_control_does_not_come_back_while_running() -> None:
    design = make_design(ACTIVE)
    other = make_variant(name="c", is_control=True, is_active=False)
    design = replace(design, variants=[*design.variants, other])

    with pytest.raises(InUse, match=r"^a running experiment has its control already$"):
        arms.reactivate(design, other, NOON)


@pytest.mark.parametrize("name", ["a", "b"])
def test_any_arm_of_a_draft_can_be_deactivated_and_keeps_the_weights(name: str) -> None:
    design = make_design()

    edit = arms.deactivate(design, arm(design, name), NOON)

    other = {"a": "b", "b": "a"}[name]
    assert edit == Edit(
        changes=ExperimentChanges(default_traffic_split={other: 0.5}),
        changed={arm(design, name).id: VariantChanges(is_active=False)},
    )
    assert weights(reactivated(applied(design, edit), name)) == {"a": 0.5, "b": 0.5}


@pytest.mark.parametrize("status", [DRAFT, ACTIVE, PAUSED])
def test_twice_is_as_good_as_once(status: ExperimentStatus) -> None:
    design = make_design(status)
    without = deactivated(design, "b")

    assert arms.deactivate(without, arm(without, "b"), NOON).is_empty
    assert arms.reactivate(design, arm(design, "b"), NOON).is_empty


def test_a_variant_of_a_draft_can_be_removed() -> None:
    design = make_design(weights={"a": 0.25, "b": 0.75})

    edit = arms.remove(design, arm(design, "b"), NOON)

    assert edit == Edit(
        changes=ExperimentChanges(default_traffic_split={"a": 0.25}),
        removed=frozenset({arm(design, "b").id}),
    )


def test_an_inactive_variant_leaves_the_split_of_a_draft_alone() -> None:
    design = deactivated(make_design(), "b")

    edit = arms.remove(design, arm(design, "b"), NOON)

    assert edit == Edit(removed=frozenset({arm(design, "b").id}))


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (ACTIVE, "the experiment is ACTIVE and keeps its variants: deactivate it instead"),
        (PAUSED, "the experiment is PAUSED and keeps its variants: deactivate it instead"),
        (COMPLETED, "the experiment is COMPLETED and keeps its variants"),
        (ARCHIVED, "the experiment is ARCHIVED and keeps its variants"),
    ],
)
def test_a_variant_that_had_users_is_not_removed(status: ExperimentStatus, message: str) -> None:
    design = make_design(status)

    with pytest.raises(InUse) as raised:
        arms.remove(design, arm(design, "b"), NOON)

    assert raised.value.path == ("id",)
    assert raised.value.message == message


@pytest.mark.parametrize("status", [COMPLETED, ARCHIVED])
@pytest.mark.parametrize(
    ("decide", "path"),
    [
        (lambda design, one, now: arms.add(design, [NewVariant(name="c")], now), ("experiment",)),
        (lambda design, one, now: arms.change(design, one, VariantUpdate(), now), ("id",)),
        (arms.deactivate, ("id",)),
        (arms.reactivate, ("id",)),
    ],
    ids=["add", "change", "deactivate", "reactivate"],
)
def test_when_it_is_over_the_variants_stay_as_they_are(
    status: ExperimentStatus, decide: Decision, path: Path
) -> None:
    design = make_design(status)

    with pytest.raises(InvalidInput) as raised:
        decide(design, arm(design, "b"), NOON)

    assert raised.value.path == path
    assert raised.value.message == (
        f"the experiment is {status.name}: its variants cannot be changed"
    )
