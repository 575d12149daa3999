from collections.abc import Sequence
from enum import StrEnum


class ErrorCode(StrEnum):
    INVALID = "INVALID"
    NOT_FOUND = "NOT_FOUND"
    NAME_TAKEN = "NAME_TAKEN"
    ILLEGAL_TRANSITION = "ILLEGAL_TRANSITION"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    EXPERIMENT_NOT_RUNNING = "EXPERIMENT_NOT_RUNNING"
    NOT_ASSIGNED = "NOT_ASSIGNED"
    PLAN_LIMIT = "PLAN_LIMIT"
    IN_USE = "IN_USE"
    WRONG_CREDENTIALS = "WRONG_CREDENTIALS"


Path = tuple[str | int, ...]


class DomainError(Exception):
    """Something that the caller can put right: a sentence, a code and where in the input it is."""

    code: ErrorCode

    def __init__(self, message: str, path: Path = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path


class InvalidInput(DomainError):
    code = ErrorCode.INVALID


class NotFound(DomainError):
    code = ErrorCode.NOT_FOUND


class NameTaken(DomainError):
    code = ErrorCode.NAME_TAKEN


class InUse(DomainError):
    code = ErrorCode.IN_USE


class VersionConflict(DomainError):
    code = ErrorCode.VERSION_CONFLICT

    def __init__(self, expected: int, current: int) -> None:
        super().__init__(
            f"you expected version {expected}, the experiment is at {current}: read it again",
            ("expected_version",),
        )
        self.current_version = current


class Invalid(Exception):
    """All that is wrong with one input at once."""

    def __init__(self, refusals: Sequence[DomainError]) -> None:
        super().__init__("; ".join(refusal.message for refusal in refusals))
        self.refusals = tuple(refusals)


class BadRequest(Exception):
    """A question that cannot be asked: a malformed id or cursor, a page out of bounds."""


class Unavailable(Exception):
    """The store cannot be reached for now; nothing that was not acknowledged has been kept."""

    def __init__(self) -> None:
        super().__init__("the database cannot be reached for now: try again")


class TookTooLong(Exception):
    """The store was given up on: what it was asked for is too much work for one question."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} takes too long: ask for less, or when less is going on")


class StartFault(Exception):
    """What keeps a server or a command from starting: a sentence that names what to put right."""
