"""Refusals as data: a type for each, made from the exception's attributes of the same names."""

from dataclasses import fields

import strawberry
from strawberry.utils.str_converters import to_camel_case

from domain import errors, lifecycle, projects
from domain.errors import DomainError, ErrorCode, Invalid, Path
from domain.experiments import ExperimentStatus
from graphql_api.types import enums  # noqa: F401  # described before a field names one of them


@strawberry.interface(
    description="Something that the caller can put right; faults of the server are top-level "
    "errors."
)
class UserError:
    message: str = strawberry.field(description="A sentence for the caller.")
    path: list[str] | None = strawberry.field(description="Where in the arguments it is.")
    code: ErrorCode = strawberry.field(description="What kind of refusal it is.")


@strawberry.type(description="A value is not allowed.")
class InvalidInput(UserError):
    pass


@strawberry.type(description="What the input names does not exist.")
class NotFound(UserError):
    pass


@strawberry.type(description="Another one has that name.")
class NameTaken(UserError):
    pass


@strawberry.type(description="The experiment cannot go there from where it is.")
class IllegalTransition(UserError):
    source: ExperimentStatus = strawberry.field(name="from", description="Where it is.")
    target: ExperimentStatus = strawberry.field(name="to", description="Where it should go.")
    allowed: list[ExperimentStatus] = strawberry.field(description="Where it can go.")


@strawberry.type(description="Somebody else has changed it since it was read.")
class VersionConflict(UserError):
    current_version: int = strawberry.field(description="The version that it has now.")


@strawberry.type(description="The project's plan does not allow more.")
class PlanLimitReached(UserError):
    limit: int = strawberry.field(description="What it allows.")


@strawberry.type(description="Refused for the reason that the code and the message say.")
class Refused(UserError):
    pass


_TYPES: dict[type[DomainError], type[UserError]] = {
    errors.InvalidInput: InvalidInput,
    errors.NotFound: NotFound,
    errors.NameTaken: NameTaken,
    errors.VersionConflict: VersionConflict,
    lifecycle.IllegalTransition: IllegalTransition,
    projects.PlanLimitReached: PlanLimitReached,
}
USER_ERRORS = (*_TYPES.values(), Refused)


def user_error(refusal: DomainError) -> UserError:
    kind = _TYPES.get(type(refusal), Refused)
    own = [field.name for field in fields(kind) if field.name not in ("message", "path", "code")]
    return kind(
        message=refusal.message,
        path=["input", *camel_case(refusal.path)],
        code=refusal.code,
        **{name: getattr(refusal, name) for name in own},
    )


def user_errors(refusal: DomainError | Invalid) -> list[UserError]:
    refusals = refusal.refusals if isinstance(refusal, Invalid) else [refusal]
    return [user_error(each) for each in refusals]


def camel_case(path: Path) -> list[str]:
    return [to_camel_case(str(step)) for step in path]
