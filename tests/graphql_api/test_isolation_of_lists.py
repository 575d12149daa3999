"""Two projects side by side: lists, counts, cursors and people of one show nothing of the other."""

from typing import Any

import pytest
from starlette.applications import Starlette

from domain import assignments, audit, metrics
from domain.access import Role
from domain.assignments import AssignmentFilter
from domain.audit import AuditFilter
from domain.experiments import ExperimentStatus
from domain.metrics import MetricFilter
from domain.paging import Ordering, Owner, window
from persistence.assignments import Assignments
from persistence.audit import Audit
from persistence.engine import Database
from persistence.experiments import Experiments
from persistence.metrics import Metrics
from persistence.variants import Variants
from tests.factories import NOON
from tests.graphql_api.conftest import Graph
from tests.graphql_api.neighbours import join, put_entry, put_experiment, session_of
from tests.graphql_api.street import Street, lay_out


@pytest.fixture
async def street(app: Starlette, database: Database, graph: Graph) -> Street:
    return await lay_out(app, database, graph)


async def test_counts_are_of_our_own(street: Street) -> None:
    project = street.theirs.project.id
    for name in ("a", "b", "c"):
        await put_entry(street.database, await put_experiment(street.database, project, name))

    shown = await street.us(
        "{ experiments { totalCount } experimentCounts { status count } "
        "viewer { project { experimentCount history { totalCount } } } }"
    )

    assert shown == {
        "experiments": {"totalCount": 1},
        "experimentCounts": [{"status": "ACTIVE", "count": 1}],
        "viewer": {"project": {"experimentCount": 1, "history": {"totalCount": 1}}},
    }


async def test_filters_find_nothing_of_theirs(street: Street) -> None:
    shown = await street.us(
        """{
          named: experiments(filter: { search: "checkout" }) { nodes { id } }
          running: experiments(filter: { status: [ACTIVE], targetBot: "shop-bot" }) { nodes { id } }
          by: experiments(orderBy: { field: NAME, direction: ASC }) { nodes { id } }
          activeExperiments(url: "https://shop.example/checkout") { id }
        }"""
    )

    ours = [{"id": street.ours.ids["Experiment"]}]
    assert shown.pop("activeExperiments") == ours
    assert shown == {name: {"nodes": ours} for name in ("named", "running", "by")}


async def test_the_same_user_has_an_assignment_with_each(street: Street) -> None:
    document = (
        '{ assignment(experiment: { name: "checkout" }, userId: "user-1") { id variant { id } } '
        'experiments { nodes { assignments(filter: { userId: "user-1" }) { nodes { id } } } } }'
    )

    for graph, own in ((street.us, street.ours.ids), (street.them, street.theirs.ids)):
        shown = await graph(document)
        assert shown == {
            "assignment": {"id": own["Assignment"], "variant": {"id": own["Variant"]}},
            "experiments": {"nodes": [{"assignments": {"nodes": [{"id": own["Assignment"]}]}}]},
        }


@pytest.mark.parametrize(("side", "ours"), [("after", "earlier"), ("before", "later")])
async def test_a_cursor_of_theirs_leads_to_our_own(street: Street, side: str, ours: str) -> None:
    project, draft = street.ours.project.id, ExperimentStatus.DRAFT
    for name, hour in (("earlier", 9), ("later", 15)):
        made_at = NOON.replace(hour=hour)
        await put_experiment(street.database, project, name, draft, created_at=made_at)
    theirs = await street.them("{ experiments { pageInfo { endCursor } } }")

    shown = await street.us(
        f"query ($at: String!) {{ experiments({side}: $at) {{ totalCount nodes {{ name }} }} }}",
        at=theirs["experiments"]["pageInfo"]["endCursor"],
    )

    names = {node["name"] for node in shown["experiments"]["nodes"]}
    assert (names - {"checkout"}, shown["experiments"]["totalCount"]) == ({ours}, 3)


@pytest.mark.parametrize("edge", ["history", "assignments", "metrics"])
async def test_a_cursor_of_theirs_opens_no_page_of_theirs(street: Street, edge: str) -> None:
    cursors = f"{{ experiments {{ nodes {{ {edge} {{ edges {{ cursor node {{ id }} }} }} }} }} }}"
    pages = " ".join(
        f"{side}: {edge}({side}: $at) {{ totalCount nodes {{ id }} }}"
        for side in ("after", "before")
    )
    (theirs,) = (await street.them(cursors))["experiments"]["nodes"]
    (ours,) = (await street.us(cursors))["experiments"]["nodes"]

    shown = await street.us(
        f"query ($at: String!) {{ experiments {{ nodes {{ {pages} }} }} }}",
        at=theirs[edge]["edges"][0]["cursor"],
    )

    (found,) = shown["experiments"]["nodes"]
    assert found["after"]["nodes"] + found["before"]["nodes"] == [ours[edge]["edges"][0]["node"]]
    assert found["after"]["totalCount"] == found["before"]["totalCount"] == 1


async def test_whoever_belongs_to_both_sees_one_at_a_time(street: Street) -> None:
    ours, theirs, owner = street.ours.project.id, street.theirs.project.id, street.ours.owner
    await join(street.database, theirs, owner, Role.VIEWER)
    document = (
        "query ($id: ID!) { node(id: $id) { id } "
        "viewer { project { id } user { memberships { role project { id } } } } }"
    )

    here = street.us.showing(await session_of(street.database, ours, owner))
    there = street.us.showing(await session_of(street.database, theirs, owner))

    for graph, own, other, role in (
        (here, street.ours, street.theirs, "OWNER"),
        (there, street.theirs, street.ours, "VIEWER"),
    ):
        shown = await graph(document, id=other.ids["Project"])
        membership = {"role": role, "project": {"id": own.ids["Project"]}}
        assert shown["node"] is None
        assert shown["viewer"]["project"] == {"id": own.ids["Project"]}
        assert shown["viewer"]["user"] == {"memberships": [membership]}


async def test_who_made_it_is_not_told_of_somebody_who_is_theirs(street: Street) -> None:
    project, stranger = street.ours.project.id, street.theirs.owner
    await put_experiment(street.database, project, "of a stranger", created_by=stranger.id)

    shown = await street.us('{ experiment(by: { name: "of a stranger" }) { createdBy { email } } }')

    assert shown == {"experiment": {"createdBy": None}}


async def test_a_refusal_lets_us_read_on_in_our_own_project(street: Street) -> None:
    document = (
        "mutation ($id: ID!) { variantDelete(input: { id: $id }) "
        "{ errors { code } query { node(id: $id) { id } activeExperiments { id } } } }"
    )

    shown = await street.us(document, id=street.theirs.ids["Variant"])

    assert shown["variantDelete"] == {
        "errors": [{"code": "NOT_FOUND"}],
        "query": {"node": None, "activeExperiments": [{"id": street.ours.ids["Experiment"]}]},
    }


@pytest.mark.parametrize(
    ("store", "order", "filter"),
    [
        (Assignments, assignments.NEWEST_FIRST, AssignmentFilter()),
        (Metrics, metrics.NEWEST_FIRST, MetricFilter()),
        (Audit, audit.NEWEST_FIRST, AuditFilter()),
    ],
)
async def test_pages_of_what_is_theirs_are_empty_to_us(
    street: Street, store: type[Any], order: Ordering, filter: object
) -> None:
    shown, experiment = store(street.database), street.theirs.experiment.id
    which = window(order)

    for project, count in ((street.ours.project.id, 0), (street.theirs.project.id, 1)):
        pages = await shown.pages(project, Owner.EXPERIMENT, [experiment], which, filter)
        counts = await shown.counts(project, Owner.EXPERIMENT, [experiment], filter)
        assert (len(pages[experiment].items), counts[experiment]) == (count, count)


async def test_parts_of_what_is_theirs_are_none_of_ours(street: Street) -> None:
    database, experiment = street.database, street.theirs.experiment.id
    reads = (
        Variants(database).by_experiment,
        Experiments(database).phases_by_experiment,
        Metrics(database).definitions_by_experiment,
    )

    for read in reads:
        assert not (await read(street.ours.project.id, [experiment])).get(experiment)
        assert (await read(street.theirs.project.id, [experiment]))[experiment]
