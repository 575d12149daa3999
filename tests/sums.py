"""Running sums and what is made of them, with sensible values; a test names only those that it is
about."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from domain.experiments import ExperimentStatus
from domain.ids import NIL
from domain.snapshots import Snapshot
from domain.sums import OWN, RunningSums, UserTotal
from tests.factories import NOON


def make_user_total(**changes: Any) -> UserTotal:
    total = UserTotal(
        experiment_id=NIL, user_id="user-1", metric_id=NIL, total=Decimal("12.5"), events=2
    )
    return replace(total, **changes)


def make_running_sums(**changes: Any) -> RunningSums:
    sums = RunningSums(
        experiment_id=NIL, variant_id=NIL, metric_id=OWN, phase=1, stripe=0, users=10
    )
    return replace(sums, **changes)


def make_snapshot(**changes: Any) -> Snapshot:
    snapshot = Snapshot(
        experiment_id=NIL,
        number=1,
        taken_at=NOON,
        revision=1,
        status=ExperimentStatus.ACTIVE,
        active=[],
        sums=[],
        fixed=None,
        standing={},
        alarmed=False,
        clocks={},
        is_kept=False,
    )
    return replace(snapshot, **changes)
