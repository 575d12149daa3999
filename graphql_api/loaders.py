"""The one table of loaders. It is made afresh for each operation: nothing is served stale."""

from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar
from uuid import UUID

from domain.analysis.results import ExperimentResults
from domain.assignments import Assignment, AssignmentFilter, AssignmentStore
from domain.audit import AuditEntry, AuditFilter, AuditStore
from domain.elements import ElementStore
from domain.experiments import Experiment, ExperimentFilter, ExperimentStore
from domain.funnels import Funnel, FunnelStore
from domain.ids import ProjectId
from domain.keys import KeyStore
from domain.metrics import Metric, MetricFilter, MetricStore
from domain.paging import Identified, Nested, Owner, Page, Window
from domain.people import PeopleStore
from domain.projects import ProjectStore
from domain.results import Results
from domain.variants import TallyStore, VariantStore
from graphql_api.batches import Batches, Loader

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Item = TypeVar("Item", bound=Identified)
Filter = TypeVar("Filter", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    experiments: ExperimentStore
    variants: VariantStore
    elements: ElementStore
    tallies: TallyStore
    assignments: AssignmentStore
    metrics: MetricStore
    projects: ProjectStore
    people: PeopleStore
    keys: KeyStore
    audit: AuditStore
    funnels: FunnelStore


class Pages(Generic[Item, Filter]):
    """A loader for each way in which an operation asks: one statement serves all its owners."""

    def __init__(
        self, batches: Batches, name: str, store: Nested[Item, Filter], project: ProjectId
    ) -> None:
        self._batches = batches
        self._name = name
        self._store = store
        self._project = project
        self._pages: dict[Hashable, Loader[UUID, Page[Item] | None]] = {}
        self._counts: dict[Hashable, Loader[UUID, int | None]] = {}

    async def page(self, owner: Owner, id: UUID, window: Window, filter: Filter) -> Page[Item]:
        key = (owner, window, filter)
        if key not in self._pages:
            self._pages[key] = self._batches.one(
                self._name,
                lambda ids: self._store.pages(self._project, owner, ids, window, filter),
            )
        return await self._pages[key].load(id) or Page(items=(), window=window)

    async def count(self, owner: Owner, id: UUID, filter: Filter) -> int:
        key = (owner, filter)
        if key not in self._counts:
            self._counts[key] = self._batches.one(
                f"{self._name}_counts",
                lambda ids: self._store.counts(self._project, owner, ids, filter),
            )
        return await self._counts[key].load(id) or 0


class _RootLists:
    """Hang on nobody: each way of asking is a statement of its own."""

    def __init__(self, batches: Batches, stores: Stores, project: ProjectId) -> None:
        one = batches.one
        experiments, audit = stores.experiments, stores.audit
        self.experiments = one(
            "root_experiments", partial(_each, partial(experiments.page, project))
        )
        self.experiment_counts = one(
            "root_experiment_counts", partial(_each, partial(experiments.count, project))
        )
        self.history = one("root_history", partial(_each, partial(audit.of_project, project)))
        self.history_counts = one(
            "root_history_counts", partial(_each, partial(audit.count_of_project, project))
        )


class _Elements:
    """What hangs on elements of a page, and how the variants do that are shown there."""

    def __init__(self, batches: Batches, stores: Stores, project: ProjectId) -> None:
        one, many, elements = batches.one, batches.many, stores.elements
        self.one = one("element", partial(elements.by_ids, project))
        self.by_experiment = many(
            "elements_by_experiment", partial(elements.by_experiment, project)
        )
        self.content = one("element_variant", partial(elements.contents, project))
        self.contents = many("contents", partial(elements.contents_by_element, project))
        self.contents_by_variant = many(
            "contents_by_variant", partial(elements.contents_by_variant, project)
        )
        self.standing = one("standing", partial(stores.tallies.standings, project))


class _Funnels:
    def __init__(self, batches: Batches, store: FunnelStore, project: ProjectId) -> None:
        one = batches.one
        self.one = one("funnel", partial(store.by_ids, project))
        self.step = one("funnel_step", partial(store.steps_by_ids, project))
        self.path = one("path", partial(store.paths, project))
        self._pages = one("root_funnels", partial(_each, partial(store.page, project)))
        self._counts = one("root_funnel_counts", partial(_each, partial(store.count, project)))

    async def page(self, window: Window) -> Page[Funnel]:
        return await self._pages.load((window,)) or Page(items=(), window=window)

    async def count(self) -> int:
        return await self._counts.load(()) or 0


class Loaders:
    def __init__(
        self, batches: Batches, stores: Stores, results: Results, project: ProjectId
    ) -> None:
        one, many = batches.one, batches.many
        self.results = one("results", partial(results.present, project))
        self.results_at = partial(results.as_of, project)
        experiments, variants = stores.experiments, stores.variants
        self.experiment = one("experiment", partial(experiments.by_ids, project))
        self.experiment_by_name = one("experiment_by_name", partial(experiments.by_names, project))
        self.phases_by_experiment = many(
            "phases", partial(experiments.phases_by_experiment, project)
        )
        self.variant = one("variant", partial(variants.by_ids, project))
        self.variants_by_experiment = many(
            "variants_by_experiment", partial(variants.by_experiment, project)
        )
        self.elements, self.funnels = (
            _Elements(batches, stores, project),
            _Funnels(batches, stores.funnels, project),
        )
        self.tally = one("tally", partial(stores.tallies.by_variants, project))
        self.assignment = one("assignment", partial(stores.assignments.by_ids, project))
        self.assignments: Pages[Assignment, AssignmentFilter] = Pages(
            batches, "assignments", stores.assignments, project
        )
        self.metric = one("metric", partial(stores.metrics.by_ids, project))
        self.metrics: Pages[Metric, MetricFilter] = Pages(
            batches, "metrics", stores.metrics, project
        )
        self.definitions_by_experiment = many(
            "definitions_by_experiment", partial(stores.metrics.definitions_by_experiment, project)
        )
        self.project = one("project", partial(stores.projects.by_ids, project))
        self.experiments_of_project = one(
            "experiments_of_project", partial(stores.projects.experiment_counts, project)
        )
        self.user = one("user", partial(stores.people.by_ids, project))
        self.members = many("members", partial(_own, stores.people.members, project))
        self.api_key = one("api_key", partial(stores.keys.by_ids, project))
        self.keys_of_project = many("keys", partial(_own, stores.keys.of_project, project))
        self.audit_entry = one("audit_entry", partial(stores.audit.by_ids, project))
        self.history: Pages[AuditEntry, AuditFilter] = Pages(
            batches, "history", stores.audit, project
        )
        self._root = _RootLists(batches, stores, project)

    async def results_as_of(
        self, experiment: UUID, moment: datetime | None
    ) -> ExperimentResults | None:
        if moment is None:
            return await self.results.load(experiment)
        return await self.results_at(experiment, moment)

    async def experiment_page(self, window: Window, filter: ExperimentFilter) -> Page[Experiment]:
        page = await self._root.experiments.load((window, filter))
        return page or Page(items=(), window=window)

    async def experiment_count(self, filter: ExperimentFilter) -> int:
        return await self._root.experiment_counts.load((filter,)) or 0

    async def history_page(self, window: Window) -> Page[AuditEntry]:
        return await self._root.history.load((window,)) or Page(items=(), window=window)

    async def history_count(self) -> int:
        return await self._root.history_counts.load(()) or 0


async def _own(
    read: Callable[[ProjectId], Awaitable[Sequence[Value]]],
    project: ProjectId,
    keys: Collection[UUID],
) -> Mapping[UUID, Sequence[Value]]:
    """Of the caller's project; others do not exist."""
    return {project: await read(project)} if project in keys else {}


async def _each(
    read: Callable[..., Awaitable[Value]], keys: Collection[tuple[Any, ...]]
) -> Mapping[tuple[Any, ...], Value]:
    return {key: await read(*key) for key in keys}
