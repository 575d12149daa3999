"""The closed sets of the domain, with the words that the schema has for them."""

from enum import StrEnum

import strawberry
from strawberry.types.enum import has_enum_definition

from domain.access import ActorKind, Role, Scope
from domain.analysis.evidence import DecisionKind
from domain.analysis.notes import ResultNote
from domain.analysis.sample_ratio import SampleRatioState
from domain.assignments import AssignmentReason
from domain.bandits import BanditFault
from domain.elements import SelectorType
from domain.errors import ErrorCode
from domain.experiments import (
    AllocationMode,
    Correction,
    ExperimentOrderField,
    ExperimentStatus,
    HashAlgorithm,
)
from domain.metrics import EffectScale, MetricAggregation, MetricDirection, MetricRole
from domain.projects import Plan


class OrderDirection(StrEnum):
    ASC = "asc"
    DESC = "desc"


def _describe(kind: type[StrEnum], description: str, **values: str) -> None:
    """Strawberry keeps its definition on the class itself, so that fields name the domain's."""
    shown: object = strawberry.enum(kind, description=description)
    if has_enum_definition(shown):
        for value in shown.__strawberry_definition__.values:
            value.description = values[value.name]


_describe(
    ExperimentStatus,
    "How far an experiment is.",
    DRAFT="Being designed; nobody is assigned.",
    ACTIVE="Users are assigned.",
    PAUSED="Nobody new is assigned; those assigned keep their variant.",
    COMPLETED="Over; its results are frozen.",
    ARCHIVED="Kept, but hidden from lists unless asked for.",
)
_describe(
    AllocationMode,
    "Who sets the weights of the variants.",
    FIXED="People do.",
    THOMPSON="A bandit does, by Thompson sampling.",
)
_describe(
    BanditFault,
    "Why the state of a bandit is not believed.",
    UNKNOWN_KEY="It was sealed with a key that this server does not have.",
    TAMPERED="It is not what was sealed for that variant.",
    MISSING="There is none.",
    STALE="It is of an earlier phase.",
    MISMATCHED="The variant's weight is another than the one that was sealed.",
)
_describe(
    AssignmentReason,
    "Why a user gets what they get.",
    NEW="Assigned just now.",
    STICKY="Assigned earlier, and kept.",
    FORCED="Asked for by name; nothing was recorded.",
    NOT_IN_TRAFFIC="The user's bucket belongs to no variant; nothing was recorded.",
    NOT_RUNNING="The experiment takes nobody new; nothing was recorded.",
)
_describe(
    MetricAggregation,
    "What a user's events make together.",
    BINARY="1 for a user with such an event, else 0.",
    SUM="The sum of the values.",
    COUNT="The number of events.",
    MEAN="The value per event.",
)
_describe(
    MetricRole,
    "What a metric is for.",
    PRIMARY="Decides; an experiment has exactly one.",
    SECONDARY="Is tested with the primary one as a family.",
    GUARDRAIL="Must not get worse.",
)
_describe(
    MetricDirection,
    "Which change is good.",
    INCREASE="More is better.",
    DECREASE="Less is better.",
)
_describe(
    EffectScale,
    "The scale on which an effect is told.",
    RELATIVE="As a share of the control.",
    ABSOLUTE="In the metric's own units.",
)
_describe(
    Correction,
    "How several comparisons of one experiment are corrected.",
    HOLM="Holm: no false alarm in the family, with the stated confidence.",
    BENJAMINI_HOCHBERG="Benjamini-Hochberg: the share of false alarms is bounded.",
    BONFERRONI="Bonferroni: intervals that hold all at once.",
    NONE="None: each comparison by itself.",
)
_describe(
    HashAlgorithm,
    "How a user's bucket is worked out; those of other systems let a running test move here.",
    GROWTHBOOK_V2="GrowthBook's second.",
    GROWTHBOOK_V1="GrowthBook's first.",
    POSTHOG="PostHog's.",
    PLANOUT="PlanOut's.",
    OPTIMIZELY="Optimizely's.",
    UNLEASH="Unleash's.",
    EPPO="Eppo's.",
    STATSIG="Statsig's.",
)
_describe(
    SelectorType,
    "How an element is found on a page.",
    CSS="All that match a CSS selector.",
    XPATH="All elements that an XPath expression selects.",
    ID="The element of that id.",
    TEXT="The innermost elements whose whole text it is.",
)
_describe(
    ExperimentOrderField,
    "What experiments can be ordered by.",
    CREATED_AT="When they were made.",
    UPDATED_AT="When they last changed.",
    STARTED_AT="When they started; those not started yet count as the latest.",
    NAME="Their name.",
)
_describe(
    OrderDirection,
    "Which end of an order comes first.",
    ASC="The smallest, oldest or first of the alphabet.",
    DESC="The largest, newest or last of the alphabet.",
)
_describe(
    Scope,
    "What a caller may do.",
    TRACK="What a public tracker needs, and nothing else.",
    READ="Read everything of the project, save its keys and its history.",
    WRITE="Design and run experiments; includes READ.",
    ADMIN="Everything, people and keys too; includes WRITE.",
)
_describe(
    Role,
    "What a member of a project may do.",
    OWNER="Everything.",
    EDITOR="Read, design and run experiments.",
    VIEWER="Read.",
)
_describe(
    Plan,
    "How many experiments, not archived, a project may have.",
    FREE="3.",
    PRO="50.",
    UNLIMITED="As many as you like.",
)
_describe(
    ActorKind,
    "What kind of caller did something.",
    USER="Somebody who was logged in.",
    API_KEY="Whoever showed a key.",
    OPERATOR="Whoever works on the server's command line.",
)
_describe(
    ErrorCode,
    "What kind of refusal an error is.",
    INVALID="A value is not allowed.",
    NOT_FOUND="What the input names does not exist.",
    NAME_TAKEN="Another one has that name.",
    ILLEGAL_TRANSITION="The experiment cannot go there from where it is.",
    VERSION_CONFLICT="Somebody else has changed it since.",
    EXPERIMENT_NOT_RUNNING="The experiment does not take users now.",
    NOT_ASSIGNED="The user has no variant of that experiment.",
    PLAN_LIMIT="The project's plan does not allow more.",
    IN_USE="Something depends on it.",
    WRONG_CREDENTIALS="The address or the password is wrong.",
)
_describe(
    ResultNote,
    "Why a result is missing, or to be taken with care.",
    NO_USERS="One of the two has no users.",
    ZERO_VARIANCE="All values are the same.",
    BASELINE_NOT_POSITIVE="A relative change needs means above 0.",
    TOO_FEW_OBSERVATIONS="There is too little to tell yet.",
    PLANNED_SAMPLE_NOT_REACHED="The planned sample is not there yet.",
    LOW_PRECISION="A few large values weigh heavily; capping them helps.",
    NOT_FOR_BANDITS="A bandit's traffic follows its results, which this method does not allow for.",
)
_describe(
    SampleRatioState,
    "Whether users were split as promised.",
    OK="They were.",
    WARNING="They may not have been.",
    ALARM="They were not: something is broken, and no result is to be believed.",
    NOT_ENOUGH_DATA="There are too few to tell.",
)
_describe(
    DecisionKind,
    "What to do.",
    KEEP_RUNNING="Wait.",
    SHIP="Give the variant to everybody.",
    ROLL_BACK="Stop giving the variant to anybody.",
    INCONCLUSIVE="Neither is better by enough to matter.",
    INVESTIGATE="Find out what is broken.",
)
