from dataclasses import replace

from domain.arms import VariantUpdate
from domain.authoring import Authoring
from domain.errors import NotFound
from domain.experiments import ExperimentStatus
from domain.variants import NewVariant
from tests.domain.stored import LATER, US, arm, at, outcome, stored
from tests.fakes import Memory


async def test_added_variants_are_handed_back_without_the_others(
    memory: Memory, authoring: Authoring
) -> None:
    experiment = stored(memory, status=ExperimentStatus.ACTIVE, phase=1)

    edited = await authoring.add_variants(
        US, at(experiment), [NewVariant(name="c", traffic_weight=0.5)]
    )

    assert (edited.experiment.version, edited.experiment.phase) == (2, 2)
    assert [(one.name, one.traffic_weight) for one in edited.variants] == [("c", 0.5)]
    assert [one.traffic_weight for one in memory.of(experiment.id)] == [0.25, 0.25, 0.5]
    [phase] = memory.phases[experiment.id]
    assert phase.weights == {"a": 0.25, "b": 0.25, "c": 0.5}


async def test_a_changed_variant_is_handed_back(memory: Memory, authoring: Authoring) -> None:
    experiment = stored(memory)
    variant = arm(memory, experiment, "b")

    edited = await authoring.update_variant(US, variant.id, VariantUpdate(label="New"))

    assert edited.variants == [replace(variant, label="New", updated_at=LATER)]
    assert edited.experiment.version == 2


async def test_a_variant_goes_and_comes_back(memory: Memory, authoring: Authoring) -> None:
    experiment = stored(memory, status=ExperimentStatus.ACTIVE, phase=1)
    variant = arm(memory, experiment, "b")

    gone = await authoring.deactivate_variant(US, variant.id)
    back = await authoring.reactivate_variant(US, variant.id)

    assert [one.is_active for one in (*gone.variants, *back.variants)] == [False, True]
    assert [phase.weights for phase in memory.phases[experiment.id]] == [
        {"a": 1.0},
        {"a": 0.5, "b": 0.5},
    ]


async def test_a_variant_is_removed_from_a_draft(memory: Memory, authoring: Authoring) -> None:
    experiment = stored(memory)
    variant = arm(memory, experiment, "b")

    assert await authoring.remove_variant(US, variant.id) == variant.id

    assert [one.name for one in memory.of(experiment.id)] == ["a"]
    assert memory.experiments[experiment.id].default_traffic_split == {"a": 0.5}
    assert isinstance(await outcome(authoring.remove_variant(US, variant.id)), NotFound)
