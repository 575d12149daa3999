"""Requests as clients really send them: those of the pages that come with the server, and some
with variables."""

import re
from pathlib import Path
from typing import Any

from tests.live.conftest import CHANGED, STATS

_ROOT = Path(__file__).parents[2]
_SHOWN = [
    block
    for page in (_ROOT / "README.md", *sorted((_ROOT / "docs").glob("*.md")))
    for block in re.findall(r"```graphql\n(.*?)```", page.read_text(), re.DOTALL)
]
_BY = {"name": "colour"}

SUBSCRIPTIONS: list[dict[str, Any]] = [
    {"query": STATS, "variables": {"name": "colour", "every": 200}},
    {"query": CHANGED, "variables": {"name": "colour"}, "operationName": None},
]
REQUESTS: list[dict[str, Any]] = [
    *({"query": block} for block in _SHOWN if not block.startswith("subscription")),
    {"query": "{ __typename }"},
    {
        "query": """query Both($by: ExperimentBy!, $first: Int = 3, $with: Boolean! = true) {
          experiment(by: $by) { ...Parts variants @include(if: $with) { name
            assignments(first: $first) {
            totalCount edges { cursor node { userId ... on Node { id } } } } } }
        }
        fragment Parts on Experiment { id name status metadata results { progress } }
        query Other { viewer { scopes } }""",
        "operationName": "Both",
        "variables": {"by": _BY, "first": 5, "with": True},
        "extensions": {"cost": True},
    },
    {
        "query": """query ($after: String, $filter: ExperimentFilter, $order: ExperimentOrder) {
          experiments(first: 2, after: $after, filter: $filter, orderBy: $order) {
            totalCount pageInfo { hasNextPage endCursor } nodes { name createdAt } } }""",
        "variables": {
            "after": None,
            "filter": {"search": "c", "status": ["ACTIVE"], "createdAfter": "2026-02-07T12:00:00Z"},
            "order": {"field": "NAME", "direction": "ASC"},
        },
    },
    {
        "query": "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename ... on Variant { name } } }",
        "variables": {"ids": ["VmFyaWFudDowMDAwMDAwMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDA="]},
    },
    {
        "query": """mutation ($input: AssignInput!) {
          assign(input: $input) { reason variant { content } errors { code message path } } }""",
        "variables": {
            "input": {"experiment": "colour", "userId": "ada", "context": {"plan": ["pro", 7, 0.5]}}
        },
    },
    {
        "query": """mutation ($input: [TrackInput!]!) {
          trackBatch(input: $input) { results { recorded metric { id } errors { message } } } }""",
        "variables": {
            "input": [
                {"experiment": "colour", "userId": "ada", "eventType": "click", "eventId": "e-1"},
                {"experiment": "colour", "userId": "bob", "eventType": "buy", "value": 12.5,
                 "timestamp": "2026-02-07T12:30:00.125+01:00", "data": {"sku": "a", "n": [1, 2]}},
            ]
        },
    },
    {
        "query": """mutation ($input: ExperimentCreateInput!) {
          experimentCreate(input: $input) { experiment { name version } errors { code path } } }""",
        "variables": {
            "input": {
                "name": "size", "metadata": {"team": {"name": "shop"}}, "alpha": 0.05,
                "variants": [{"name": "a"}, {"name": "b", "isControl": True, "trafficWeight": 0.2}],
                "metrics": [{"name": "buy", "eventType": "buy", "aggregation": "BINARY"}],
            }
        },
    },
    {
        "query": """mutation ($input: ExperimentUpdateInput!) {
          experimentUpdate(input: $input) { experiment { version } errors { message } } }""",
        "variables": {"input": {"experiment": _BY, "description": "zoë 🎯", "expectedVersion": 2}},
    },
    {
        "query": """query Plan($input: SampleSizeInput!) {
          sampleSize(input: $input) { usersTotal days } rateLimit { remaining } }""",
        "operationName": "Plan",
        "variables": {"input": {"baseline": 0.1, "minimumDetectableEffect": 0.05, "power": 0.8}},
    },
    {
        "query": "{ __schema { types { name fields { name type { name kind } } } } }",
        "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}},
    },
]  # fmt: skip

PAYLOADS = REQUESTS + SUBSCRIPTIONS
