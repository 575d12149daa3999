"""How far users get in a funnel, as docs/funnels.md defines it: user by user, event by event."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from uuid import UUID

from domain.funnels import LinkPassage, Passage, Path
from domain.metrics import Metric

Way = tuple[UUID, UUID]  # from the source to the target


def walked(path: Path, events: Sequence[Metric], within: timedelta | None) -> dict[UUID, Passage]:
    """By variant, of those with users that began."""
    users: dict[str, list[Metric]] = {}
    for event in sorted(events, key=lambda one: (one.event_timestamp, one.id)):
        users.setdefault(event.user_id, []).append(event)
    walks: dict[UUID, list[_Walk]] = {}
    for history in users.values():
        walk = _Walk(path, within)
        for event in history:
            walk.meet(event)
        if walk.began is not None:
            walks.setdefault(history[0].variant_id, []).append(walk)
    return {variant: _passage(path, found) for variant, found in walks.items()}


class _Walk:
    """Of one user. An event is looked at by all steps before any of them is reached by it."""

    def __init__(self, path: Path, within: timedelta | None) -> None:
        self._path = path
        self._within = within
        self.began: datetime | None = None
        self.steps: dict[UUID, datetime] = {}
        self.ways: dict[Way, timedelta] = {}

    def meet(self, event: Metric) -> None:
        moment = event.event_timestamp
        if self._within is not None and self.began and moment > self.began + self._within:
            return
        been = dict(self.steps)
        for step in self._path.steps:
            if step.event_type == event.event_type:
                sources = [each.source.id for each in self._path.links if each.target == step]
                for source in sources:
                    if source in been:
                        self.ways.setdefault((source, step.id), moment - been[source])
                if not sources:
                    self.began = self.began or moment
                if not sources or been.keys() & set(sources):
                    self.steps.setdefault(step.id, moment)


def _passage(path: Path, walks: Sequence[_Walk]) -> Passage:
    ways = [(link.source.id, link.target.id) for link in path.links]
    before = {step.id: {s for s, target in ways if target == step.id} for step in path.steps}
    return Passage(
        began=len(walks),
        reached=[sum(step.id in walk.steps for walk in walks) for step in path.steps],
        before=[
            sum(bool(walk.steps.keys() & (before[step.id] or {step.id})) for walk in walks)
            for step in path.steps
        ],
        links=[_link([walk.ways for walk in walks], way) for way in ways],
    )


def _link(walks: Sequence[Mapping[Way, timedelta]], way: Way) -> LinkPassage:
    taken = [walk[way].total_seconds() for walk in walks if way in walk]
    return LinkPassage(users=len(taken), median_seconds=median(taken) if taken else None)
