import math
from dataclasses import fields
from typing import Any

import pytest

from domain.creation import NewExperiment, build_experiment, check_new
from domain.experiments import Correction, Experiment, ExperimentStatus
from domain.ids import NIL, ProjectId
from domain.metrics import MetricRole
from domain.variants import NewVariant
from tests.domain.refusals import Fault, faults
from tests.factories import NOON, make_new_metric

PROJECT = ProjectId(NIL)


def refused(**changes: Any) -> list[Fault]:
    return faults(lambda: check_new(NewExperiment(**({"name": "checkout"} | changes))))


def test_a_name_is_enough() -> None:
    assert refused() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "\t"),
        ("name", "x" * 10_000),
        ("name", "a\0b"),
        ("name", "a\nb"),
        ("name", "\ud800"),
        ("description", "x" * 20_001),
        ("description", "\0"),
        ("hypothesis", "\0"),
        ("target_bot", "\udfff"),
        ("target_bot", "x" * 201),
        ("target_url", ""),
        ("target_url", " /pay"),
        ("target_url", "/p\u2028ay"),
        ("target_url", "/p\nay"),
        ("target_url", "x" * 2001),
        ("metric_type", ""),
        ("minimum_sample_size", 0),
        ("minimum_sample_size", 1_000_000_001),
        ("traffic_allocation", -0.01),
        ("traffic_allocation", 1.01),
        ("traffic_allocation", math.nan),
        ("alpha", 0.0),
        ("alpha", 1.0),
        ("alpha", math.nan),
        ("power", 0.0),
        ("power", 1.0),
        ("hash_seed", ""),
        ("hash_seed", "x" * 201),
        ("metadata", 5),
        ("metadata", {"a": 10**30}),
        ("metadata", {"a": "x" * 65_536}),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_each_field_is_checked_at_its_place(field: str, value: Any) -> None:
    assert [path for path, _ in refused(**{field: value})] == [(field,)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("traffic_allocation", 0.0),
        ("traffic_allocation", 1.0),
        ("minimum_sample_size", 1),
        ("minimum_sample_size", 1_000_000_000),
        ("target_url", "x" * 2000),
        ("hash_seed", "another"),
        ("metadata", []),
        ("description", ""),
        ("description", "One line\nand another"),
        ("target_url", None),
        ("target_bot", ""),
        ("target_bot", "x" * 200),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_the_bounds_themselves_are_allowed(field: str, value: Any) -> None:
    assert refused(**{field: value}) == []


def test_everything_wrong_is_said_at_once() -> None:
    secondary = make_new_metric(name="", role=MetricRole.SECONDARY)

    found = refused(
        name=" ",
        alpha=2.0,
        metadata=[math.nan],
        metrics=[secondary],
        variants=[NewVariant(name="a", traffic_weight=-1.0), NewVariant(name="a")],
    )

    assert [path for path, _ in found] == [
        ("name",),
        ("metadata",),
        ("alpha",),
        ("metrics",),
        ("metrics", 0, "name"),
        ("variants", 1, "name"),
        ("variants", 0, "traffic_weight"),
    ]


def test_an_experiment_begins_as_a_draft() -> None:
    design, definitions = build_experiment(PROJECT, NewExperiment(name="checkout"), NOON)

    experiment = design.experiment
    assert (experiment.status, experiment.version, experiment.phase) == (
        ExperimentStatus.DRAFT,
        1,
        0,
    )
    assert (experiment.started_at, experiment.completed_at) == (None, None)
    assert (experiment.created_at, experiment.updated_at) == (NOON, NOON)
    assert (experiment.alpha, experiment.power) == (0.05, 0.8)
    assert (experiment.correction, experiment.minimum_sample_size) == (Correction.HOLM, 1000)
    assert (experiment.metadata, experiment.default_traffic_split) == ({}, {})
    assert (design.variants, definitions) == ([], [])


def test_the_name_is_the_seed_unless_another_is_given() -> None:
    named, _ = build_experiment(PROJECT, NewExperiment(name="checkout"), NOON)
    seeded, _ = build_experiment(PROJECT, NewExperiment(name="checkout", hash_seed="old"), NOON)

    assert (named.experiment.hash_seed, seeded.experiment.hash_seed) == ("checkout", "old")


def test_what_was_said_is_kept() -> None:
    said: dict[str, Any] = {
        "name": "checkout",
        "description": "d",
        "target_url": "/pay",
        "alpha": 0.01,
        "traffic_allocation": 0.5,
        "metadata": [1],
    }

    design, _ = build_experiment(PROJECT, NewExperiment(**said), NOON)

    assert {name: getattr(design.experiment, name) for name in said} == said


def test_every_field_said_of_a_new_experiment_is_one_of_the_experiment() -> None:
    names = {field.name for field in fields(Experiment)}

    assert {field.name for field in fields(NewExperiment)} - names == {"metrics", "variants"}


def test_weights_left_open_share_the_rest() -> None:
    new = NewExperiment(
        name="checkout",
        variants=[
            NewVariant(name="a", traffic_weight=0.5, is_control=True),
            NewVariant(name="b"),
            NewVariant(name="c"),
        ],
    )

    design, _ = build_experiment(PROJECT, new, NOON)

    assert [variant.traffic_weight for variant in design.variants] == [0.5, 0.25, 0.25]
    assert [variant.position for variant in design.variants] == [0, 1, 2]
    assert {variant.experiment_id for variant in design.variants} == {design.experiment.id}
    assert design.experiment.default_traffic_split == {"a": 0.5, "b": 0.25, "c": 0.25}


def test_weights_of_a_draft_need_not_sum_to_one() -> None:
    variants = [NewVariant(name=name, traffic_weight=0.9) for name in ("a", "b")]
    new = NewExperiment(name="checkout", variants=variants)

    check_new(new)
    design, _ = build_experiment(PROJECT, new, NOON)

    assert design.experiment.default_traffic_split == {"a": 0.9, "b": 0.9}


def test_metrics_are_built_for_the_experiment() -> None:
    design, [definition] = build_experiment(
        PROJECT, NewExperiment(name="checkout", metrics=[make_new_metric()]), NOON
    )

    assert definition.experiment_id == design.experiment.id
    assert (definition.name, definition.role) == ("orders", MetricRole.PRIMARY)
