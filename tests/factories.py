"""Entities with sensible values; a test names only those that it is about."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from domain.access import Actor, ActorKind, Caller, Role, Scope
from domain.assignments import Assignment
from domain.audit import Deed
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
from domain.keys import ApiKey
from domain.metrics import (
    EffectScale,
    Metric,
    MetricAggregation,
    MetricDefinition,
    MetricDirection,
    MetricRole,
    NewMetricDefinition,
)
from domain.people import Membership, Session, User
from domain.projects import Plan, Project
from domain.variants import Variant

HER_PASSWORD = "what Ada knows"  # noqa: S105
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def make_project(**changes: Any) -> Project:
    return replace(
        Project(id=ProjectId(new_id()), name="Shop", plan=Plan.UNLIMITED, created_at=NOON),
        **changes,
    )


def make_caller(project: ProjectId, **changes: Any) -> Caller:
    """A key of the project that may do everything."""
    actor = Actor(kind=ActorKind.API_KEY, id=UUID(int=7), name="server")
    return replace(Caller(project=project, actor=actor, scopes=frozenset(Scope)), **changes)


def make_deed(**changes: Any) -> Deed:
    actor = Actor(kind=ActorKind.OPERATOR, name="root")
    return replace(Deed(actor=actor, action="experiment.update", at=NOON), **changes)


def make_user(**changes: Any) -> User:
    user = User(
        id=new_id(),
        email="ada@shop.example",
        name="Ada",
        password_hash=f"1:{HER_PASSWORD}",
        disabled_at=None,
        created_at=NOON,
    )
    return replace(user, **changes)


def make_membership(**changes: Any) -> Membership:
    membership = Membership(
        project_id=ProjectId(NIL), user_id=NIL, role=Role.OWNER, created_at=NOON
    )
    return replace(membership, **changes)


def make_session(**changes: Any) -> Session:
    session = Session(
        id=new_id(),
        project_id=ProjectId(NIL),
        user_id=NIL,
        token_hash=new_id().bytes,
        created_at=NOON,
        expires_at=NOON + timedelta(days=30),
        revoked_at=None,
    )
    return replace(session, **changes)


def make_key(**changes: Any) -> ApiKey:
    key = ApiKey(
        id=new_id(),
        project_id=ProjectId(NIL),
        name="server",
        prefix="abk_12345678",
        key_hash=new_id().bytes,
        scopes=["read"],
        allowed_origins=[],
        created_at=NOON,
        last_used_at=None,
        expires_at=None,
        revoked_at=None,
    )
    return replace(key, **changes)


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
        events_pruned_before=None,
        created_by=None,
        started_at=None,
        completed_at=None,
        created_at=NOON,
        updated_at=NOON,
        version=1,
    )
    return replace(experiment, **changes)


def make_phase(**changes: Any) -> Phase:
    phase = Phase(
        experiment_id=NIL,
        number=1,
        weights={},
        traffic_allocation=1.0,
        plug_ins={},
        opened_at=NOON,
    )
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
        algorithm_state=None,
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
        phase=1,
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
        event_id=None,
        event_type="order",
        event_value=1.0,
        event_data={"currency": "CHF"},
        event_timestamp=NOON,
        source="web",
        session_context={"page": "/pay"},
        created_at=NOON,
    )
    return replace(metric, **changes)
