"""Which steps and links make a funnel."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from uuid import UUID

from domain.changes import UNSET, Unset, difference, given
from domain.checks import Checks
from domain.funnels import Funnel, FunnelChanges, FunnelEdit, FunnelLink, FunnelStep, Path
from domain.ids import ProjectId, new_id

STEPS = range(2, 21)
MOST_LINKS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStep:
    name: str
    event_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLink:
    """Between steps, by name."""

    source: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFunnel:
    """Without links the steps are a straight line."""

    name: str
    description: str | None = None
    steps: Sequence[NewStep]
    links: Sequence[NewLink] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelUpdate:
    name: str | Unset | None = UNSET
    description: str | Unset | None = UNSET
    steps: Sequence[NewStep] | Unset | None = UNSET
    links: Sequence[NewLink] | Unset | None = UNSET


_TEXTS = frozenset({"name", "description"})
_PATH = frozenset({"steps", "links"})
_REQUIRED = frozenset({"name", "steps"})


def build(project: ProjectId, new: NewFunnel, now: datetime) -> tuple[Funnel, Path]:
    checks = Checks()
    _check_texts(checks, new.name, new.description)
    _check_path(checks, new.steps, new.links)
    checks.done()
    funnel = Funnel(
        id=new_id(),
        project_id=project,
        name=new.name,
        description=new.description,
        created_at=now,
        updated_at=now,
        version=1,
    )
    return funnel, _path(funnel.id, new.steps, new.links, {})


def update(funnel: Funnel, path: Path, wanted: FunnelUpdate) -> FunnelEdit:
    """Whoever gives other steps gives their links as well, or gets a straight line."""
    values = given(wanted)
    checks = Checks(only=values)
    for name in sorted(_REQUIRED & {name for name, value in values.items() if value is None}):
        checks.refuse((name,), "must not be null")
        del values[name]
    after = replace(funnel, **{name: values[name] for name in _TEXTS & values.keys()})
    _check_texts(checks, after.name, after.description)
    steps = values.get("steps", _as_new(path.steps))
    links = values.get("links") or ()
    if _PATH & values.keys():
        _check_path(checks, steps, links)
    checks.done()
    after_path = path
    if _PATH & values.keys():
        after_path = _path(funnel.id, steps, links, {step.name: step.id for step in path.steps})
    return FunnelEdit(
        changes=difference(FunnelChanges, funnel, after),
        path=UNSET if after_path == path else after_path,
    )


def _as_new(steps: Sequence[FunnelStep]) -> Sequence[NewStep]:
    return [NewStep(name=step.name, event_type=step.event_type) for step in steps]


def _check_texts(checks: Checks, name: str, description: str | None) -> None:
    checks.name(("name",), name)
    checks.text(("description",), description)


def _check_path(checks: Checks, steps: Sequence[NewStep], links: Sequence[NewLink]) -> None:
    if len(steps) not in STEPS:
        bounds = f"{STEPS.start} to {STEPS.stop - 1} are allowed"
        return checks.refuse(("steps",), f"has {len(steps)} entries: {bounds}")
    if len(links) > MOST_LINKS:
        return checks.refuse(("links",), f"has {len(links)} entries: at most {MOST_LINKS}")
    for place, step in enumerate(steps):
        checks.name(("steps", place, "name"), step.name)
        checks.name(("steps", place, "event_type"), step.event_type)
    names = [step.name for step in steps]
    checks.unique([("steps", place, "name") for place in range(len(steps))], names)
    if links:
        _check_links(checks, names, links)
    return None


def _check_links(checks: Checks, names: Sequence[str], links: Sequence[NewLink]) -> None:
    """Those that are wrong by themselves are left out of what is asked of all together."""
    sources: dict[str, list[str]] = {name: [] for name in names}
    for place, link in enumerate(links):
        if _is_sound(checks, place, link, sources):
            sources[link.target].append(link.source)
    _check_circles(checks, sources)
    named = {name for link in links for name in (link.source, link.target)}
    for name in [name for name in sources if name not in named]:
        checks.refuse(("links",), f"none leads to or from the step {name!r}")


def _is_sound(
    checks: Checks, place: int, link: NewLink, sources: Mapping[str, Collection[str]]
) -> bool:
    unknown = {"source": link.source, "target": link.target}
    unknown = {end: name for end, name in unknown.items() if name not in sources}
    for end, name in unknown.items():
        checks.refuse(("links", place, end), f"there is no step {name!r}")
    if unknown:
        return False
    fault = None
    if link.source == link.target:
        fault = f"leads from {link.source!r} to itself"
    elif link.source in sources[link.target]:
        fault = f"{link.source!r} and {link.target!r} are linked twice"
    if fault is not None:
        checks.refuse(("links", place), fault)
    return fault is None


def _check_circles(checks: Checks, sources: Mapping[str, Collection[str]]) -> None:
    try:
        TopologicalSorter(sources).prepare()
    except CycleError as fault:
        circle = " to ".join(repr(name) for name in fault.args[1])
        checks.refuse(("links",), f"lead in a circle: {circle}")


def _path(
    funnel: UUID, steps: Sequence[NewStep], links: Sequence[NewLink], known: Mapping[str, UUID]
) -> Path:
    """A step that keeps its name stays the same step."""
    made = [
        FunnelStep(
            id=known.get(step.name) or new_id(),
            funnel_id=funnel,
            name=step.name,
            event_type=step.event_type,
            position=position,
        )
        for position, step in enumerate(steps)
    ]
    places = {step.name: step.position for step in made}
    ends = sorted((places[link.source], places[link.target]) for link in links)
    return Path(
        steps=made,
        links=[
            FunnelLink(source=made[source], target=made[target])
            for source, target in ends or pairwise(range(len(made)))
        ],
    )
