"""Each change of an experiment is its next version, of just what was seen."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import AuditEntry, Deed
from domain.experiments import Experiment
from domain.ids import ProjectId
from persistence.models import EXPERIMENTS
from persistence.tables import experiments


class Overtaken(Exception):
    """Somebody was faster: nothing is written."""


async def succeed(
    connection: AsyncConnection,
    project: ProjectId,
    seen: Experiment,
    changes: Mapping[str, Any],
    deed: Deed,
) -> Experiment:
    """Raises Overtaken."""
    changed = {**changes, "version": seen.version + 1, "updated_at": deed.at}
    statement = update(experiments).where(*as_seen(project, seen))
    saved = await connection.execute(statement.values(EXPERIMENTS.changed(changed)))
    if saved.rowcount == 0:
        raise Overtaken
    return replace(seen, **changed)


def as_seen(project: ProjectId, seen: Experiment) -> Iterator[ColumnElement[bool]]:
    yield experiments.c.id == seen.id
    yield experiments.c.project_id == project
    yield experiments.c.version == seen.version


def entry(
    deed: Deed, project: ProjectId, experiment: Experiment, said: Mapping[str, object]
) -> AuditEntry:
    return deed.entry(project, experiment.id, experiment.name, said, experiment=experiment.id)
