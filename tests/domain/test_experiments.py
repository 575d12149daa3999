from enum import StrEnum
from uuid import UUID

import pytest

from domain.errors import ErrorCode
from domain.experiments import (
    RUNNING,
    AllocationMode,
    Correction,
    Edit,
    ExperimentChanges,
    ExperimentFilter,
    ExperimentKey,
    ExperimentStatus,
    HashAlgorithm,
)
from domain.variants import VariantChanges
from tests.factories import make_phase, make_variant


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (ExperimentStatus, ["DRAFT", "ACTIVE", "PAUSED", "COMPLETED", "ARCHIVED"]),
        (AllocationMode, ["FIXED", "THOMPSON"]),
        (Correction, ["HOLM", "BENJAMINI_HOCHBERG", "BONFERRONI", "NONE"]),
        (
            HashAlgorithm,
            ["GROWTHBOOK_V2", "GROWTHBOOK_V1", "POSTHOG", "PLANOUT", "OPTIMIZELY", "UNLEASH",
             "EPPO", "STATSIG"],
        ),
    ],
)  # fmt: skip
def test_the_names_are_those_of_the_contract(kind: type[StrEnum], names: list[str]) -> None:
    assert [member.name for member in kind] == names
    assert [member.value for member in kind] == [name.lower() for name in names]


def test_running_is_active_or_paused() -> None:
    assert {ExperimentStatus.ACTIVE, ExperimentStatus.PAUSED} == RUNNING


def test_a_missing_experiment_is_named_as_it_was_asked_for() -> None:
    by_name = ExperimentKey(name="checkout").missing()
    by_id = ExperimentKey(id=UUID(int=1)).missing()

    assert by_name.message == "there is no experiment checkout"
    assert by_id.message == "there is no experiment 00000000-0000-0000-0000-000000000001"
    assert (by_id.code, by_id.path) == (ErrorCode.NOT_FOUND, ("experiment",))


def test_an_edit_begins_empty() -> None:
    assert Edit().is_empty


@pytest.mark.parametrize(
    "edit",
    [
        Edit(changes=ExperimentChanges(description=None)),
        Edit(added=[make_variant()]),
        Edit(changed={UUID(int=1): VariantChanges()}),
        Edit(removed=frozenset({UUID(int=1)})),
        Edit(definitions=[]),
        Edit(phase=make_phase()),
    ],
    ids=["changes", "added", "changed", "removed", "definitions", "phase"],
)
def test_an_edit_that_says_anything_is_not_empty(edit: Edit) -> None:
    assert not edit.is_empty


def test_a_filter_begins_open() -> None:
    assert ExperimentFilter().status is None
