"""Which variant a user gets. Only whether there is an assignment already is the store's to say."""

from dataclasses import dataclass
from datetime import datetime

from domain.assignments import Assigned, Assignment, AssignmentReason
from domain.bucketing import BucketRange, bucket, owner
from domain.checks import Checks
from domain.errors import NotFound
from domain.experiments import ExperimentKey, ExperimentStatus
from domain.ids import new_id
from domain.json_values import Json
from domain.running import Running

MAX_USER_ID = 256

_KEEP_THEIR_VARIANT = frozenset(
    {ExperimentStatus.ACTIVE, ExperimentStatus.PAUSED, ExperimentStatus.COMPLETED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignRequest:
    key: ExperimentKey
    user_id: str
    session_id: str | None = None
    context: Json | None = None
    metadata: Json | None = None
    force_variant: str | None = None

    def check(self) -> None:
        checks = Checks()
        check_user(checks, self.key, self.user_id)
        checks.text(("session_id",), self.session_id, MAX_USER_ID)
        checks.document(("context",), self.context)
        checks.document(("metadata",), self.metadata)
        checks.done()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What `assign` would answer, and how the user's bucket leads there."""

    running: Running
    assigned: Assigned
    bucket_value: float


def check_user(checks: Checks, key: ExperimentKey, user_id: str) -> None:
    checks.text(("experiment",), key.name)
    if not user_id:
        checks.refuse(("user_id",), "must not be empty")
    checks.text(("user_id",), user_id, MAX_USER_ID)


def decide(
    running: Running, request: AssignRequest, now: datetime
) -> Assigned | Assignment | AssignmentReason:
    """What is settled; or who is to be enrolled; or what holds for a user who was not before."""
    if request.force_variant is not None:
        return _forced(running, request.force_variant)
    status = running.experiment.status
    if status not in _KEEP_THEIR_VARIANT:
        return Assigned(reason=AssignmentReason.NOT_RUNNING)
    if status is not ExperimentStatus.ACTIVE:
        return AssignmentReason.NOT_RUNNING
    place = bucket_of(running, request.user_id)
    found = owner(running.ranges, place) if _takes_part(running, request.user_id) else None
    if found is None:
        return AssignmentReason.NOT_IN_TRAFFIC
    return _enrolled(running, request, found, place, now)


def _takes_part(running: Running, user_id: str) -> bool:
    """Of a bandit's users by a place of their own. By where they stand in its ranges, which move,
    some who were left out would come back to find themselves in, and not by chance."""
    experiment = running.experiment
    if not running.is_bandit:
        return True
    seed = f"{experiment.hash_seed}/traffic"
    return bucket(experiment.hash_algorithm, seed, user_id) < experiment.traffic_allocation


def bucket_of(running: Running, user_id: str) -> float:
    experiment = running.experiment
    return bucket(experiment.hash_algorithm, experiment.hash_seed, user_id)


def enrolled(running: Running, assignment: Assignment) -> Assigned:
    return Assigned(
        reason=AssignmentReason.NEW,
        variant=running.variants.get(assignment.variant_id),
        assignment=assignment,
    )


def sticky(running: Running, assignment: Assignment) -> Assigned:
    return Assigned(
        reason=AssignmentReason.STICKY,
        variant=running.variants.get(assignment.variant_id),
        assignment=assignment,
    )


def _forced(running: Running, name: str) -> Assigned:
    variant = running.named(name)
    if variant is None:
        raise NotFound(f"{running.experiment.name} has no variant {name!r}", ("force_variant",))
    return Assigned(reason=AssignmentReason.FORCED, variant=variant)


def _enrolled(
    running: Running, request: AssignRequest, found: BucketRange, place: float, now: datetime
) -> Assignment:
    return Assignment(
        id=new_id(),
        experiment_id=running.experiment.id,
        variant_id=found.variant_id,
        user_id=request.user_id,
        phase=running.experiment.phase,
        session_id=request.session_id,
        assigned_at=now,
        bucket_value=place,
        propensity=found.weight,
        has_converted=False,
        converted_at=None,
        conversion_value=None,
        context={} if request.context is None else request.context,
        metadata={} if request.metadata is None else request.metadata,
    )
