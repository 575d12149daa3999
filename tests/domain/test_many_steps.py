import math
import random

import pytest

from domain import arms
from domain.arms import VariantUpdate
from domain.changes import UNSET
from domain.design import Design
from domain.errors import DomainError, Invalid
from domain.experiments import Edit, ExperimentStatus
from domain.variants import NewVariant
from tests.domain.designs import applied, weights
from tests.factories import NOON, make_design

DRAFT, ACTIVE, PAUSED, COMPLETED, ARCHIVED = ExperimentStatus


def random_edit(chance: random.Random, design: Design, step: int) -> Edit:
    variant = chance.choice(design.variants)
    match chance.randrange(6):
        case 0:
            some = chance.random()
            several: list[list[float | None]] = [
                [None],
                [0.0],
                [some],
                [1.0],
                [0.5001] * 2,
                [0.5, None],
            ]
            new = [
                NewVariant(name=f"n{step}-{place}", traffic_weight=weight)
                for place, weight in enumerate(chance.choice(several))
            ]
            return arms.add(design, new, NOON)
        case 1 | 2:
            weight = chance.choice([0.0, 0.9998, 1.0, chance.random(), chance.random() ** 30])
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
    design = make_design(chance.choice([ACTIVE, PAUSED]), {"a": 0.2, "b": 0.3, "c": 0.5})
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
    design = make_design(DRAFT, {"a": 0.2, "b": 0.3, "c": 0.5})

    for step in range(100):
        edit = random_edit(chance, design, step)
        design = applied(design, edit)

        assert (edit.phase, edit.changes.phase) == (None, UNSET)
        assert design.experiment.default_traffic_split == weights(design)
