import math
from typing import Any
from uuid import UUID

import pytest

from domain.checks import Checks
from domain.design import (
    MAX_VARIANTS,
    Design,
    build_variant,
    check_new_variants,
    check_variant,
    split,
)
from domain.experiments import ExperimentStatus, Phase
from domain.variants import NewVariant
from tests.domain.refusals import Fault, faults
from tests.factories import NOON, make_experiment, make_variant


def refused(*new: NewVariant) -> list[Fault]:
    checks = Checks()
    check_new_variants(checks, ("variants",), new)
    return faults(checks.done)


@pytest.mark.parametrize(
    ("status", "draft", "running"),
    [
        (ExperimentStatus.DRAFT, True, False),
        (ExperimentStatus.ACTIVE, False, True),
        (ExperimentStatus.PAUSED, False, True),
        (ExperimentStatus.COMPLETED, False, False),
        (ExperimentStatus.ARCHIVED, False, False),
    ],
)
def test_a_design_is_a_draft_or_running_or_over(
    status: ExperimentStatus, draft: bool, running: bool
) -> None:
    design = Design(experiment=make_experiment(status=status), variants=[])

    assert (design.is_draft, design.is_running) == (draft, running)


def test_the_split_is_that_of_the_active_variants() -> None:
    variants = [
        make_variant(name="a", traffic_weight=0.25),
        make_variant(name="b", traffic_weight=0.5, is_active=False),
        make_variant(name="c", traffic_weight=0.75),
    ]

    assert split(variants) == {"a": 0.25, "c": 0.75}
    assert Design(experiment=make_experiment(), variants=variants).active == [
        variants[0],
        variants[2],
    ]


def test_the_next_phase_is_numbered_and_keeps_what_is_not_said() -> None:
    experiment = make_experiment(phase=4, traffic_allocation=0.3)
    design = Design(experiment=experiment, variants=[make_variant(name="a", traffic_weight=1.0)])

    assert design.next_phase(NOON) == Phase(
        experiment_id=experiment.id,
        number=5,
        weights={"a": 1.0},
        traffic_allocation=0.3,
        plug_ins={},
        opened_at=NOON,
    )


def test_the_next_phase_takes_new_weights_and_no_traffic() -> None:
    design = Design(experiment=make_experiment(), variants=[make_variant(name="a")])

    phase = design.next_phase(NOON, weights={"b": 1.0}, traffic_allocation=0.0)

    assert (phase.weights, phase.traffic_allocation) == ({"b": 1.0}, 0.0)


def test_variants_may_say_nothing_but_their_names() -> None:
    assert refused() == []
    assert refused(NewVariant(name="a"), NewVariant(name="b")) == []


def test_a_name_is_given_once() -> None:
    twice = [NewVariant(name=name) for name in ("a", "b", "a")]

    assert refused(*twice) == [(("variants", 2, "name"), "'a' is named twice")]


def test_at_most_one_variant_is_the_control() -> None:
    two = [NewVariant(name=name, is_control=True) for name in ("a", "b")]

    assert refused(*two) == [(("variants",), "at most one variant can be the control")]
    assert refused(two[0], NewVariant(name="b")) == []


def test_there_are_at_most_a_hundred_variants() -> None:
    new = [NewVariant(name=f"v{place}") for place in range(MAX_VARIANTS + 1)]

    assert refused(*new[:-1]) == []
    assert refused(*new) == [(("variants",), "has 101 entries: at most 100")]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 10_000),
        ("name", "a\0b"),
        ("label", "x" * 20_001),
        ("description", "\0"),
        ("response_template", "\ud800"),
        ("system_prompt", "\0"),
        ("config_overrides", "text"),
        ("config_overrides", {"a": math.nan}),
        ("content", {"a": "x" * 65_536}),
        ("traffic_weight", -0.1),
        ("traffic_weight", 1.1),
        ("traffic_weight", math.nan),
        ("traffic_weight", math.inf),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_each_field_is_checked_at_its_place(field: str, value: Any) -> None:
    fields: dict[str, Any] = {"name": "b", field: value}

    assert [path for path, _ in refused(NewVariant(name="a"), NewVariant(**fields))] == [
        ("variants", 1, field)
    ]


def test_all_faults_of_all_variants_are_said_at_once() -> None:
    wrong = [NewVariant(name="", traffic_weight=2.0), NewVariant(name=" ", content=[math.nan])]

    assert [path for path, _ in refused(*wrong)] == [
        ("variants", 0, "name"),
        ("variants", 0, "traffic_weight"),
        ("variants", 1, "name"),
        ("variants", 1, "content"),
    ]


def test_a_stored_variant_is_checked_alike() -> None:
    checks = Checks()

    check_variant(checks, (), make_variant(traffic_weight=-1.0))

    assert faults(checks.done) == [(("traffic_weight",), "is -1: it must be from 0 to 1")]


def test_a_variant_is_built_active_and_without_any_users() -> None:
    new = NewVariant(name="a", label="A", content={"x": 1}, traffic_weight=0.9, is_control=True)

    built = build_variant(new, experiment=UUID(int=7), weight=0.4, position=2, now=NOON)

    assert (built.name, built.label, built.content) == ("a", "A", {"x": 1})
    assert (built.experiment_id, built.position, built.traffic_weight) == (UUID(int=7), 2, 0.4)
    assert (built.is_control, built.is_active) == (True, True)
    assert (built.impressions, built.conversions, built.total_value) == (0, 0, 0.0)
    assert (built.created_at, built.updated_at) == (NOON, NOON)


def test_documents_left_out_are_empty_and_empty_lists_stay_lists() -> None:
    new = NewVariant(name="a", config_overrides=None, content=[])

    built = build_variant(new, experiment=UUID(int=7), weight=0.5, position=0, now=NOON)

    assert (built.config_overrides, built.content) == ({}, [])
