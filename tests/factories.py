"""Entities with sensible values; a test names only those that it is about."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from domain.assignments import Assignment
from domain.design import Design
from domain.experiments import (
    AllocationMode,
    Correction,
    Experiment,
    ExperimentStatus,
    HashAlgorithm,
    Phase,
)
from domain.ids import NIL, ProjectId, new_id
from domain.metrics import (
    EffectScale,
    Metric,
    MetricAggregation,
    MetricDefinition,
    MetricDirection,
    MetricRole,
    NewMetricDefinition,
)
from domain.projects import Project
from domain.variants import Variant

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def make_project(**changes: Any) -> Project:
    return replace(Project(id=ProjectId(new_id()), name="Shop", created_at=NOON), **changes)


def make_experiment(**changes: Any) -> Experiment:
    unique = f"checkout-{new_id().hex}"
    experiment = Experiment(
        id=new_id(),
        project_id=ProjectId(NIL),
        name=unique,
        description="Fewer steps to pay",
        hypothesis="Fewer steps, more orders",
        target_bot="shop-bot",
        target_url="https://shop.example/checkout",
        metric_type="conversion",
        minimum_sample_size=1000,
        alpha=0.05,
        power=0.8,
        correction=Correction.HOLM,
        status=ExperimentStatus.DRAFT,
        allocation=AllocationMode.FIXED,
        hash_algorithm=HashAlgorithm.GROWTHBOOK_V2,
        hash_seed=unique,
        traffic_allocation=1.0,
        default_traffic_split={"control": 0.5, "treatment": 0.5},
        metadata={"team": "payments"},
        winner_variant=None,
        statistical_significance=None,
        phase=0,
        created_by=None,
        started_at=None,
        completed_at=None,
        created_at=NOON,
        updated_at=NOON,
        version=1,
    )
    return replace(experiment, **changes)


def make_phase(**changes: Any) -> Phase:
    phase = Phase(experiment_id=NIL, number=1, weights={}, traffic_allocation=1.0, opened_at=NOON)
    return replace(phase, **changes)


def make_variant(**changes: Any) -> Variant:
    variant = Variant(
        id=new_id(),
        experiment_id=NIL,
        name=f"variant-{new_id().hex}",
        label="One page",
        description="All on one page",
        response_template="Hello {name}",
        system_prompt="You sell shoes.",
        config_overrides={"steps": 1},
        content={"headline": "Pay now"},
        traffic_weight=0.5,
        is_control=False,
        is_active=True,
        position=0,
        impressions=0,
        conversions=0,
        conversion_rate=0.0,
        total_value=0.0,
        confidence_interval_lower=None,
        confidence_interval_upper=None,
        created_at=NOON,
        updated_at=NOON,
    )
    return replace(variant, **changes)


def make_design(
    status: ExperimentStatus = ExperimentStatus.DRAFT,
    weights: Mapping[str, float] | None = None,
    **changes: Any,
) -> Design:
    """Of variants with these weights, the first of them the control; `changes` are those of the
    experiment."""
    weights = {"a": 0.5, "b": 0.5} if weights is None else weights
    fields = {
        "name": "checkout",
        "status": status,
        "phase": 0 if status is ExperimentStatus.DRAFT else 1,
        "default_traffic_split": dict(weights),
    }
    experiment = make_experiment(**(fields | changes))
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


def make_new_metric(**changes: Any) -> NewMetricDefinition:
    metric = NewMetricDefinition(
        name="orders",
        event_type="order",
        aggregation=MetricAggregation.BINARY,
        role=MetricRole.PRIMARY,
    )
    return replace(metric, **changes)


def make_metric_definition(**changes: Any) -> MetricDefinition:
    definition = MetricDefinition(
        id=new_id(),
        experiment_id=NIL,
        position=0,
        name="orders",
        event_type="order",
        aggregation=MetricAggregation.BINARY,
        role=MetricRole.PRIMARY,
        direction=MetricDirection.INCREASE,
        scale=EffectScale.RELATIVE,
        cap_low=None,
        cap_high=None,
        window_hours=None,
        non_inferiority_margin=None,
    )
    return replace(definition, **changes)


def make_assignment(**changes: Any) -> Assignment:
    assignment = Assignment(
        id=new_id(),
        experiment_id=NIL,
        variant_id=NIL,
        user_id=f"user-{new_id().hex}",
        session_id="session-1",
        assigned_at=NOON,
        bucket_value=0.25,
        propensity=0.5,
        has_converted=False,
        converted_at=None,
        conversion_value=None,
        context={"country": "CH"},
        metadata={"source": "web"},
    )
    return replace(assignment, **changes)


def make_metric(**changes: Any) -> Metric:
    metric = Metric(
        id=new_id(),
        experiment_id=NIL,
        variant_id=NIL,
        assignment_id=NIL,
        user_id="user-1",
        event_type="order",
        event_value=1.0,
        event_data={"currency": "CHF"},
        event_timestamp=NOON,
        source="web",
        session_context={"page": "/pay"},
        created_at=NOON,
    )
    return replace(metric, **changes)
