"""What clients wrote for the last commit's schema.graphql still works."""

import asyncio
import shutil
import sys
from pathlib import Path

import pytest
from graphql import GraphQLSchema, build_schema
from graphql.utilities import find_breaking_changes, find_dangerous_changes

from graphql_api.schema import schema

ROOT = Path(__file__).parents[2]
NOW = schema.as_str()


async def committed(revision: str, folder: Path) -> str | None:
    """None where there is no git, no such revision or no such file in it."""
    git = shutil.which("git")
    if git is None:
        return None
    shown = await asyncio.create_subprocess_exec(
        *(git, "show", f"{revision}:./schema.graphql"),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    text, _ = await shown.communicate()
    return text.decode() if shown.returncode == 0 else None


async def before(folder: Path, now: str) -> tuple[str, str]:
    """The schema that is changed, and its place: without history, what the folder holds."""
    for revision in ("HEAD", "HEAD~1"):
        text = await committed(revision, folder)
        if text is not None and text.strip() != now.strip():
            return text, revision
    return (folder / "schema.graphql").read_text(), "the file"


def broken(old: GraphQLSchema, new: GraphQLSchema) -> list[str]:
    return [change.description for change in find_breaking_changes(old, new)]


async def test_nothing_of_the_last_commit_is_broken(capfd: pytest.CaptureFixture[str]) -> None:
    text, place = await before(ROOT, NOW)
    old, new = build_schema(text), build_schema(NOW)

    dangerous = [change.description for change in find_dangerous_changes(old, new)]

    with capfd.disabled():
        sys.stdout.writelines(f"\nsince {place}: {change}\n" for change in dangerous)
    assert len(old.type_map) > 100
    assert broken(old, new) == []


async def test_a_folder_without_history_is_compared_with_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "schema.graphql").write_text("type Query { viewer: ID }")

    assert await before(tmp_path, NOW) == ("type Query { viewer: ID }", "the file")


def test_what_clients_would_notice_is_found() -> None:
    old = build_schema("type Query { viewer(id: ID): ID, gone: ID } enum Scope { READ, WRITE }")
    new = build_schema("type Query { viewer(id: ID!): [ID] } enum Scope { READ }")

    assert sorted(broken(old, new)) == [
        "Argument Query.viewer(id:) has changed type from ID to ID!.",
        "Enum value Scope.WRITE was removed.",
        "Field Query.gone was removed.",
        "Field Query.viewer changed type from ID to [ID].",
    ]
