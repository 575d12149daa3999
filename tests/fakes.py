"""The stores, in memory. Every call gives way to others first, as a database would."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import attrgetter
from uuid import UUID

from anyio.lowlevel import checkpoint

from domain.audit import Deed
from domain.changes import UNSET, given
from domain.closing import Closing
from domain.errors import NameTaken
from domain.experiments import Edit, Experiment, ExperimentFilter, ExperimentStatus, Phase
from domain.ids import ProjectId
from domain.metrics import MetricDefinition
from domain.paging import Cursor, Page, Window, page
from domain.variants import Variant


@dataclass(slots=True)
class Memory:
    """What both stores share; `deeds` are those of the changes that were kept."""

    experiments: dict[UUID, Experiment] = field(default_factory=dict)
    variants: dict[UUID, Variant] = field(default_factory=dict)
    definitions: dict[UUID, list[MetricDefinition]] = field(default_factory=dict)
    phases: dict[UUID, list[Phase]] = field(default_factory=dict)
    deeds: list[Deed] = field(default_factory=list)

    @property
    def writes(self) -> int:
        return len(self.deeds)

    def put(self, experiment: Experiment, variants: Iterable[Variant] = ()) -> None:
        self.experiments[experiment.id] = experiment
        self.variants |= {variant.id: variant for variant in variants}

    def seen_by(self, project: ProjectId) -> list[Experiment]:
        found = (one for one in self.experiments.values() if one.project_id == project)
        return sorted(found, key=attrgetter("name"))

    def of(self, experiment: UUID) -> list[Variant]:
        found = (one for one in self.variants.values() if one.experiment_id == experiment)
        return sorted(found, key=attrgetter("position", "id"))


class FakeVariants:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Variant]:
        await checkpoint()
        return {
            variant.id: variant
            for experiment in self._memory.seen_by(project)
            for variant in self._memory.of(experiment.id)
            if variant.id in ids
        }

    async def by_experiment(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Sequence[Variant]]:
        await checkpoint()
        seen = (one.id for one in self._memory.seen_by(project) if one.id in experiments)
        return {one: found for one in seen if (found := self._memory.of(one))}


class FakeExperiments:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Experiment]:
        await checkpoint()
        return {one.id: one for one in self._memory.seen_by(project) if one.id in ids}

    async def by_names(
        self, project: ProjectId, names: Collection[str]
    ) -> Mapping[str, Experiment]:
        await checkpoint()
        return {one.name: one for one in self._memory.seen_by(project) if one.name in names}

    async def page(
        self, project: ProjectId, window: Window, filter: ExperimentFilter
    ) -> Page[Experiment]:
        await checkpoint()
        kept = [one for one in self._memory.seen_by(project) if _passes(one, filter)]
        return page(_windowed(kept, window), window)

    async def count(self, project: ProjectId, filter: ExperimentFilter) -> int:
        await checkpoint()
        return sum(_passes(one, filter) for one in self._memory.seen_by(project))

    async def count_by_status(self, project: ProjectId) -> Mapping[ExperimentStatus, int]:
        await checkpoint()
        found = [one.status for one in self._memory.seen_by(project)]
        return {status: found.count(status) for status in set(found)}

    async def active(self, project: ProjectId) -> Sequence[Experiment]:
        await checkpoint()
        seen = self._memory.seen_by(project)
        return [one for one in seen if one.status is ExperimentStatus.ACTIVE]

    async def versions(self, experiments: Collection[UUID]) -> Mapping[UUID, int]:
        await checkpoint()
        known = self._memory.experiments
        return {one: known[one].version for one in experiments if one in known}

    async def phases_by_experiment(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Sequence[Phase]]:
        await checkpoint()
        seen = (one.id for one in self._memory.seen_by(project) if one.id in experiments)
        return {one: tuple(found) for one in seen if (found := self._memory.phases.get(one))}

    async def create(
        self,
        project: ProjectId,
        experiment: Experiment,
        variants: Sequence[Variant],
        definitions: Sequence[MetricDefinition],
        deed: Deed,
    ) -> None:
        await checkpoint()
        self._require_free_name(project, experiment)
        _require_distinct_names(variants)
        self._memory.put(replace(experiment, project_id=project), variants)
        self._memory.definitions[experiment.id] = list(definitions)
        self._memory.deeds.append(deed)

    async def save(
        self,
        project: ProjectId,
        seen: Experiment,
        edit: Edit,
        deed: Deed,
        closing: Closing | None = None,
    ) -> Experiment | None:
        await checkpoint()
        if not self._is_current(project, seen):
            return None
        changed = given(edit.changes) | {"version": seen.version + 1, "updated_at": deed.at}
        next_one = replace(seen, **changed)
        after = _variants_after(self._memory.of(seen.id), edit, deed.at)
        self._require_free_name(project, next_one)
        _require_distinct_names(after)
        for variant in self._memory.of(seen.id):
            del self._memory.variants[variant.id]
        self._memory.put(next_one, after)
        if edit.definitions is not UNSET:
            self._memory.definitions[seen.id] = list(edit.definitions)
        if edit.phase is not None:
            self._memory.phases.setdefault(seen.id, []).append(edit.phase)
        self._memory.deeds.append(deed)
        return next_one

    async def delete(self, project: ProjectId, seen: Experiment, deed: Deed) -> bool:
        await checkpoint()
        if not self._is_current(project, seen):
            return False
        for variant in self._memory.of(seen.id):
            del self._memory.variants[variant.id]
        self._memory.definitions.pop(seen.id, None)
        self._memory.phases.pop(seen.id, None)
        del self._memory.experiments[seen.id]
        self._memory.deeds.append(deed)
        return True

    def _is_current(self, project: ProjectId, seen: Experiment) -> bool:
        stored = self._memory.experiments.get(seen.id)
        if stored is None or stored.project_id != project:
            return False
        return stored.version == seen.version

    def _require_free_name(self, project: ProjectId, experiment: Experiment) -> None:
        for other in self._memory.seen_by(project):
            if other.name == experiment.name and other.id != experiment.id:
                raise NameTaken("that name is taken", ("name",))


def _variants_after(before: Sequence[Variant], edit: Edit, now: datetime) -> list[Variant]:
    kept = [
        replace(one, **given(edit.changed[one.id]), updated_at=now)
        if one.id in edit.changed
        else one
        for one in before
        if one.id not in edit.removed
    ]
    return [*kept, *edit.added]


def _require_distinct_names(variants: Sequence[Variant]) -> None:
    if len({variant.name for variant in variants}) < len(variants):
        raise NameTaken("that name is taken", ("name",))


def _passes(experiment: Experiment, filter: ExperimentFilter) -> bool:
    status, search = filter.status, (filter.search or "").lower()
    shown = experiment.status is not ExperimentStatus.ARCHIVED
    after, before = filter.created_after, filter.created_before
    return (
        (shown if status is None else experiment.status in status)
        and filter.target_bot in (None, experiment.target_bot)
        and filter.created_by in (None, experiment.created_by)
        and any(search in text.lower() for text in _searched(experiment))
        and (after is None or experiment.created_at >= after)
        and (before is None or experiment.created_at < before)
    )


def _searched(experiment: Experiment) -> tuple[str, ...]:
    return experiment.name, experiment.description or "", experiment.hypothesis or ""


def _windowed(experiments: Iterable[Experiment], window: Window) -> list[Experiment]:
    """Up to one more than asked for, in the direction of reading."""
    ordering = window.ordering
    rows = sorted(
        experiments, key=lambda one: _place(ordering.cursor(one)), reverse=ordering.descending
    )
    places = [_place(ordering.cursor(row)) for row in rows]
    if window.after is not None:
        after = _place(window.after)
        start = sum(place >= after if ordering.descending else place <= after for place in places)
        rows, places = rows[start:], places[start:]
    if window.before is not None:
        before = _place(window.before)
        end = sum(place > before if ordering.descending else place < before for place in places)
        rows = rows[:end]
    return (rows[::-1] if window.backwards else rows)[: window.size + 1]


def _place(cursor: Cursor) -> tuple[str, UUID]:
    key = cursor.key
    return key if isinstance(key, str) else f"{key.timestamp():020.6f}", cursor.id
