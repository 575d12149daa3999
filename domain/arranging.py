"""The use cases of people who say which elements of a page an experiment changes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from domain import layout
from domain.access import Caller
from domain.audit import Deed
from domain.elements import Element, ElementEdit, ElementStore, ElementUpdate, Filling, NewElement
from domain.errors import NotFound, Path
from domain.experiments import Experiment, ExperimentKey, ExperimentStore, found
from domain.ids import ProjectId
from domain.layout import Layout
from domain.variants import Variant, VariantStore

Decision = Callable[..., ElementEdit]  # of a Layout, `now`
ElementDecision = Callable[[Layout, Element], ElementEdit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arranged:
    """The element is None where somebody has removed it since."""

    experiment: Experiment
    element: Element | None


class Arranging:
    """As with variants, whoever was overtaken decides again on the new state."""

    def __init__(
        self,
        experiments: ExperimentStore,
        variants: VariantStore,
        elements: ElementStore,
        clock: Callable[[], datetime],
        announce: Callable[[Experiment], None] = lambda _: None,
    ) -> None:
        """`announce` tells the rest of this process of each change that has been written."""
        self._experiments = experiments
        self._variants = variants
        self._elements = elements
        self._clock = clock
        self._announce = announce

    async def create(self, caller: Caller, key: ExperimentKey, new: NewElement) -> Arranged:
        decision = partial(layout.add, new=new)
        saved, edit = await self._decide(caller, key, "element.create", decision)
        [added] = edit.added
        return await self._arranged(saved, added.id)

    async def update(self, caller: Caller, id: UUID, wanted: ElementUpdate) -> Arranged:
        decision = partial(layout.change, wanted=wanted)
        return await self._change(caller, id, ("id",), "element.update", decision)

    async def delete(self, caller: Caller, id: UUID) -> UUID:
        await self._change(caller, id, ("id",), "element.delete", layout.remove)
        return id

    async def fill(self, caller: Caller, id: UUID, variant: UUID, wanted: Filling) -> Arranged:
        """With what that variant puts into the element."""
        meant = await self._variant(caller.project, variant)
        decision = partial(layout.fill, variant=meant, wanted=wanted)
        return await self._change(caller, id, ("element",), "elementVariant.set", decision)

    async def _change(
        self, caller: Caller, id: UUID, path: Path, action: str, decision: ElementDecision
    ) -> Arranged:
        meant = (await self._elements.by_ids(caller.project, [id])).get(id)
        if meant is None:
            raise _no_element(path)

        def decide(known: Layout, now: datetime) -> ElementEdit:
            element = next((one for one in known.elements if one.id == id), None)
            if element is None:
                raise _no_element(path)
            return decision(known, element)

        key = ExperimentKey(id=meant.experiment_id)
        try:
            saved, _ = await self._decide(caller, key, action, decide, of=id)
        except NotFound:  # the experiment may be gone by now, and the element with it
            raise _no_element(path) from None
        return await self._arranged(saved, id)

    async def _decide(
        self,
        caller: Caller,
        key: ExperimentKey,
        action: str,
        decision: Decision,
        of: UUID | None = None,
    ) -> tuple[Experiment, ElementEdit]:
        while True:  # each round that is lost is another's that was won
            known = await self._layout(caller.project, key, of)
            deed = Deed(actor=caller.actor, action=action, at=self._clock())
            edit = decision(known, now=deed.at)
            if edit.is_empty:
                return known.experiment, edit
            seen = known.experiment
            saved = await self._elements.save(caller.project, seen, edit, deed)
            if saved is not None:
                self._announce(saved)
                return saved, edit

    async def _layout(self, project: ProjectId, key: ExperimentKey, of: UUID | None) -> Layout:
        """The experiment first: what changes after it has been read is the next version's."""
        experiment = await found(self._experiments, project, key)
        elements = await self._elements.by_experiment(project, [experiment.id])
        contents = await self._elements.contents_by_element(project, [of]) if of else {}
        return Layout(
            experiment=experiment,
            elements=elements.get(experiment.id, ()),
            contents=contents.get(of, ()) if of else (),
        )

    async def _variant(self, project: ProjectId, id: UUID) -> Variant:
        meant = (await self._variants.by_ids(project, [id])).get(id)
        if meant is None:
            raise NotFound("there is no such variant", ("variant",))
        return meant

    async def _arranged(self, experiment: Experiment, id: UUID) -> Arranged:
        elements = await self._elements.by_ids(experiment.project_id, [id])
        return Arranged(experiment=experiment, element=elements.get(id))


def _no_element(path: Path) -> NotFound:
    return NotFound("there is no such element", path)
