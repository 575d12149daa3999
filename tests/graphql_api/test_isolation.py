"""Two projects side by side, with an experiment of the same name: what is the other's was never
there."""

import inspect
from collections.abc import Iterator
from typing import Any, get_type_hints

import orjson
import pytest
from starlette.applications import Starlette

from domain.ids import ProjectId, new_id
from graphql_api.loaders import Stores
from graphql_api.types.view import global_id, parse_id
from persistence.engine import Database
from tests.graphql_api.conftest import EMAIL, PASSWORD, Graph
from tests.graphql_api.neighbours import Estate, put_experiment
from tests.graphql_api.street import Street, lay_out

WITHOUT_PROJECT = {
    "ProjectStore.all": "for the command line",
    "ProjectStore.create": "is given the project",
    "PeopleStore.by_email": "for logging in and for the command line",
    "PeopleStore.memberships_of": "for logging in and for the command line",
    "PeopleStore.all": "for the command line",
    "PeopleStore.change_anywhere": "for the command line",
    "PeopleStore.rehash": "for logging in",
    "PeopleStore.add_member": "is given a membership, which names it",
    "PeopleStore.start_session": "is given a session, which names it",
    "KeyStore.add": "is given a key, which names it",
    "FunnelStore.create": "is given a funnel, which names it",
}
EVERYTHING = """{
  viewer { project { id name plan experimentCount experimentLimit
    members { role user { id email memberships { project { id } } } }
    apiKeys { id name prefix }
    history { totalCount nodes { id subjectName actorName changes } }
  } }
  experimentCounts { status count }
  funnels(first: 5) { totalCount nodes { id name steps { id } links { source { id } }
    report(experiment: { name: "checkout" }) { variants { variant { id } steps { users } } } } }
  activeExperiments { id }
  experiments { totalCount nodes { id name updatedAt status
    project { id } createdBy { id email }
    history { totalCount nodes { id } }
    phases { number } metricDefinitions { name }
    assignments { totalCount nodes { id userId variant { id } experiment { id } } }
    metrics { totalCount nodes { id variant { id } experiment { id } assignment { id } } }
    elements { id experiment { id } variants { id element { id } variant { id } } }
    variants(includeInactive: true) { id experiment { id } contents { id }
      assignments { totalCount nodes { id } } metrics { totalCount nodes { id } } }
  } }
}"""
ERRORS = "{ errors { __typename message path code } }"
TRANSITIONS = ("Start", "Pause", "Resume", "Complete", "Archive", "Delete")


def query(text: str) -> str:
    return f"query ($id: ID!) {{ {text} }}"


def mutation(name: str, input: str) -> str:
    return f"mutation ($id: ID!) {{ {name}(input: {{ {input} }}) {ERRORS} }}"


def tracked(name: str, more: str = "") -> str:
    item = f'experiment: $id userId: "user-1" {more}'
    return f"mutation ($id: String!) {{ {name}(input: {{ {item} }}) {ERRORS} }}"


BY = "experiment: { id: $id }"
NODE = query("node(id: $id) { __typename id }")
MINE = "totalCount nodes { id } edges { cursor } pageInfo { endCursor }"
BY_ID = {  # whatever is asked for by the id of something
    **{f"{kind} node": NODE for kind in ("Project", "User", "ApiKey")},
    **{f"{kind} node": NODE for kind in ("Experiment", "Variant", "Assignment", "Metric")},
    **{f"{kind} node": NODE for kind in ("Element", "ElementVariant")},
    **{f"{kind} node": NODE for kind in ("Funnel", "FunnelStep")},
    "Variant nodes": query("nodes(ids: [$id]) { __typename id }"),
    "Experiment experiment": query("experiment(by: { id: $id }) { name }"),
    "Experiment assignment": query(f'assignment({BY}, userId: "user-1") {{ id }}'),
    "User createdBy": query(f"experiments(filter: {{ createdBy: $id }}) {{ {MINE} }}"),
    **{f"Experiment {step}": mutation(f"experiment{step}", BY) for step in TRANSITIONS},
    "Experiment update": mutation("experimentUpdate", f'{BY} name: "x" expectedVersion: 7'),
    "Experiment variants": mutation("variantCreate", f'{BY} variants: [{{ name: "control" }}]'),
    "Funnel funnel": query("funnel(id: $id) { name }"),
    "Funnel update": mutation("funnelUpdate", 'id: $id name: "x"'),
    "Funnel delete": mutation("funnelDelete", "id: $id"),
    "Experiment report": query(
        f"funnels(first: 1) {{ nodes {{ report({BY}) {{ variants {{ variant {{ id }} }} }} }} }}"
    ),
    "Variant update": mutation("variantUpdate", 'id: $id name: "control"'),
    "Variant deactivate": mutation("variantDeactivate", "id: $id"),
    "Variant reactivate": mutation("variantReactivate", "id: $id"),
    "Variant delete": mutation("variantDelete", "id: $id"),
    "Experiment elements": mutation(
        "elementCreate",
        f'{BY} name: "buy" selectorType: CSS selectorValue: "#buy" elementType: "button"',
    ),
    "Element update": mutation("elementUpdate", 'id: $id name: "buy"'),
    "Element delete": mutation("elementDelete", "id: $id"),
    "User update": mutation("memberUpdate", "user: $id role: OWNER"),
    "User remove": mutation("memberRemove", "user: $id"),
    "ApiKey revoke": mutation("apiKeyRevoke", "id: $id"),
    "Experiment assign": tracked("assign"),
    "Experiment forced": tracked("assign", 'forceVariant: "control"'),
    "Experiment convert": tracked("convert"),
    "Experiment track": tracked("track", 'eventType: "order"'),
    "Experiment page": (
        'mutation ($id: String!) { assignAll(input: { userId: "user-1" experiments: [$id] }) '
        f"{{ results {ERRORS} }} }}"
    ),
    "Experiment explained": query(f'explainAssignment({BY}, userId: "user-1") {{ reason }}'),
}
BY_NAME = {  # or by an experiment's name
    question: document.replace("$id: ID!", "$name: String!").replace("id: $id", "name: $name")
    for question, document in BY_ID.items()
    if question.startswith("Experiment ") and BY in document
} | {
    "experiment": "query ($name: String!) { experiment(by: { name: $name }) { id } }",
    "search": f"query ($name: String!) {{ experiments(filter: {{ search: $name }}) {{ {MINE} }} }}",
}
BY_NAME |= {  # trackers name it or give its id in the same place
    question: document.replace("$id", "$name")
    for question, document in BY_ID.items()
    if "$id: String!" in document
}


@pytest.fixture
async def street(app: Starlette, database: Database, graph: Graph) -> Street:
    return await lay_out(app, database, graph)


def traces(estate: Estate) -> Iterator[str]:
    """What an answer would show of it."""
    yield from estate.ids.values()
    yield from (estate.project.name, estate.owner.email, estate.member.email)
    yield str(global_id("User", estate.owner.id))
    yield str(global_id("AuditEntry", estate.entry.id))


def without(answer: Any, identifier: str) -> str:
    """Refusals repeat what they were given."""
    text = orjson.dumps(answer).decode().replace(identifier, "ID")
    return text.replace(str(parse_id(identifier, ())[1]), "ID")


async def test_each_sees_all_of_its_own_and_nothing_of_the_other(street: Street) -> None:
    pairs = ((street.us, street.ours, street.theirs), (street.them, street.theirs, street.ours))

    for graph, own, other in pairs:
        shown = orjson.dumps(await graph(EVERYTHING)).decode()
        assert [trace for trace in traces(own) if trace not in shown] == []
        assert [trace for trace in traces(other) if trace in shown] == []


async def test_what_is_theirs_is_answered_as_what_never_was(street: Street) -> None:
    before = await street.them(EVERYTHING)

    for question, document in BY_ID.items():
        kind = question.partition(" ")[0]
        theirs, nothing = street.theirs.ids[kind], str(global_id(kind, new_id()))
        never, statements = await street.answer(document, id=nothing)
        hidden, same = await street.answer(document, id=theirs)
        assert without(hidden, theirs) == without(never, nothing), question
        assert same == statements != [], question  # no faster and no slower

    assert await street.them(EVERYTHING) == before


async def test_a_name_of_theirs_is_answered_as_one_that_nobody_gave(street: Street) -> None:
    await put_experiment(street.database, street.theirs.project.id, "theirs")

    for question, document in BY_NAME.items():
        never, statements = await street.answer(document, name="nobody")
        hidden, same = await street.answer(document, name="theirs")
        assert orjson.dumps(hidden).replace(b"theirs", b"nobody") == orjson.dumps(never), question
        assert same == statements != [], question


async def test_what_does_not_exist_for_us_says_so(street: Street) -> None:
    theirs = street.theirs.ids

    read = await street.us(NODE, id=theirs["Experiment"])
    started = await street.us(BY_ID["Experiment Start"], id=theirs["Experiment"])
    revoked = await street.us(BY_ID["ApiKey revoke"], id=theirs["ApiKey"])

    assert read == {"node": None}
    for payload in (started["experimentStart"], revoked["apiKeyRevoke"]):
        assert [error["code"] for error in payload["errors"]] == ["NOT_FOUND"]


async def test_a_stranger_among_our_nodes_is_a_gap(street: Street) -> None:
    ours, theirs = street.ours.ids["Variant"], street.theirs.ids["Variant"]

    shown = await street.us("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=[theirs, ours])

    assert shown == {"nodes": [None, {"id": ours}]}


async def test_a_name_that_they_have_is_free_for_us(street: Street) -> None:
    await put_experiment(street.database, street.theirs.project.id, "theirs")
    create = 'mutation { experimentCreate(input: { name: "theirs" }) { errors { code } } }'

    first, second = await street.us(create), await street.us(create)

    assert first == {"experimentCreate": {"errors": []}}
    assert second == {"experimentCreate": {"errors": [{"code": "NAME_TAKEN"}]}}


async def test_nobody_learns_by_logging_in_which_projects_there_are(street: Street) -> None:
    document = (
        "mutation ($email: String!, $password: String!, $project: ID) { sessionCreate("
        "input: { email: $email, password: $password, project: $project }) "
        "{ token errors { code message path } } }"
    )
    told = {"email": EMAIL, "password": PASSWORD}
    await street.us(document, **told)

    never, statements = await street.answer(
        document, **told, project=str(global_id("Project", new_id()))
    )
    hidden, same = await street.answer(document, **told, project=street.theirs.ids["Project"])

    assert hidden == never
    assert same == statements != []
    assert hidden["data"]["sessionCreate"]["errors"][0]["code"] == "WRONG_CREDENTIALS"


def test_every_method_of_a_store_takes_the_project_first() -> None:
    methods = {
        f"{store.__name__}.{name}": list(inspect.signature(method).parameters.values())
        for store in get_type_hints(Stores).values()
        for name, method in inspect.getmembers(store, inspect.isfunction)
        if not name.startswith("_")
    }

    others = {
        name
        for name, (_, *given) in methods.items()
        if not given or (given[0].name, given[0].annotation) != ("project", ProjectId)
    }
    assert others == WITHOUT_PROJECT.keys()
