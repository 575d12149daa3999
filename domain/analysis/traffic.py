"""How many users came, whether they were split as promised, and how far the test has got."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from domain.analysis.observed import Observed
from domain.analysis.planning import always_valid_maximum
from domain.analysis.sample_ratio import (
    NOTHING_YET,
    PhaseCounts,
    SampleRatio,
    SampleRatioState,
    sample_ratio,
)
from domain.analysis.tallies import Tallies
from domain.experiments import RUNNING, ExperimentStatus
from domain.variants import Variant

_DAY = timedelta(days=1)


def smallest_arm(observed: Observed, tallies: Tallies) -> int:
    return min(map(tallies.users, observed.active), default=0)


def progress(observed: Observed, tallies: Tallies) -> float:
    planned = max(1, observed.experiment.minimum_sample_size)
    return smallest_arm(observed, tallies) / planned


def has_planned_sample(observed: Observed, tallies: Tallies) -> bool:
    planned = max(1, observed.experiment.minimum_sample_size)
    return bool(observed.treatments) and smallest_arm(observed, tallies) >= planned


def horizon_is_over(observed: Observed, tallies: Tallies) -> bool:
    """By the end of the test, or by the most users that always-valid planning asks for."""
    experiment = observed.experiment
    if experiment.status not in {*RUNNING, ExperimentStatus.DRAFT}:
        return True
    most = always_valid_maximum(experiment.minimum_sample_size, experiment.power)
    return smallest_arm(observed, tallies) >= max(1, most)


def days(observed: Observed) -> float:
    started, completed = observed.experiment.started_at, observed.experiment.completed_at
    if started is None:
        return 0.0
    until = observed.as_of if completed is None else min(completed, observed.as_of)
    return max(0.0, (until - started) / _DAY)


def checked_ratio(observed: Observed, tallies: Tallies) -> SampleRatio:
    """Of the active variants and then of those retired that ever had traffic, each by position."""
    arms = _arms(observed, tallies)
    counts = [_counts(tallies, arms, phase) for phase in tallies.phases]
    held = [each for each in counts if each is not None]
    ratio = sample_ratio(held, planned_end=observed.experiment.completed_at is not None)
    if not held:
        return replace(NOTHING_YET, expected=(0.0,) * len(arms), observed=(0,) * len(arms))
    return replace(ratio, state=SampleRatioState.ALARM) if observed.alarmed else ratio


def _arms(observed: Observed, tallies: Tallies) -> list[Variant]:
    retired = (variant for variant in observed.variants if not variant.is_active)
    return [*observed.active, *(each for each in retired if tallies.had_traffic(each))]


def _counts(tallies: Tallies, arms: Sequence[Variant], phase: int) -> PhaseCounts | None:
    """None where the phase had no users, or promised them to nobody."""
    weights = [tallies.weight(variant, phase) for variant in arms]
    users = tuple(tallies.assigned(variant, phase).users for variant in arms)
    total = math.fsum(weights)
    if total <= 0.0 or sum(users) == 0:
        return None
    return PhaseCounts(weights=tuple(weight / total for weight in weights), observed=users)
