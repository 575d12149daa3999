"""What keeps a server or a command from starting, in one sentence that names what to put right."""

import os

from domain.errors import DomainError, Invalid, StartFault, Unavailable

START_FAULTS = (StartFault, Unavailable, Invalid, DomainError)


def in_words(fault: Exception) -> str:
    match fault:
        case Unavailable():
            return f"the database of DATABASE_URL cannot be used: {_reason(fault.__cause__)}"
        case Invalid(refusals=refusals):
            return "; ".join(f"{_place(refusal)}{refusal.message}" for refusal in refusals)
        case _:
            return str(fault)


def _place(refusal: DomainError) -> str:
    return " ".join(map(str, refusal.path)).replace("_", " ") + ": " if refusal.path else ""


def _reason(cause: BaseException | None) -> str:
    """What a server says never holds the password; what the driver says of a URL might."""
    match cause:
        case TimeoutError():
            return "it does not answer"
        case OSError(errno=int(number)) if number > 0:
            return os.strerror(number)
        case OSError(strerror=str(reason)):
            return reason
        case OSError():
            return "it cannot be reached"
        case Exception() if getattr(cause, "sqlstate", None):
            return str(cause).partition("\n")[0]
        case _:
            return type(cause).__name__
