"""What the database refuses, in the domain's words: by the name of the constraint."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError

from domain.errors import DomainError, InvalidInput, NameTaken, NotFound, Path
from persistence.outages import driver_error

_Refusal = tuple[type[DomainError], str, Path]

_NO_EXPERIMENT = (NotFound, "that experiment does not exist", ("experiment",))
_NO_VARIANT = (NotFound, "that variant does not exist", ("variant",))

REFUSALS: Mapping[str, _Refusal] = {
    "idx_experiment_name": (
        NameTaken,
        "another experiment of this project has that name",
        ("name",),
    ),
    "uq_ab_users_email": (NameTaken, "another user has that address", ("email",)),
    "pk_ab_memberships": (InvalidInput, "is a member already", ("email",)),
    "uq_ab_variants_experiment_id_variant_name": (
        NameTaken,
        "another variant of this experiment has that name",
        ("name",),
    ),
    "uq_ab_metric_definitions_experiment_id_name": (
        NameTaken,
        "another metric of this experiment has that name",
        ("name",),
    ),
    "uq_ab_elements_experiment_id_name": (
        NameTaken,
        "another element of this experiment has that name",
        ("name",),
    ),
    "fk_ab_elements_experiment_id": _NO_EXPERIMENT,
    "fk_ab_element_variants_variant_id": _NO_VARIANT,
    "uq_ab_funnels_project_id_name": (
        NameTaken,
        "another funnel of this project has that name",
        ("name",),
    ),
    "fk_ab_phases_experiment_id": _NO_EXPERIMENT,
    "fk_ab_variants_experiment_id": _NO_EXPERIMENT,
    "fk_ab_metric_definitions_experiment_id": _NO_EXPERIMENT,
    "fk_ab_assignments_experiment_id": _NO_EXPERIMENT,
    "fk_ab_assignments_variant_id": _NO_VARIANT,
    "fk_ab_metrics_experiment_id": _NO_EXPERIMENT,
    "fk_ab_metrics_variant_id": _NO_VARIANT,
    "fk_ab_user_totals_experiment_id": _NO_EXPERIMENT,
    "fk_ab_running_sums_experiment_id": _NO_EXPERIMENT,
    "fk_ab_metrics_assignment_id_user_id": (
        NotFound,
        "that assignment does not exist",
        ("assignment",),
    ),
    "ck_ab_experiments_traffic_allocation": (
        InvalidInput,
        "the traffic allocation must be from 0 to 1",
        ("traffic_allocation",),
    ),
    "ck_ab_variants_traffic_weight": (
        InvalidInput,
        "the traffic weight must be from 0 to 1",
        ("traffic_weight",),
    ),
}


class StoreFault(Exception):
    """The database refused what no caller can put right: its state or its constraint says why."""


@contextmanager
def translated() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, asyncpg.IntegrityConstraintViolationError) as error:
        raise _in_our_words(driver_error(error)) from error


def _in_our_words(error: BaseException) -> Exception:
    constraint = getattr(error, "constraint_name", None) or ""
    if constraint in REFUSALS:
        refusal, message, path = REFUSALS[constraint]
        return refusal(message, path)
    return StoreFault(f"the database refused a write: {type(error).__name__} {constraint}".strip())
