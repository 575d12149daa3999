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
Result = TypeVar("Result")
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


class _People:
    def __init__(self, batches: Batches, stores: Stores, project: ProjectId) -> None:
        one, many = batches.one, batches.many
        self.user = one("user", partial(stores.people.by_ids, project))
        self.members = many("members", partial(_own, stores.people.members, project))
        self.api_key = one("api_key", partial(stores.keys.by_ids, project))
        self.keys = many("keys", partial(_own, stores.keys.of_project, project))


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
        experiments, variants = stores.experiments, stores.variants

        def own(read: Callable[..., Result]) -> Callable[..., Result]:
            return partial(read, project)

        self.results = one("results", own(results.present))
        self.results_at = own(results.as_of)
        self.experiment = one("experiment", own(experiments.by_ids))
        self.experiment_by_name = one("experiment_by_name", own(experiments.by_names))
        self.phases_by_experiment = many("phases", own(experiments.phases_by_experiment))
        self.variant = one("variant", own(variants.by_ids))
        self.variants_by_experiment = many("variants_by_experiment", own(variants.by_experiment))
        self.elements = _Elements(batches, stores, project)
        self.funnels = _Funnels(batches, stores.funnels, project)
        self.tally = one("tally", own(stores.tallies.by_variants))
        self.assignment = one("assignment", own(stores.assignments.by_ids))
        self.assignments: Pages[Assignment, AssignmentFilter] = Pages(
            batches, "assignments", stores.assignments, project
        )
        self.metric = one("metric", own(stores.metrics.by_ids))
        self.metrics: Pages[Metric, MetricFilter] = Pages(
            batches, "metrics", stores.metrics, project
        )
        self.definitions_by_experiment = many(
            "definitions_by_experiment", own(stores.metrics.definitions_by_experiment)
        )
        self.project = one("project", own(stores.projects.by_ids))
        self.experiments_of_project = one(
            "experiments_of_project", own(stores.projects.experiment_counts)
        )
        self.people = _People(batches, stores, project)
        self.audit_entry = one("audit_entry", own(stores.audit.by_ids))
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
