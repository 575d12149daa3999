"""What a bandit knows is sealed, of one phase, and given up where it cannot be believed."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from domain import arms, editing, lifecycle
from domain.analysis.sums import Sums
from domain.arms import VariantUpdate
from domain.bandits import (
    BanditFault,
    Beliefs,
    Counted,
    Outrun,
    is_shared_equally,
    shared_equally,
)
from domain.design import Design
from domain.editing import ExperimentUpdate
from domain.errors import Invalid, InvalidInput
from domain.experiments import Edit
from domain.variants import NewVariant
from tests.domain.designs import applied, weights
from tests.domain.gambling import (
    BELIEFS,
    LATER,
    changed,
    draft,
    learned,
    started,
    states,
    stepped,
    variant_of,
    with_arm,
)
from tests.factories import NOON, make_design, make_phase
from tests.fake_box import FakeBox


def test_a_bandit_starts_with_equal_weights_and_knows_nothing() -> None:
    design = started("a", "b", "c", "d")

    assert weights(design) == dict.fromkeys("abcd", 0.25)
    state = states(design)["b"]
    assert (state.alpha, state.beta, state.probability_best) == (1.0, 1.0, 0.25)
    assert (state.weight, state.revision, state.updated_at) == (0.25, 1, LATER)


def test_the_weights_of_a_draft_need_not_sum_to_one() -> None:
    edit = lifecycle.start(draft("a", "b"), now=LATER)

    assert edit.phase is not None


def test_the_phase_that_begins_has_the_weights_of_the_states() -> None:
    design = draft("a", "b")

    edit = BELIEFS.begun(design, lifecycle.start(design, now=LATER), LATER)

    assert edit.phase is not None
    assert (edit.phase.number, edit.phase.weights) == (1, {"a": 0.5, "b": 0.5})


def test_an_experiment_with_fixed_weights_has_no_states() -> None:
    design = make_design(weights={"a": 0.7, "b": 0.3})
    edit = lifecycle.start(design, now=LATER)

    assert BELIEFS.begun(design, edit, LATER) is edit


def test_an_edit_without_a_phase_leaves_the_states_alone() -> None:
    design = started()
    variant = variant_of(design, "a")

    after = stepped(design, arms.change, variant, VariantUpdate(label="new"))

    assert variant_of(after, "a").algorithm_state == variant.algorithm_state
    assert BELIEFS.fault(after) is None


def test_with_a_newcomer_all_weights_are_equal_again_and_nothing_is_forgotten() -> None:
    design = learned(started(), a=0.2, b=0.8)

    after = with_arm(design, "c")

    assert weights(after) == dict.fromkeys("abc", 1 / 3)
    assert [state.alpha for state in states(after).values()] == [7.0, 8.0, 1.0]
    assert {state.revision for state in states(after).values()} == {2}


def test_one_that_comes_back_is_a_newcomer() -> None:
    design = learned(started("a", "b", "c"), a=0.2, b=0.3, c=0.5)
    gone = stepped(design, arms.deactivate, variant_of(design, "c"))

    back = stepped(gone, arms.reactivate, variant_of(gone, "c"))

    assert weights(back) == dict.fromkeys("abc", 1 / 3)
    assert BELIEFS.fault(back) is None


def test_what_one_leaves_the_others_share_in_proportion() -> None:
    design = learned(started("a", "b", "c"), a=0.2, b=0.3, c=0.5)

    after = stepped(design, arms.deactivate, variant_of(design, "c"))

    assert weights(after) == pytest.approx({"a": 0.4, "b": 0.6})
    assert [state.alpha for state in states(after).values()] == [7.0, 8.0]


def test_more_traffic_and_a_pause_change_no_weight() -> None:
    design = learned(started(), a=0.2, b=0.8)

    wider = stepped(design, editing.update, ExperimentUpdate(traffic_allocation=0.5))
    paused = stepped(wider, lifecycle.pause)
    resumed = stepped(paused, lifecycle.resume)

    assert [weights(each) for each in (wider, paused, resumed)] == [{"a": 0.2, "b": 0.8}] * 3
    assert [each.experiment.phase for each in (wider, paused, resumed)] == [2, 2, 3]
    assert BELIEFS.fault(resumed) is None


@pytest.mark.parametrize(
    ("step", "given"),
    [
        (arms.add, [NewVariant(name="c", traffic_weight=0.2)]),
        (arms.change, VariantUpdate(traffic_weight=0.2)),
    ],
)
def test_people_do_not_set_the_weights_of_a_running_bandit(step: Any, given: Any) -> None:
    design = started()
    target = () if step is arms.add else (variant_of(design, "a"),)

    with pytest.raises(InvalidInput, match="the weights of a running bandit follow its results"):
        step(design, *target, given, now=LATER)


def test_what_was_counted_comes_back_digit_by_digit() -> None:
    design = started()
    sums = Sums(users=3, total=Decimal("0.1"), squares=Decimal("1e-40"), events=Decimal(7))
    counted = Counted(until=NOON, sums=sums)
    new = {key: replace(state, counted=counted) for key, state in BELIEFS.of(design).items()}

    after = applied(design, BELIEFS.written(Edit(), design.active, new))

    assert [state.counted for state in states(after).values()] == [counted, counted]


def swapped(design: Design) -> Design:
    return changed(design, "a", algorithm_state=variant_of(design, "b").algorithm_state)


def cut(design: Design) -> Design:
    state = variant_of(design, "a").algorithm_state
    return changed(design, "a", algorithm_state=(state or b"")[:-1])


def put_back(design: Design) -> Design:
    """Sealed by us, for an earlier phase."""
    earlier = variant_of(design, "a").algorithm_state
    later = stepped(design, editing.update, ExperimentUpdate(traffic_allocation=0.5))
    return changed(later, "a", algorithm_state=earlier)


@pytest.mark.parametrize(
    ("tamper", "fault"),
    [
        (swapped, BanditFault.TAMPERED),
        (cut, BanditFault.TAMPERED),
        (put_back, BanditFault.STALE),
        (lambda design: changed(design, "b", algorithm_state=None), BanditFault.MISSING),
        (lambda design: changed(design, "b", traffic_weight=0.9), BanditFault.MISMATCHED),
    ],
)
def test_what_somebody_else_wrote_is_named_and_not_believed(
    tamper: Any, fault: BanditFault
) -> None:
    design = learned(started(), a=0.2, b=0.8)

    tampered = tamper(design)

    assert BELIEFS.fault(design) is None
    assert BELIEFS.fault(tampered) is fault


def test_of_several_faults_the_gravest_is_named() -> None:
    design = changed(swapped(learned(started(), a=0.2, b=0.8)), "b", traffic_weight=0.7)

    assert BELIEFS.fault(design) is BanditFault.TAMPERED


def test_who_has_another_key_believes_nothing() -> None:
    assert Beliefs(FakeBox("other")).fault(started()) is BanditFault.UNKNOWN_KEY


def test_a_retired_arm_may_say_what_it_likes() -> None:
    design = started("a", "b", "c")
    gone = stepped(design, arms.deactivate, variant_of(design, "c"))

    assert BELIEFS.fault(changed(gone, "c", algorithm_state=b"?")) is None


def test_traffic_that_is_shared_equally_is_a_phase_and_leaves_the_seals_as_they_are() -> None:
    design = changed(learned(started(), a=0.2, b=0.8), "a", traffic_weight=0.3)

    edit = shared_equally(design, LATER)
    after = applied(design, edit)

    assert weights(after) == {"a": 0.5, "b": 0.5}
    assert edit.phase is not None
    assert (edit.phase.weights, after.experiment.phase) == ({"a": 0.5, "b": 0.5}, 2)
    assert [one.algorithm_state for one in after.variants] == [
        one.algorithm_state for one in design.variants
    ]
    before = make_phase(weights={"a": 0.2, "b": 0.8})
    assert is_shared_equally(after, edit.phase)
    assert not is_shared_equally(design, edit.phase)
    assert not is_shared_equally(after, before)


def test_resumed_it_begins_again_from_what_is_equal() -> None:
    design = changed(learned(started(), a=0.2, b=0.8), "a", traffic_weight=0.99)
    paused = stepped(design, lifecycle.pause)

    resumed = stepped(paused, lifecycle.resume)

    assert BELIEFS.fault(resumed) is None
    assert weights(resumed) == {"a": 0.5, "b": 0.5}


@pytest.mark.parametrize(
    ("step", "given"),
    [
        (editing.update, ExperimentUpdate(traffic_allocation=0.5)),
        (arms.add, [NewVariant(name="d")]),
        (arms.deactivate, None),
    ],
)
def test_no_other_edit_makes_it_believed_again(step: Any, given: Any) -> None:
    design = changed(learned(started("a", "b", "c"), a=0.2, b=0.3, c=0.5), "a", traffic_weight=0.9)
    target = [variant_of(design, "c")] if given is None else [given]

    after = stepped(design, step, *target)

    assert BELIEFS.fault(after) is not None
    assert len(set(weights(after).values())) == 1
    kept = [one.algorithm_state for one in after.variants if one.name in "abc"]
    assert kept == [one.algorithm_state for one in design.variants]


def test_states_that_are_younger_than_the_experiment_are_no_fault() -> None:
    design = learned(started(), a=0.2, b=0.8)
    earlier = replace(design, experiment=replace(design.experiment, phase=0))

    assert BELIEFS.fault(earlier) is None
    with pytest.raises(Outrun):
        BELIEFS.of(earlier)


def test_what_another_version_sealed_is_not_believed() -> None:
    design = started()
    variant = variant_of(design, "a")
    strange = FakeBox().seal(b'{"alpha": 1}', variant.id)

    assert BELIEFS.fault(changed(design, "a", algorithm_state=strange)) is BanditFault.TAMPERED


def test_what_is_shown_is_what_is_believed() -> None:
    design = learned(started(), a=0.2, b=0.8)
    a, b = design.variants

    shown = BELIEFS.shown(design.experiment, b)

    assert shown is not None
    assert (shown.weight, shown.alpha) == (0.8, 8.0)
    assert BELIEFS.shown(design.experiment, replace(a, algorithm_state=b"?")) is None
    assert BELIEFS.shown(draft().experiment, draft().variants[0]) is None


def test_more_than_ten_arms_would_leave_too_little_for_each() -> None:
    many = [f"arm-{place}" for place in range(11)]

    with pytest.raises(Invalid, match="a bandit has at most 10 active variants, not 11"):
        lifecycle.start(draft(*many), now=LATER)
    with pytest.raises(InvalidInput, match="a bandit has at most 10 active variants"):
        with_arm(started(*many[:10]), "one more")
