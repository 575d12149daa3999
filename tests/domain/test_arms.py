import math
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from domain import arms
from domain.arms import VariantUpdate
from domain.changes import UNSET, given
from domain.design import MAX_VARIANTS, Design, split
from domain.errors import DomainError, InUse, Invalid, InvalidInput, Path
from domain.experiments import Edit, ExperimentChanges, ExperimentStatus
from domain.variants import NewVariant, Variant, VariantChanges
from tests.factories import NOON, make_experiment, make_phase, make_variant

DRAFT, ACTIVE, PAUSED, COMPLETED, ARCHIVED = ExperimentStatus
Decision = Callable[[Design, Variant, datetime], Edit]


def make_design(status: ExperimentStatus = DRAFT, **weights: float) -> Design:
    """The first variant is the control."""
    weights = weights or {"a": 0.5, "b": 0.5}
    experiment = make_experiment(
        name="checkout",
        status=status,
        phase=0 if status is DRAFT else 1,
        default_traffic_split=weights,
    )
    variants = [
        make_variant(
            name=name,
            experiment_id=experiment.id,
            traffic_weight=weight,
            is_control=place == 0,
            position=place,
        )
        for place, (name, weight) in enumerate(weights.items())
    ]
    return Design(experiment=experiment, variants=variants)


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


def faults(decide: Callable[[], Edit]) -> list[tuple[Path, str]]:
    with pytest.raises(Invalid) as raised:
        decide()
    return [(refusal.path, refusal.message) for refusal in raised.value.refusals]


def test_variants_are_added_behind_the_others() -> None:
    design = make_design(a=0.5)

    edit = arms.add(design, [NewVariant(name="b", traffic_weight=0.25), NewVariant(name="c")], NOON)

    assert [(one.name, one.position, one.traffic_weight) for one in edit.added] == [
        ("b", 1, 0.25),
        ("c", 2, 0.25),
    ]
    assert {one.experiment_id for one in edit.added} == {design.experiment.id}
    assert (edit.changed, edit.removed, edit.phase) == ({}, frozenset(), None)


def test_positions_go_on_behind_the_last_one_even_if_inactive() -> None:
    design = make_design(a=1.0)
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
    edit = arms.add(make_design(a=0.5), [NewVariant(name="b")], NOON)

    assert edit.changes == ExperimentChanges(default_traffic_split={"a": 0.5, "b": 0.5})


def test_weights_of_a_draft_may_sum_to_anything() -> None:
    edit = arms.add(make_design(), [NewVariant(name="c", traffic_weight=0.9)], NOON)

    assert edit.changes.default_traffic_split == {"a": 0.5, "b": 0.5, "c": 0.9}


def test_a_new_control_of_a_draft_relieves_the_old_one() -> None:
    design = make_design()

    edit = arms.add(design, [NewVariant(name="c", is_control=True)], NOON)

    assert edit.changed == {arm(design, "a").id: VariantChanges(is_control=False)}
    assert [one.name for one in applied(design, edit).variants if one.is_control] == ["c"]


@pytest.mark.parametrize("status", [ACTIVE, PAUSED])
def test_others_give_in_proportion_to_what_is_added_while_running(
    status: ExperimentStatus,
) -> None:
    design = make_design(status, a=0.25, b=0.75)

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


def test_what_is_added_while_running_cannot_take_more_than_all() -> None:
    new = [NewVariant(name="c", traffic_weight=0.6), NewVariant(name="d", traffic_weight=0.6)]

    with pytest.raises(InvalidInput) as raised:
        arms.add(make_design(ACTIVE), new, NOON)

    assert raised.value.path == ("variants",)
    assert raised.value.message == "the weights sum to 1.2: at most 1 is there"


def test_a_running_experiment_gets_no_second_control() -> None:
    new = [NewVariant(name="c"), NewVariant(name="d", is_control=True)]

    assert faults(lambda: arms.add(make_design(ACTIVE), new, NOON)) == [
        (("variants", 1, "is_control"), "a running experiment has its control")
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
        ("position", 9),
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


@pytest.mark.parametrize("status", [ACTIVE, PAUSED])
def test_rounded_weights_stay_as_they_are_until_they_are_changed(status: ExperimentStatus) -> None:
    design = make_design(status, a=0.3333333, b=0.3333333, c=0.3333333)

    assert changed(design, "b", label="New").phase is None
    assert changed(design, "b", traffic_weight=0.3333333).is_empty


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


@pytest.mark.parametrize("status", [ACTIVE, PAUSED])
def test_a_new_weight_while_running_is_taken_from_the_others(status: ExperimentStatus) -> None:
    design = make_design(status, a=0.25, b=0.5, c=0.25)

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
    design = make_design(ACTIVE, a=0.0, b=1.0, c=0.0)

    after = applied(design, changed(design, "b", traffic_weight=0.5))

    assert weights(after) == {"a": 0.25, "b": 0.5, "c": 0.25}


def test_an_arm_that_is_alone_keeps_all_of_the_traffic() -> None:
    design = deactivated(make_design(ACTIVE), "b")

    with pytest.raises(InvalidInput) as raised:
        changed(design, "a", traffic_weight=0.5)

    assert weights(design) == {"a": 1.0}
    assert raised.value.path == ("traffic_weight",)
    assert changed(design, "a", traffic_weight=1.0).is_empty
    assert changed(design, "a", traffic_weight=1 - 1e-7).phase is not None


def test_the_weight_of_an_inactive_arm_moves_nobody_while_running() -> None:
    design = deactivated(make_design(ACTIVE), "b")

    edit = changed(design, "b", traffic_weight=0.2)

    assert edit == Edit(changed={arm(design, "b").id: VariantChanges(traffic_weight=0.2)})


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
    [("b", {"is_control": True}), ("a", {"is_control": False}), ("a", {"name": "z"})],
)
def test_name_and_control_are_locked_while_running(
    status: ExperimentStatus, name: str, wanted: dict[str, Any]
) -> None:
    assert faults(lambda: changed(make_design(status), name, **wanted)) == [
        ((*wanted,), "can only be changed in a DRAFT")
    ]


@pytest.mark.parametrize("status", [ACTIVE, PAUSED])
def test_others_share_what_a_deactivated_arm_had(status: ExperimentStatus) -> None:
    design = make_design(status, a=0.25, b=0.25, c=0.5)

    edit = arms.deactivate(design, arm(design, "c"), NOON)

    assert weights(applied(design, edit)) == {"a": 0.5, "b": 0.5}
    assert edit.changed[arm(design, "c").id] == VariantChanges(is_active=False)
    assert edit.changes == ExperimentChanges(phase=2)
    assert edit.phase == make_phase(
        experiment_id=design.experiment.id, number=2, weights={"a": 0.5, "b": 0.5}
    )


def test_an_arm_without_users_leaves_nothing_behind_but_a_phase() -> None:
    design = make_design(ACTIVE, a=0.5, b=0.5, c=0.0)

    edit = arms.deactivate(design, arm(design, "c"), NOON)

    assert list(edit.changed) == [arm(design, "c").id]
    assert edit.phase is not None
    assert edit.phase.weights == {"a": 0.5, "b": 0.5}


def test_an_arm_that_is_reactivated_restores_the_weights() -> None:
    chance = random.Random(2)  # noqa: S311  # a test's, not a secret
    for _ in range(200):
        parts = [chance.random() + 1e-3 for _ in range(chance.randint(2, 8))]
        begun = {f"v{place}": part / math.fsum(parts) for place, part in enumerate(parts)}
        design = make_design(ACTIVE, **begun)

        after = reactivated(deactivated(design, "v1"), "v1")

        assert weights(after) == pytest.approx(begun, rel=0, abs=1e-12)


def test_arms_reactivated_in_the_other_order_restore_the_weights() -> None:
    begun = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}
    design = make_design(ACTIVE, **begun)

    for name in ("b", "c", "d"):
        design = deactivated(design, name)
    assert weights(design) == {"a": 1.0}
    for name in ("d", "c", "b"):
        design = reactivated(design, name)

    assert weights(design) == pytest.approx(begun, rel=0, abs=1e-12)


def test_an_arm_that_had_all_takes_all_again() -> None:
    design = deactivated(make_design(ACTIVE, a=0.0, b=1.0, c=0.0), "b")
    assert weights(design) == {"a": 0.5, "c": 0.5}

    assert weights(reactivated(design, "b")) == {"a": 0.0, "b": 1.0, "c": 0.0}


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
    design = make_design(a=0.25, b=0.75)

    edit = arms.remove(design, arm(design, "b"), NOON)

    assert edit == Edit(
        changes=ExperimentChanges(default_traffic_split={"a": 0.25}),
        removed=frozenset({arm(design, "b").id}),
    )


def test_an_inactive_variant_leaves_the_split_of_a_draft_alone() -> None:
    design = deactivated(make_design(), "b")

    edit = arms.remove(design, arm(design, "b"), NOON)

    assert edit == Edit(removed=frozenset({arm(design, "b").id}))


@pytest.mark.parametrize("status", [ACTIVE, PAUSED, COMPLETED, ARCHIVED])
def test_a_variant_that_had_users_is_not_removed(status: ExperimentStatus) -> None:
    design = make_design(status)

    with pytest.raises(InUse) as raised:
        arms.remove(design, arm(design, "b"), NOON)

    assert raised.value.path == ("id",)
    assert raised.value.message == (
        f"the experiment is {status.name}: deactivate the variant instead"
    )


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
    assert raised.value.message == (f"the variants of a {status.name} experiment cannot be changed")


def random_edit(chance: random.Random, design: Design, step: int) -> Edit:
    variant = chance.choice(design.variants)
    match chance.randrange(6):
        case 0:
            weight = chance.choice([None, 0.0, chance.random(), 1.0])
            return arms.add(design, [NewVariant(name=f"n{step}", traffic_weight=weight)], NOON)
        case 1 | 2:
            weight = chance.choice([0.0, 1.0, chance.random(), chance.random() ** 30])
            return arms.change(design, variant, VariantUpdate(traffic_weight=weight), NOON)
        case 3:
            return arms.change(design, variant, VariantUpdate(label=f"l{step}"), NOON)
        case 4:
            return arms.deactivate(design, variant, NOON)
        case _:
            return arms.reactivate(design, variant, NOON)


def check_step(before: Design, edit: Edit, after: Design) -> None:
    assert math.fsum(weights(after).values()) == pytest.approx(1.0, rel=0, abs=1e-12)
    assert [one.name for one in after.active if one.is_control] == ["a"]
    assert all(0 <= one.traffic_weight <= 1 for one in after.variants)
    assert (edit.phase is None) is (weights(before) == weights(after))
    assert edit.changes.default_traffic_split is UNSET
    if edit.phase is not None:
        assert edit.phase.number == before.experiment.phase + 1 == after.experiment.phase
        assert edit.phase.weights == weights(after)


@pytest.mark.parametrize("seed", range(40))
def test_weights_of_a_running_experiment_sum_to_one_whatever_is_done(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # a test's, not a secret
    design = make_design(chance.choice([ACTIVE, PAUSED]), a=0.2, b=0.3, c=0.5)
    done = 0

    for step in range(100):
        try:
            edit = random_edit(chance, design, step)
        except (DomainError, Invalid):
            continue
        before, design = design, applied(design, edit)
        check_step(before, edit, design)
        done += 1

    assert done > 50


@pytest.mark.parametrize("seed", range(20))
def test_a_draft_never_opens_a_phase_and_its_split_follows(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # a test's, not a secret
    design = make_design(DRAFT, a=0.2, b=0.3, c=0.5)

    for step in range(100):
        edit = random_edit(chance, design, step)
        design = applied(design, edit)

        assert (edit.phase, edit.changes.phase) == (None, UNSET)
        assert design.experiment.default_traffic_split == weights(design)
