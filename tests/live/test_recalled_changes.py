"""Changes that are taken back before they have begun leave nothing behind."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from domain.access import Caller
from domain.ids import NIL, ProjectId
from graphql_api.conversation import Conversation
from graphql_api.outbox import Frame, Outbox
from graphql_api.payloads import Outdated
from tests.factories import make_caller
from tests.live.conftest import Running, eventually

CHANGE = "mutation { sessionRevoke { revoked } }"


async def never(_: Frame) -> None:
    await asyncio.Event().wait()


async def hears(conversation: Conversation, **message: Any) -> None:
    await conversation.hear(json.dumps(message))


async def test_a_change_that_waits_for_its_turn_is_gone_when_it_is_taken_back(
    server: Running,
) -> None:
    async def identify(_: Mapping[str, Any] | None) -> Caller | None:
        return make_caller(ProjectId(NIL))

    streams = server.endpoints.streams
    conversation = Conversation(streams, Outbox(never, Outdated()), "127.0.0.1", identify)
    await hears(conversation, type="connection_init")
    for number in range(4):  # of which nobody reads the answers
        await hears(conversation, type="subscribe", id=str(number), payload={"query": CHANGE})
    before = len(asyncio.all_tasks())

    for _ in range(100):
        await hears(conversation, type="subscribe", id="next", payload={"query": CHANGE})
        await hears(conversation, type="complete", id="next")

    await eventually(lambda: len(asyncio.all_tasks()) <= before)
    assert conversation.count == 104
    conversation.end()
