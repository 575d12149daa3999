"""What tests of people and keys ask for, and clients for those who are let in."""

from typing import Any

from tests.graphql_api.conftest import EMAIL, PASSWORD, Graph

Shown = dict[str, Any]

THEIR_PASSWORD = "a password of a member"  # noqa: S105
_ERRORS = "errors { __typename message path code ... on PlanLimitReached { limit } }"
_KEY = "apiKey { id name prefix scopes allowedOrigins createdAt lastUsedAt expiresAt revokedAt }"
_SHOWN = {
    "sessionCreate": ("SessionCreateInput", "token expiresAt user { id email name }"),
    "userUpdate": ("UserUpdateInput", "user { id email name }"),
    "passwordChange": ("PasswordChangeInput", "user { id email }"),
    "memberAdd": ("MemberAddInput", "membership { role user { id email name } project { id } }"),
    "memberUpdate": ("MemberUpdateInput", "membership { role user { id email } }"),
    "memberRemove": ("MemberInput", "deletedId"),
    "apiKeyCreate": ("ApiKeyCreateInput", f"key {_KEY}"),
    "apiKeyRevoke": ("ApiKeyInput", _KEY),
    "experimentCreate": ("ExperimentCreateInput", "experiment { id name }"),
    "experimentArchive": ("ExperimentTransitionInput", "experiment { id status }"),
}
REVOKE = "mutation { sessionRevoke { revoked errors { code } } }"


def document(mutation: str) -> str:
    kind, shown = _SHOWN[mutation]
    return f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {shown} {_ERRORS} }} }}"


async def change(graph: Graph, mutation: str, **input: Any) -> Shown:
    """The payload, with whatever it refuses."""
    payload: Shown = (await graph(document(mutation), input=input))[mutation]
    return payload


async def changed(graph: Graph, mutation: str, **input: Any) -> Shown:
    """What came of a change that nothing stood against."""
    payload = await change(graph, mutation, **input)
    assert payload["errors"] == []
    return payload


async def refusals(graph: Graph, mutation: str, **input: Any) -> list[tuple[str, str, str]]:
    """Code, place in the input and sentence of each."""
    payload = await change(graph, mutation, **input)
    assert not any(value for name, value in payload.items() if name != "errors")
    return [
        (error["code"], ".".join(error["path"]), error["message"]) for error in payload["errors"]
    ]


async def logged_in(graph: Graph, email: str = EMAIL, password: str = PASSWORD) -> Graph:
    """A client that shows a session's token."""
    payload = await changed(graph.showing(None), "sessionCreate", email=email, password=password)
    return graph.showing(payload["token"])


async def added(graph: Graph, role: str, email: str) -> Shown:
    payload = await changed(graph, "memberAdd", email=email, role=role, password=THEIR_PASSWORD)
    membership: Shown = payload["membership"]
    return membership


async def member(graph: Graph, role: str, email: str = "bob@shop.example") -> Graph:
    await added(graph, role, email)
    return await logged_in(graph, email, THEIR_PASSWORD)


async def key(graph: Graph, *scopes: str, **input: Any) -> tuple[Graph, Shown]:
    """A client that shows a new key, and what is known of the key."""
    payload = await changed(graph, "apiKeyCreate", name="shop", scopes=scopes, **input)
    return graph.showing(payload["key"]), payload["apiKey"]


async def scopes(graph: Graph) -> list[str]:
    found: list[str] = (await graph("{ viewer { scopes } }"))["viewer"]["scopes"]
    return found


async def is_known(graph: Graph) -> bool:
    response = await graph.send("{ viewer { scopes } }")
    assert response.status_code in (200, 401)
    return response.status_code == 200


async def user_id(graph: Graph) -> str:
    found: str = (await graph("{ viewer { user { id } } }"))["viewer"]["user"]["id"]
    return found
