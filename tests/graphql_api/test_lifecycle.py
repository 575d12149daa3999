import pytest

from tests.graphql_api.conftest import Graph
from tests.graphql_api.writing import (
    change,
    changed,
    draft,
    moved,
    phases,
    refusals,
    running,
    shown,
    tried,
    weights,
)
from tests.persistence.contents import everything

ALLOWED = {
    "DRAFT": ["ACTIVE", "ARCHIVED"],
    "ACTIVE": ["PAUSED", "COMPLETED", "ARCHIVED"],
    "PAUSED": ["ACTIVE", "COMPLETED", "ARCHIVED"],
    "COMPLETED": ["ARCHIVED"],
    "ARCHIVED": [],
}
TARGETS = {
    "experimentStart": "ACTIVE",
    "experimentPause": "PAUSED",
    "experimentResume": "ACTIVE",
    "experimentComplete": "COMPLETED",
    "experimentArchive": "ARCHIVED",
}
MOVES = [
    ("DRAFT", "experimentStart"),
    ("DRAFT", "experimentArchive"),
    ("ACTIVE", "experimentPause"),
    ("ACTIVE", "experimentComplete"),
    ("ACTIVE", "experimentArchive"),
    ("PAUSED", "experimentResume"),
    ("PAUSED", "experimentComplete"),
    ("PAUSED", "experimentArchive"),
    ("COMPLETED", "experimentArchive"),
]
HINTS = {
    ("PAUSED", "experimentStart"): "resume it instead",
    ("DRAFT", "experimentResume"): "start it instead",
}


@pytest.mark.parametrize(("status", "mutation"), MOVES)
async def test_a_move_that_is_allowed_is_made(graph: Graph, status: str, mutation: str) -> None:
    made = await moved(graph, status)
    assert made["allowedTransitions"] == ALLOWED[status]

    after = await changed(
        graph, mutation, experiment={"id": made["id"]}, expectedVersion=made["version"]
    )

    target = TARGETS[mutation]
    assert (after["status"], after["allowedTransitions"]) == (target, ALLOWED[target])
    assert after["version"] == made["version"] + 1
    assert await shown(graph, made["id"]) == after


@pytest.mark.parametrize("status", ALLOWED)
async def test_a_move_that_is_not_allowed_says_what_is(
    graph: Graph, database_url: str, status: str
) -> None:
    made = await moved(graph, status)
    before = await everything(database_url)

    for mutation, target in TARGETS.items():
        if (status, mutation) not in MOVES:
            payload = await tried(graph, mutation, experiment={"id": made["id"]})
            assert payload == {"experiment": None, "errors": [_refusal(status, mutation, target)]}

    assert await everything(database_url) == before


def _refusal(status: str, mutation: str, target: str) -> dict[str, object]:
    allowed = ALLOWED[status]
    hint = HINTS.get((status, mutation), f"allowed is {', '.join(allowed) or 'nothing'}")
    return {
        "__typename": "IllegalTransition",
        "message": f"checkout is {status} and cannot become {target}: {hint}",
        "path": ["input", "experiment"],
        "code": "ILLEGAL_TRANSITION",
        "from": status,
        "to": target,
        "allowed": allowed,
    }


async def test_the_start_is_noted_once_and_opens_the_first_phase(graph: Graph) -> None:
    made = await draft(graph, {"a": 0.25, "b": 0.75}, trafficAllocation=0.5)
    by = {"experiment": {"name": "checkout"}}

    started = await changed(graph, "experimentStart", **by)
    await changed(graph, "experimentPause", **by)
    resumed = await changed(graph, "experimentResume", **by)

    assert started["startedAt"] == started["updatedAt"] > made["createdAt"]
    assert resumed["startedAt"] == started["startedAt"]
    assert (resumed["status"], resumed["version"], resumed["phase"]) == ("ACTIVE", 4, 1)
    assert phases(resumed) == [(1, {"a": 0.25, "b": 0.75}, 0.5)]
    assert resumed["phases"][0]["openedAt"] == started["startedAt"]


async def test_weights_rounded_by_hand_become_exact_at_the_start(graph: Graph) -> None:
    thirds = dict.fromkeys(("a", "b", "c"), 0.3333)

    started = await running(graph, thirds)

    exact = dict.fromkeys(thirds, 1 / 3)
    assert weights(started) == pytest.approx(exact, abs=1e-15)
    assert started["phases"][0]["weights"] == weights(started)
    assert started["defaultTrafficSplit"] == thirds


async def test_a_start_is_refused_with_all_its_reasons(graph: Graph, database_url: str) -> None:
    made = await draft(graph, variants=[{"name": "a", "trafficWeight": 0.4}])
    before = await everything(database_url)

    payload = await change(graph, "experimentStart", experiment={"id": made["id"]})

    reasons = [
        "needs at least two active variants to start, it has 1",
        "exactly one active variant must be the control, 0 are",
        "the weights of the active variants must sum to 1, they sum to 0.4",
    ]
    assert payload == {
        "experiment": None,
        "errors": [
            {
                "__typename": "InvalidInput",
                "message": reason,
                "path": ["input", "experiment"],
                "code": "INVALID",
            }
            for reason in reasons
        ],
    }
    assert await everything(database_url) == before


@pytest.mark.parametrize(
    ("weights", "control", "reason"),
    [
        ([], 0, "needs at least two active variants to start, it has 0"),
        ([1.0], 0, "needs at least two active variants to start, it has 1"),
        ([0.5, 0.5], None, "exactly one active variant must be the control, 0 are"),
        ([0.5, 0.4], 0, "the weights of the active variants must sum to 1, they sum to 0.9"),
        ([1.0, 1.0], 0, "the weights of the active variants must sum to 1, they sum to 2"),
        ([0.5, 0.501], 0, "the weights of the active variants must sum to 1, they sum to 1.001"),
    ],
    ids=["nothing", "one", "no control", "too little", "too much", "a little too much"],
)
async def test_a_start_needs_a_whole_design(
    graph: Graph, weights: list[float], control: int | None, reason: str
) -> None:
    variants = [
        {"name": str(place), "trafficWeight": weight, "isControl": place == control}
        for place, weight in enumerate(weights)
    ]
    made = await draft(graph, variants=variants)

    refused = await refusals(graph, "experimentStart", experiment={"id": made["id"]})

    assert ("INVALID", "input.experiment", reason) in refused
    assert (await shown(graph, made["id"])) == made


async def test_variants_set_aside_are_not_counted_at_the_start(graph: Graph) -> None:
    made = await draft(graph, {"a": 0.5, "b": 0.5, "c": 1.0})
    aside = next(one["id"] for one in made["variants"] if one["name"] == "c")
    await change(graph, "variantDeactivate", id=aside)

    started = await changed(graph, "experimentStart", experiment={"id": made["id"]})

    assert phases(started) == [(1, {"a": 0.5, "b": 0.5}, 1.0)]


@pytest.mark.parametrize("winner", ["a", "b", None])
async def test_who_won_is_kept_where_somebody_did(graph: Graph, winner: str | None) -> None:
    made = await running(graph)

    completed = await changed(
        graph, "experimentComplete", experiment={"id": made["id"]}, winner=winner
    )

    assert completed["winner"] == (None if winner is None else {"name": winner})
    assert completed["completedAt"] == completed["updatedAt"] > completed["startedAt"]
    assert await shown(graph, made["id"]) == completed


async def test_a_variant_that_was_deactivated_may_have_won(graph: Graph) -> None:
    made = await running(graph, {"a": 0.5, "b": 0.25, "c": 0.25})
    await change(graph, "variantDeactivate", id=made["variants"][2]["id"])

    completed = await changed(
        graph, "experimentComplete", experiment={"id": made["id"]}, winner="c"
    )

    assert completed["winner"] == {"name": "c"}


@pytest.mark.parametrize("winner", ["", "A", "elsewhere", "x" * 10_000, "a\0"])
async def test_a_winner_must_be_a_variant_of_the_experiment(
    graph: Graph, database_url: str, winner: str
) -> None:
    made = await running(graph)
    await running(graph, {"elsewhere": 0.5, "b": 0.5}, name="another")
    before = await everything(database_url)

    assert await refusals(
        graph, "experimentComplete", experiment={"id": made["id"]}, winner=winner
    ) == [("NOT_FOUND", "input.winner", f"checkout has no variant {winner!r}")]
    assert await everything(database_url) == before


async def test_an_archived_experiment_is_hidden_and_kept(graph: Graph) -> None:
    made = await running(graph)
    await changed(graph, "experimentArchive", experiment={"id": made["id"]})

    answer = await graph(
        """query($id: ID!) {
          listed: experiments { totalCount nodes { id } }
          asked: experiments(filter: {status: [ARCHIVED]}) { totalCount nodes { id } }
          running: activeExperiments { id }
          named: experiment(by: {name: "checkout"}) { id status }
          node(id: $id) { id }
        }""",
        id=made["id"],
    )

    assert answer == {
        "listed": {"totalCount": 0, "nodes": []},
        "asked": {"totalCount": 1, "nodes": [{"id": made["id"]}]},
        "running": [],
        "named": {"id": made["id"], "status": "ARCHIVED"},
        "node": {"id": made["id"]},
    }


async def test_a_move_from_another_version_than_expected_is_a_conflict(
    graph: Graph, database_url: str
) -> None:
    made = await draft(graph)
    before = await everything(database_url)

    for mutation in TARGETS:
        payload = await tried(graph, mutation, experiment={"id": made["id"]}, expectedVersion=2)
        [error] = payload["errors"]
        assert (error["code"], error["currentVersion"]) == ("VERSION_CONFLICT", 1)
        assert error["path"] == ["input", "expectedVersion"]

    assert await everything(database_url) == before


async def test_what_is_not_there_cannot_move(graph: Graph) -> None:
    await draft(graph)

    for mutation in (*TARGETS, "experimentUpdate", "experimentDelete"):
        assert await refusals(graph, mutation, experiment={"name": "Checkout"}) == [
            ("NOT_FOUND", "input.experiment", "there is no experiment Checkout")
        ]
