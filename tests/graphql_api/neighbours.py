"""Projects that have one of everything, put in past the server, and tokens for all who call."""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import insert

from domain.access import Actor, ActorKind, Role, Scope
from domain.assignments import Assignment
from domain.audit import AuditEntry, Deed
from domain.bandits import Beliefs
from domain.changes import given
from domain.design import Design
from domain.elements import Element, ElementVariant
from domain.experiments import (
    AllocationMode,
    Edit,
    Experiment,
    ExperimentChanges,
    ExperimentStatus,
)
from domain.funnels import Funnel, FunnelStep, LinkEnds
from domain.ids import ProjectId, new_id
from domain.keys import ApiKey, NewApiKey, build_key
from domain.metrics import Metric, MetricDefinition
from domain.paging import Identified
from domain.people import Membership, Session, User
from domain.projects import Project
from domain.sums import OWN
from domain.tokens import new_key, new_session_token
from domain.variants import Variant
from graphql_api.types.view import global_id
from persistence.engine import Database
from persistence.models import (
    API_KEYS,
    ASSIGNMENTS,
    AUDIT,
    ELEMENT_VARIANTS,
    ELEMENTS,
    EXPERIMENTS,
    FUNNEL_LINKS,
    FUNNEL_STEPS,
    FUNNELS,
    MEMBERSHIPS,
    METRIC_DEFINITIONS,
    METRICS,
    PHASES,
    PROJECTS,
    RUNNING_SUMS,
    SESSIONS,
    USERS,
    VARIANTS,
    Model,
)
from tests.elements import make_element, make_element_variant
from tests.factories import (
    NOON,
    make_assignment,
    make_experiment,
    make_metric,
    make_metric_definition,
    make_phase,
    make_project,
    make_variant,
)
from tests.funnels import make_funnel, make_path
from tests.persistence.sealed import state_box
from tests.secret import SECRET_KEY
from tests.sums import make_running_sums

LONG_AGO = NOON - timedelta(days=1000)
FAR_AWAY = NOON + timedelta(days=365_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estate:
    """A project and what is in it."""

    project: Project
    owner: User
    member: User
    key: ApiKey
    experiment: Experiment
    variant: Variant
    element: Element
    content: ElementVariant
    assignment: Assignment
    metric: Metric
    entry: AuditEntry
    funnel: Funnel
    step: FunnelStep

    @property
    def ids(self) -> dict[str, str]:
        """By the type's name."""
        entities: tuple[Identified, ...] = (
            *(self.project, self.member, self.key, self.experiment, self.variant),
            *(self.element, self.content, self.assignment, self.metric),
            *(self.funnel, self.step),
        )
        kinds = {type(one).__name__: one.id for one in entities}
        return {kind: str(global_id(kind, row)) for kind, row in kinds.items()}


async def put(database: Database, model: Model[Any], *entities: Any) -> None:
    async with database.begin() as connection:
        for entity in entities:
            await connection.execute(insert(model.table).values(model.values(entity)))


async def settle(
    database: Database, status: ExperimentStatus = ExperimentStatus.ACTIVE, **changes: Any
) -> Estate:
    """A project with an experiment `checkout`, all that hangs on it, and two people;
    `changes` are those of the project."""
    project: Project = make_project(**changes)
    await put(database, PROJECTS, project)
    owner = await put_user(database, project.id, Role.OWNER)
    experiment = await put_experiment(database, project.id, "checkout", status, created_by=owner.id)
    variant = await put_variants(database, experiment)
    await put(database, PHASES, make_phase(experiment_id=experiment.id))
    element, content = await put_element(database, variant)
    assignment, metric = await put_visit(database, variant)
    funnel, step = await put_funnel(database, project.id)
    return Estate(
        project=project,
        owner=owner,
        member=await put_user(database, project.id, Role.EDITOR),
        key=await put_key(database, project.id),
        experiment=experiment,
        variant=variant,
        element=element,
        content=content,
        assignment=assignment,
        metric=metric,
        entry=await put_entry(database, experiment),
        funnel=funnel,
        step=step,
    )


async def put_user(database: Database, project: ProjectId, role: Role) -> User:
    row = new_id()
    user = User(
        id=row,
        email=f"{row}@shop.example",
        name=role.name,
        password_hash="",
        disabled_at=None,
        created_at=NOON,
    )
    await put(database, USERS, user)
    await join(database, project, user, role)
    return user


async def join(database: Database, project: ProjectId, user: User, role: Role) -> None:
    member = Membership(project_id=project, user_id=user.id, role=role, created_at=NOON)
    await put(database, MEMBERSHIPS, member)


async def put_key(database: Database, project: ProjectId) -> ApiKey:
    new = NewApiKey(name="reports", scopes=[Scope.READ])
    key = build_key(project, new, new_key(), NOON)
    await put(database, API_KEYS, key)
    return key


async def put_experiment(
    database: Database,
    project: ProjectId,
    name: str,
    status: ExperimentStatus = ExperimentStatus.DRAFT,
    **changes: Any,
) -> Experiment:
    experiment: Experiment = make_experiment(
        project_id=project, name=name, status=status, **changes
    )
    await put(database, EXPERIMENTS, experiment)
    return experiment


async def put_bandit(database: Database, project: ProjectId) -> None:
    """That knows nothing yet."""
    experiment = await put_experiment(
        database,
        project,
        "bandit",
        ExperimentStatus.ACTIVE,
        allocation=AllocationMode.THOMPSON,
        phase=1,
    )
    variant = make_variant(experiment_id=experiment.id, traffic_weight=1.0)
    design = Design(experiment=replace(experiment, phase=0), variants=[variant])
    started = ExperimentChanges(status=ExperimentStatus.ACTIVE)
    edit = Edit(changes=started, phase=design.next_phase(NOON))
    edit = Beliefs(state_box(SECRET_KEY)).begun(design, edit, NOON)
    await put(database, VARIANTS, replace(variant, **given(edit.changed[variant.id])))


async def put_variants(database: Database, experiment: Experiment) -> Variant:
    """The treatment of the two."""
    bounds = {"confidence_interval_lower": 0.1, "confidence_interval_upper": 0.2}
    control = make_variant(experiment_id=experiment.id, name="control", is_control=True)
    treatment: Variant = make_variant(
        experiment_id=experiment.id, name="treatment", position=1, **bounds
    )
    await put(database, VARIANTS, control, treatment)
    definition = make_metric_definition(experiment_id=experiment.id)
    await put(database, METRIC_DEFINITIONS, definition)
    if experiment.status is ExperimentStatus.ACTIVE:
        await put_sums(database, control, definition)
        await put_sums(database, treatment, definition)
    return treatment


async def put_element(database: Database, variant: Variant) -> tuple[Element, ElementVariant]:
    element: Element = make_element(experiment_id=variant.experiment_id, name="buy")
    content: ElementVariant = make_element_variant(element_id=element.id, variant_id=variant.id)
    await put(database, ELEMENTS, element)
    await put(database, ELEMENT_VARIANTS, content)
    return element, content


async def put_sums(database: Database, variant: Variant, definition: MetricDefinition) -> None:
    """Of so many users that effects can be told."""
    owned = {"experiment_id": variant.experiment_id, "variant_id": variant.id}
    some = {"total": Decimal(60), "squares": Decimal(60), "events": 60, "event_squares": 60}
    some |= {"cross_products": Decimal(60)}
    own = make_running_sums(**owned, metric_id=OWN, **some | {"users": 200})
    held = make_running_sums(**owned, metric_id=definition.id, **some | {"users": 60})
    await put(database, RUNNING_SUMS, own, held)


async def put_visit(database: Database, variant: Variant) -> tuple[Assignment, Metric]:
    owned = {"experiment_id": variant.experiment_id, "variant_id": variant.id, "user_id": "user-1"}
    assignment: Assignment = make_assignment(**owned)
    metric: Metric = make_metric(**owned, assignment_id=assignment.id)
    await put(database, ASSIGNMENTS, assignment)
    await put(database, METRICS, metric)
    return assignment, metric


async def put_funnel(database: Database, project: ProjectId) -> tuple[Funnel, FunnelStep]:
    """With the first of its two steps."""
    funnel: Funnel = make_funnel(project_id=project)
    path = make_path(["order", "complaint"], funnel=funnel.id)
    first, second = path.steps
    await put(database, FUNNELS, funnel)
    await put(database, FUNNEL_STEPS, first, second)
    ends = LinkEnds(funnel_id=funnel.id, source_id=first.id, target_id=second.id)
    await put(database, FUNNEL_LINKS, ends)
    return funnel, first


async def put_entry(database: Database, experiment: Experiment) -> AuditEntry:
    actor = Actor(kind=ActorKind.OPERATOR, name="ada")
    deed = Deed(actor=actor, action="experiment.start", at=NOON)
    project, row, name = experiment.project_id, experiment.id, experiment.name
    entry = deed.entry(project, row, name, {"status": "ACTIVE"}, experiment=row)
    await put(database, AUDIT, entry)
    return entry


async def session_of(database: Database, project: ProjectId, user: User, **changes: Any) -> str:
    """Its token."""
    token = new_session_token()
    session = Session(
        id=new_id(),
        project_id=project,
        user_id=user.id,
        token_hash=token.hash,
        created_at=NOON,
        expires_at=FAR_AWAY,
        revoked_at=None,
    )
    await put(database, SESSIONS, replace(session, **changes))
    return token.text


async def key_of(database: Database, project: ProjectId, *scopes: Scope, **changes: Any) -> str:
    """Its text."""
    token = new_key()
    key = build_key(project, NewApiKey(name="of a test", scopes=scopes), token, NOON)
    await put(database, API_KEYS, replace(key, **changes))
    return token.text
