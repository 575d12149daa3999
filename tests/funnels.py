"""Funnels with sensible values."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any
from uuid import UUID

from domain.funnels import Funnel, FunnelLink, FunnelStep, Path
from domain.ids import NIL, ProjectId, new_id
from tests.factories import NOON


def make_funnel(**changes: Any) -> Funnel:
    funnel = Funnel(
        id=new_id(),
        project_id=ProjectId(NIL),
        name=f"orders-{new_id().hex}",
        description="From the first page to the money",
        created_at=NOON,
        updated_at=NOON,
        version=1,
    )
    return replace(funnel, **changes)


def make_path(
    types: Sequence[str], links: Sequence[tuple[int, int]] | None = None, funnel: UUID = NIL
) -> Path:
    """Of steps of these event types; the links go by their places, or make a straight line."""
    steps = [
        FunnelStep(
            id=new_id(), funnel_id=funnel, name=f"step {place}", event_type=kind, position=place
        )
        for place, kind in enumerate(types)
    ]
    ends = pairwise(range(len(types))) if links is None else sorted(links)
    return Path(
        steps=steps,
        links=[FunnelLink(source=steps[source], target=steps[target]) for source, target in ends],
    )
