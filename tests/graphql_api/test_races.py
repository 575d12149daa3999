"""Many clients at once, on one server and on two: what they read and write is one experiment."""

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Sequence

import httpx
import pytest

from domain.authoring import Authoring, Target
from domain.errors import VersionConflict
from domain.experiments import ExperimentKey
from domain.lifecycle import IllegalTransition
from domain.projects import Project
from graphql_api.app import create_app
from graphql_api.settings import Settings
from persistence.engine import Database
from persistence.experiments import Experiments
from persistence.variants import Variants
from tests.factories import NOON, make_caller
from tests.graphql_api.conftest import SERVER_KEY, Graph
from tests.graphql_api.writing import (
    Shown,
    arm,
    draft,
    phases,
    running,
    shown,
    tried,
    weights,
)
from tests.persistence.contents import everything
from tests.secret import SECRET_KEY

MANY = 20


def codes(payloads: Sequence[Shown]) -> Counter[str]:
    """How often each refusal was told, and success as an empty code."""
    return Counter("".join(error["code"] for error in payload["errors"]) for payload in payloads)


async def all_at_once(*asked: Awaitable[Shown]) -> list[Shown]:
    return await asyncio.gather(*asked)


def keeps_the_rules(experiment: Shown) -> bool:
    active = [one for one in experiment["variants"] if one["isActive"]]
    total = math.fsum(one["trafficWeight"] for one in active)
    controls = sum(one["isControl"] for one in active)
    return len(active) >= 2 and controls == 1 and abs(total - 1) < 1e-9


@pytest.mark.parametrize(
    ("version", "code"), [(None, "ILLEGAL_TRANSITION"), (1, "VERSION_CONFLICT")]
)
async def test_one_of_many_starts_is_made(graph: Graph, version: int | None, code: str) -> None:
    made = await draft(graph)
    by = {"experiment": {"id": made["id"]}, "expectedVersion": version}

    payloads = await all_at_once(*(tried(graph, "experimentStart", **by) for _ in range(MANY)))

    assert codes(payloads) == {"": 1, code: MANY - 1}
    after = await shown(graph, made["id"])
    assert (after["status"], after["version"]) == ("ACTIVE", 2)
    assert phases(after) == [(1, {"a": 0.5, "b": 0.5}, 1.0)]


async def test_one_of_many_starts_is_made_whichever_server_is_asked(
    graph: Graph, database_url: str
) -> None:
    made = await draft(graph)
    another = create_app(Settings(secret_key=SECRET_KEY), database_url)
    async with another.router.lifespan_context(another):
        servers = [graph, Graph(httpx.ASGITransport(another), SERVER_KEY)] * (MANY // 2)
        payloads = await all_at_once(
            *(tried(one, "experimentStart", experiment={"id": made["id"]}) for one in servers)
        )

    assert codes(payloads) == {"": 1, "ILLEGAL_TRANSITION": MANY - 1}
    assert (await shown(graph, made["id"]))["version"] == 2


async def test_one_of_many_starts_is_made_over_two_pools(
    graph: Graph, project: Project, database_url: str
) -> None:
    await draft(graph)
    pools = [Database(database_url), Database(database_url)]
    authors = [Authoring(Experiments(pool), Variants(pool), lambda: NOON) for pool in pools]
    target = Target(key=ExperimentKey(name="checkout"), expected_version=1)

    outcomes = await asyncio.gather(
        *(authors[turn % 2].start(make_caller(project.id), target) for turn in range(MANY)),
        return_exceptions=True,
    )
    for pool in pools:
        await pool.dispose()

    refused = [one for one in outcomes if isinstance(one, VersionConflict | IllegalTransition)]
    assert len(refused) == MANY - 1


async def test_one_of_many_gets_the_name(graph: Graph, database_url: str) -> None:
    payloads = await all_at_once(
        *(tried(graph, "experimentCreate", name="x", variants=[{"name": "a"}]) for _ in range(MANY))
    )

    assert codes(payloads) == {"": 1, "NAME_TAKEN": MANY - 1}
    rows = await everything(database_url)
    assert (len(rows["ab_experiments"]), len(rows["ab_variants"])) == (1, 1)


async def test_one_of_many_experiments_is_renamed_to_it(graph: Graph) -> None:
    made = [await draft(graph, name=f"x{number}") for number in range(MANY // 2)]

    payloads = await all_at_once(
        *(
            tried(graph, "experimentUpdate", experiment={"id": one["id"]}, name="wanted")
            for one in made
        )
    )

    assert codes(payloads) == {"": 1, "NAME_TAKEN": MANY // 2 - 1}


async def test_many_changes_of_weights_all_count(graph: Graph) -> None:
    names = [f"v{number}" for number in range(MANY)]
    made = await running(graph, dict.fromkeys(names))

    payloads = await all_at_once(
        *(
            tried(graph, "variantUpdate", id=arm(made, name)["id"], trafficWeight=0.01)
            for name in names
        )
    )

    after = await shown(graph, made["id"])
    assert codes(payloads) == {"": MANY}
    assert keeps_the_rules(after)
    assert after["version"] == after["phase"] + 1 == MANY + 2
    assert [number for number, _, _ in phases(after)] == list(range(1, MANY + 2))
    assert phases(after)[-1][1] == weights(after)
    for _, split, _ in phases(after):
        assert math.fsum(split.values()) == pytest.approx(1, abs=1e-9)


async def test_many_edits_of_one_variant_are_all_kept_as_versions(graph: Graph) -> None:
    made = await draft(graph)
    target = arm(made, "b")["id"]
    fields = ("label", "description", "responseTemplate", "systemPrompt")

    payloads = await all_at_once(
        *(tried(graph, "variantUpdate", id=target, **{name: name}) for name in fields)
    )

    after = await shown(graph, made["id"])
    assert codes(payloads) == {"": len(fields)}
    assert {name: arm(after, "b")[name] for name in fields} == {name: name for name in fields}
    assert after["version"] == 1 + len(fields)


async def test_many_additions_take_places_of_their_own(graph: Graph) -> None:
    made = await running(graph)

    payloads = await all_at_once(
        *(
            tried(
                graph,
                "variantCreate",
                experiment={"id": made["id"]},
                variants=[{"name": f"n{number}", "trafficWeight": 0.1}],
            )
            for number in range(MANY)
        )
    )

    after = await shown(graph, made["id"])
    assert codes(payloads) == {"": MANY}
    assert [one["position"] for one in after["variants"]] == list(range(MANY + 2))
    assert keeps_the_rules(after)


async def test_one_of_many_additions_gets_the_name(graph: Graph) -> None:
    made = await draft(graph)
    by = {"experiment": {"id": made["id"]}, "variants": [{"name": "c"}]}

    payloads = await all_at_once(*(tried(graph, "variantCreate", **by) for _ in range(MANY)))

    assert codes(payloads) == {"": 1, "NAME_TAKEN": MANY - 1}
    assert len((await shown(graph, made["id"]))["variants"]) == 3


async def test_what_is_deleted_is_either_changed_before_or_not_found(
    graph: Graph, database_url: str
) -> None:
    empty = await everything(database_url, besides="ab_audit")
    made = await running(graph)
    by, target = {"experiment": {"id": made["id"]}}, arm(made, "b")["id"]

    payloads = await all_at_once(
        *(tried(graph, "experimentUpdate", **by, description=str(n)) for n in range(6)),
        tried(graph, "experimentDelete", **by),
        *(tried(graph, "variantUpdate", id=target, trafficWeight=n / 10) for n in range(6)),
        tried(graph, "experimentDelete", **by),
    )

    told = codes(payloads)
    assert told.keys() <= {"", "NOT_FOUND"}
    assert codes([payloads[6], payloads[13]]) == {"": 1, "NOT_FOUND": 1}
    assert await everything(database_url, besides="ab_audit") == empty


@pytest.mark.parametrize("mutation", ["variantDelete", "variantUpdate", "variantDeactivate"])
async def test_what_has_started_keeps_the_rules(graph: Graph, mutation: str) -> None:
    for turn in range(6):
        after, payloads = await _started_against(graph, mutation, turn)

        assert any(payload["errors"] == [] for payload in payloads)
        if after["status"] == "ACTIVE":
            assert mutation == "variantUpdate" or len(after["variants"]) == 2
            assert after["phases"][-1]["weights"] == weights(after)
            assert math.fsum(weights(after).values()) == 1
            assert sum(one["isControl"] for one in after["variants"] if one["isActive"]) == 1


async def _started_against(graph: Graph, mutation: str, turn: int) -> tuple[Shown, list[Shown]]:
    made = await draft(graph, name=f"x{turn}")
    wanted = {"trafficWeight": 0.25} if mutation == "variantUpdate" else {}
    asked = [
        tried(graph, "experimentStart", experiment={"id": made["id"]}),
        tried(graph, mutation, id=arm(made, "b")["id"], **wanted),
    ]

    payloads = await all_at_once(*(asked[::-1] if turn % 2 else asked))

    return await shown(graph, made["id"]), payloads


async def test_a_control_is_one_whoever_names_it(graph: Graph) -> None:
    names = [f"v{number}" for number in range(10)]
    made = await draft(graph, dict.fromkeys(names))

    payloads = await all_at_once(
        *(
            tried(graph, "variantUpdate", id=arm(made, name)["id"], isControl=True)
            for name in names[1:]
        ),
        tried(graph, "experimentStart", experiment={"id": made["id"]}),
    )

    assert codes(payloads).keys() <= {"", "INVALID"}
    assert keeps_the_rules(await shown(graph, made["id"]))


async def test_moves_and_edits_in_any_order_leave_a_whole_history(graph: Graph) -> None:
    made = await running(graph, dict.fromkeys(("a", "b", "c", "d")))
    by = {"experiment": {"id": made["id"]}}

    payloads = await all_at_once(
        *(tried(graph, "experimentPause", **by) for _ in range(4)),
        *(tried(graph, "experimentResume", **by) for _ in range(4)),
        *(tried(graph, "variantDeactivate", id=arm(made, name)["id"]) for name in "bcd"),
        *(tried(graph, "variantReactivate", id=arm(made, name)["id"]) for name in "bcd"),
        *(tried(graph, "experimentUpdate", **by, trafficAllocation=n / 10) for n in range(4)),
    )

    after = await shown(graph, made["id"])
    assert codes(payloads).keys() <= {"", "ILLEGAL_TRANSITION"}
    assert [number for number, _, _ in phases(after)] == list(range(1, after["phase"] + 1))
    assert phases(after)[-1] == (after["phase"], weights(after), after["trafficAllocation"])
    assert math.fsum(weights(after).values()) == pytest.approx(1, abs=1e-9)


async def test_readers_never_see_half_a_change(graph: Graph) -> None:
    made = await running(graph)
    target = arm(made, "b")["id"]

    seen = await all_at_once(
        *(
            tried(graph, "variantUpdate", id=target, trafficWeight=n / 16)
            for n in range(MANY)[1:16]
        ),
        *(graph(READ) for _ in range(MANY)),
    )

    for answer in seen[15:]:
        total = math.fsum(one["trafficWeight"] for one in answer["experiment"]["variants"])
        assert total == pytest.approx(1, abs=1e-9)


READ = '{ experiment(by: {name: "checkout"}) { variants { trafficWeight } } }'
