"""What it takes to refuse a document that was made to be dear, and what the dearest that is right
takes: CPU time of one process, from the text to the answer that it is refused."""

import argparse
import gc
import json
import time
from collections.abc import Sequence
from statistics import median

from click import echo
from graphql import GraphQLError, get_introspection_query

from graphql_api.bounds import Bounds
from graphql_api.library import Library
from graphql_api.schema import schema

BAR = 50.0  # milliseconds
DOUBLING = "".join(f"fragment f{n} on Query{{...f{n + 1} ...f{n + 1}}}" for n in range(99))
REFUSED = {
    "900 levels of fields": "{a" * 900 + "}" * 900,
    "100 levels of fragments without a name": "{" + "...{" * 101 + "id" + "}" * 102,
    "a mebibyte of fields": "{" + "a " * 500_000 + "}",
    "60,000 fields": "{" + "a " * 60_000 + "}",
    "400 aliases": "{" + "".join(f"a{n}:__typename " for n in range(400)) + "}",
    "300 directives": "{" + "__typename @a " * 300 + "}",
    "viewer 480 times": "{" + "viewer{scopes} " * 480 + "}",
    "viewer 470 times, unspread": "{__typename} fragment f on Query{"
    + "viewer{scopes}" * 470
    + "}",
    "one field 1,900 times": "{" + "a " * 1_900 + "}",
    "200 fragments beside each other": "{"
    + "".join(f"...f{n} " for n in range(200))
    + "}"
    + "".join(f"fragment f{n} on Query{{a{n}}}" for n in range(200)),
    "2^100 fields by fragments": "{...f0}" + DOUBLING + "fragment f99 on Query{__typename}",
    "200 fragments in a circle": "{...f0}"
    + "".join(f"fragment f{n} on Query{{...f{(n + 1) % 200}}}" for n in range(200)),
    "introspection in a circle": "{__schema{types{fields{type{fields{type{fields{name}}}}}}}}",
    "1,900 fields that are not there": "{" + " ".join(f"f{n}" for n in range(1_900)) + "}",
    "500 variables that are not used": "query("
    + " ".join(f"$v{n}:Int" for n in range(490))
    + "){__typename}",
}
RIGHT = {
    "GraphiQL's introspection": get_introspection_query(input_value_deprecation=True),
    "viewer 70 times": "{" + "viewer{scopes} " * 70 + "}",
    "one field 100 times": "{" + "__typename " * 100 + "}",
}


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks refusals", description=__doc__)
    parser.add_argument("--json", action="store_true", help="a JSON object as the last line")
    parser.add_argument("--rounds", type=int, default=30)
    chosen = parser.parse_args(arguments)
    _taken("{ __typename }", is_right=True)
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
    refused = {name: _median(text, chosen.rounds) for name, text in REFUSED.items()}
    right = {name: _median(text, chosen.rounds, is_right=True) for name, text in RIGHT.items()}
    for name, milliseconds in (*refused.items(), *right.items()):
        echo(f"{name:42}{milliseconds:8.2f} ms")
    echo(f"a refusal may take {BAR:.0f} ms; the last {len(right)} are right")
    if chosen.json:
        echo(json.dumps({"refused_ms": refused, "right_ms": right}))


def _median(text: str, rounds: int, *, is_right: bool = False) -> float:
    return round(1000 * median(_taken(text, is_right=is_right) for _ in range(rounds)), 2)


def _taken(text: str, *, is_right: bool = False) -> float:
    """By a process that has never seen it."""
    library = Library(Bounds(), is_open=True)
    began = time.process_time()
    try:
        document = library.document(text)
        entry, _ = library.checked(schema._schema, text, document)  # noqa: SLF001  no other name
    except GraphQLError:
        entry = None
    taken = time.process_time() - began
    if (entry is not None) is not is_right:
        raise SystemExit(f"not as expected: {text[:60]}")
    return taken
