"""Which steps and links make a funnel, and what an update makes of one."""

from itertools import pairwise
from typing import Any

import pytest

from domain.changes import UNSET
from domain.errors import Invalid
from domain.funnel_design import FunnelUpdate, NewFunnel, NewLink, NewStep, build, update
from domain.funnels import Funnel, FunnelChanges, FunnelEdit, Path
from domain.ids import ProjectId, new_id
from tests.factories import NOON

PROJECT = ProjectId(new_id())


def steps(names: str) -> list[NewStep]:
    return [NewStep(name=name, event_type=f"type of {name}") for name in names]


def links(*pairs: str) -> list[NewLink]:
    return [NewLink(source=pair[0], target=pair[1]) for pair in pairs]


def built(names: str, *pairs: str) -> tuple[Funnel, Path]:
    new = NewFunnel(name="orders", steps=steps(names), links=links(*pairs))
    return build(PROJECT, new, NOON)


def ends(path: Path) -> list[str]:
    return [link.source.name + link.target.name for link in path.links]


def faults(names: str, *pairs: str) -> list[str]:
    with pytest.raises(Invalid) as refusal:
        built(names, *pairs)
    return [".".join(map(str, one.path)) for one in refusal.value.refusals]


def changed(funnel: Funnel, path: Path, **wanted: Any) -> FunnelEdit:
    return update(funnel, path, FunnelUpdate(**wanted))


def test_without_links_each_step_leads_to_the_next() -> None:
    funnel, path = built("abc")

    assert ends(path) == ["ab", "bc"]
    assert [step.position for step in path.steps] == [0, 1, 2]
    assert {step.funnel_id for step in path.steps} == {funnel.id}
    assert (funnel.project_id, funnel.version, funnel.created_at) == (PROJECT, 1, NOON)


def test_links_come_in_the_order_of_the_steps() -> None:
    _, path = built("abcd", "cd", "bd", "ac", "ab")

    assert ends(path) == ["ab", "ac", "bd", "cd"]


def test_links_may_lead_against_the_order_of_the_steps_and_begin_at_several() -> None:
    _, path = built("abc", "ca", "ba")

    assert ends(path) == ["ba", "ca"]


@pytest.mark.parametrize(
    ("names", "pairs", "places"),
    [
        ("a", [], ["steps"]),
        ("aa", [], ["steps.1.name"]),
        ("ab", ["ab", "ab"], ["links.1"]),
        ("ab", ["ab", "aa"], ["links.1"]),
        ("ab", ["ab", "ba"], ["links"]),
        ("abc", ["ab"], ["links"]),
        (
            "abc",
            ["ab", "bx", "yz"],
            ["links.1.target", "links.2.source", "links.2.target", "links"],
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_place(
    names: str, pairs: list[str], places: list[str]
) -> None:
    assert faults(names, *pairs) == places


def test_as_many_steps_and_links_as_are_allowed_and_no_more() -> None:
    names = "abcdefghijklmnopqrst"
    pairs = [a + b for a in names for b in names if a < b]
    line = [a + b for a, b in pairwise(names)]
    sixty = line + [pair for pair in pairs if pair not in line][: 60 - len(line)]

    assert len(ends(built(names, *sixty)[1])) == 60
    assert faults(names, *pairs[:61]) == ["links"]
    assert faults(names + "u") == ["steps"]


def test_a_step_that_keeps_its_name_stays_the_same() -> None:
    funnel, path = built("abc")

    edit = changed(funnel, path, steps=steps("cxa"))

    assert edit.path is not UNSET
    known = {step.name: step.id for step in path.steps}
    found = {step.name: step.id for step in edit.path.steps}
    assert (found["a"], found["c"]) == (known["a"], known["c"])
    assert found["x"] not in known.values()
    assert ends(edit.path) == ["cx", "xa"]


def test_what_is_as_it_was_is_no_change() -> None:
    funnel, path = built("abc", "ab", "ac")

    same = changed(funnel, path, name="orders", steps=steps("abc"), links=links("ac", "ab"))

    assert same.is_empty
    assert changed(funnel, path).is_empty


def test_a_new_name_leaves_the_steps_alone() -> None:
    funnel, path = built("ab")

    edit = changed(funnel, path, name="sales", description=None)

    assert edit == FunnelEdit(changes=FunnelChanges(name="sales"))


def test_a_null_is_refused_where_something_must_be() -> None:
    funnel, path = built("ab")

    with pytest.raises(Invalid) as refusal:
        changed(funnel, path, name=None, steps=None, links=links("ax"))

    places = [".".join(map(str, one.path)) for one in refusal.value.refusals]
    assert places == ["name", "steps", "links.0.target", "links"]
