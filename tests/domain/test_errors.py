import pytest

from domain.errors import (
    DomainError,
    ErrorCode,
    InUse,
    Invalid,
    InvalidInput,
    NameTaken,
    NotFound,
    Unavailable,
    VersionConflict,
)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (InvalidInput, ErrorCode.INVALID),
        (NotFound, ErrorCode.NOT_FOUND),
        (NameTaken, ErrorCode.NAME_TAKEN),
        (InUse, ErrorCode.IN_USE),
    ],
)
def test_a_refusal_has_a_sentence_a_code_and_a_place(
    kind: type[DomainError], code: ErrorCode
) -> None:
    refusal = kind("so it is", ("variants", 1, "name"))

    assert (refusal.message, refusal.code, refusal.path) == ("so it is", code, refusal.path)
    assert refusal.path == ("variants", 1, "name")
    assert str(refusal) == "so it is"


def test_a_refusal_of_the_whole_input_has_no_place() -> None:
    assert NotFound("there is none").path == ()


def test_a_version_conflict_tells_the_version_to_read() -> None:
    conflict = VersionConflict(3, 5)

    assert conflict.current_version == 5
    assert (conflict.code, conflict.path) == (ErrorCode.VERSION_CONFLICT, ("expected_version",))
    assert conflict.message == ("you expected version 3, the experiment is at 5: read it again")


def test_all_that_is_wrong_is_one_exception() -> None:
    refusals = [InvalidInput("too long", ("name",)), InvalidInput("too deep", ("metadata",))]

    invalid = Invalid(refusals)

    assert invalid.refusals == tuple(refusals)
    assert str(invalid) == "too long; too deep"


def test_what_is_wrong_with_an_input_is_no_refusal_itself() -> None:
    assert not issubclass(Invalid, DomainError)


def test_unavailable_says_nothing_of_the_store() -> None:
    assert str(Unavailable()) == "the database cannot be reached for now: try again"
