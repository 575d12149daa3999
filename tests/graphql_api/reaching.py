"""For each field of the schema a document that really reaches it, and what came of it."""

from collections.abc import Iterator, Mapping
from string import Template
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    build_schema,
    get_named_type,
    is_composite_type,
    is_introspection_type,
    is_required_argument,
    is_required_input_field,
)

from graphql_api.schema import schema

EXPORTED = build_schema(schema.as_str())

# How a field of each type is reached, with ids of the first project; where a tracker may come that
# way too, by that. A type without a line cannot be tried.
_NODE = '{ node(id: "$%s") { ... on %s { $field } } }'
_REFUSED = "mutation { %s { errors { ... on %s { $field } } } }"
_PAGE = (
    'mutation { assignAll(input: { userId: "user-1", experiments: ["$Experiment"] }) '
    "{ results { refusals: errors { code } $field } } }"
)
_EXPLAINED = '{ explainAssignment(experiment: { id: "$Experiment" }, userId: "user-1") { %s } }'
_REPORTED = (
    '{ node(id: "$Funnel") { ... on Funnel { report(experiment: { id: "$Experiment" }) { %s } } } }'
)
_BY_ID = '{ experiment: { id: "$Draft" }'
ENTRIES = {
    "Query": "{ $field }",
    "Mutation": "mutation { $field }",
    "Subscription": "subscription { $field }",
    "Node": '{ node(id: "$Experiment") { $field } }',
    "Experiment": "{ activeExperiments { $field } }",
    "BanditState": '{ experiment(by: {name: "bandit"}) { variants { bandit { $field } } } }',
    "Variant": "{ activeExperiments { variants { $field } } }",
    "Element": "{ activeExperiments { variants { contents { element { $field } } } } }",
    "ElementVariant": "{ activeExperiments { variants { contents { $field } } } }",
    "Interval": "{ activeExperiments { variants { confidenceInterval { $field } } } }",
    **{
        kind: f"{{ activeExperiments {{ results {way} }} }}"
        for kind, way in {
            "ExperimentResults": "{ $field }",
            "SampleRatioCheck": "{ sampleRatio { $field } }",
            "Decision": "{ decision { $field } }",
            "ArmDecision": "{ decision { arms { $field } } }",
            "MetricResults": "{ metrics { $field } }",
            "VariantResult": "{ metrics { variants { $field } } }",
            "Comparison": "{ metrics { comparisons { $field } } }",
            "Effect": "{ metrics { comparisons { relative { $field } } } }",
            "Inference": "{ metrics { comparisons { relative { anytime { $field } } } } }",
        }.items()
    },
    "SampleSizePlan": "{ sampleSize(input: { baseline: 0.1, minimumDetectableEffect: 0.1 }) "
    "{ $field } }",
    "Phase": "{ activeExperiments { phases { $field } } }",
    "MetricDefinition": "{ activeExperiments { metricDefinitions { $field } } }",
    "Assignment": _NODE % ("Assignment", "Assignment"),
    "AssignmentConnection": "{ activeExperiments { assignments { $field } } }",
    "AssignmentEdge": "{ activeExperiments { assignments { edges { $field } } } }",
    "Metric": _NODE % ("Metric", "Metric"),
    "MetricConnection": "{ activeExperiments { metrics { $field } } }",
    "MetricEdge": "{ activeExperiments { metrics { edges { $field } } } }",
    "AssignResult": _PAGE,
    "AssignmentExplanation": _EXPLAINED % "$field",
    "BucketRange": _EXPLAINED % "ranges { $field }",
    "AuditEntry": "{ activeExperiments { history { nodes { $field } } } }",
    "AuditEntryConnection": "{ activeExperiments { history { $field } } }",
    "AuditEntryEdge": "{ activeExperiments { history { edges { $field } } } }",
    "ExperimentConnection": "{ experiments { $field } }",
    "ExperimentEdge": "{ experiments { edges { $field } } }",
    "ExperimentCount": "{ experimentCounts { $field } }",
    "Funnel": _NODE % ("Funnel", "Funnel"),
    "FunnelStep": _NODE % ("FunnelStep", "FunnelStep"),
    "FunnelLink": _NODE % ("Funnel", "Funnel { links") + " }",
    "FunnelConnection": "{ funnels { $field } }",
    "FunnelEdge": "{ funnels { edges { $field } } }",
    "FunnelReport": _REPORTED % "$field",
    "FunnelVariantReport": _REPORTED % "variants { $field }",
    "FunnelStepReport": _REPORTED % "variants { steps { $field } }",
    "FunnelLinkReport": _REPORTED % "variants { links { $field } }",
    "RateLimit": "{ rateLimit { $field } }",
    "PageInfo": "{ activeExperiments { assignments { pageInfo { $field } } } }",
    "Viewer": "{ viewer { $field } }",
    "Project": _NODE % ("Project", "Project"),
    "User": _NODE % ("User", "User"),
    "ApiKey": _NODE % ("ApiKey", "ApiKey"),
    "Membership": _NODE % ("User", "User { memberships") + " }",
    "UserError": f"mutation {{ experimentPause(input: {_BY_ID} }}) {{ errors {{ $field }} }} }}",
    "InvalidInput": _REFUSED % ('experimentCreate(input: { name: "" })', "InvalidInput"),
    "PlanLimitReached": _REFUSED % ('experimentCreate(input: { name: "x" })', "PlanLimitReached"),
    "NotFound": _REFUSED % ('variantDelete(input: { id: "$Nothing" })', "NotFound"),
    "NameTaken": _REFUSED % (f'experimentUpdate(input: {_BY_ID} name: "checkout" }})', "NameTaken"),
    "IllegalTransition": _REFUSED % (f"experimentPause(input: {_BY_ID} }})", "IllegalTransition"),
    "VersionConflict": _REFUSED
    % (f"experimentUpdate(input: {_BY_ID} expectedVersion: 7 }})", "VersionConflict"),
    "Refused": _REFUSED % ('memberUpdate(input: { user: "$Owner", role: VIEWER })', "Refused"),
}
MUTATIONS = {  # whose payload is tried
    "ExperimentPayload": "experimentUpdate",
    "VariantPayload": "variantUpdate",
    "ElementPayload": "elementUpdate",
    "DeletePayload": "experimentDelete",
    "FunnelPayload": "funnelUpdate",
    "AssignPayload": "assign",
    "AssignAllPayload": "assignAll",
    "AssignBatchPayload": "assignBatch",
    "ConvertPayload": "convert",
    "ConvertBatchPayload": "convertBatch",
    "TrackPayload": "track",
    "TrackBatchPayload": "trackBatch",
    "SessionPayload": "sessionCreate",
    "SessionRevokePayload": "sessionRevoke",
    "UserPayload": "userUpdate",
    "MemberPayload": "memberUpdate",
    "ApiKeyCreatePayload": "apiKeyCreate",
    "ApiKeyPayload": "apiKeyRevoke",
}
IDS = {  # what the ids of arguments and inputs point at
    "Query.node.id": "Experiment",
    "Query.nodes.ids": "Experiment",
    "Query.experiment.by": "Experiment",
    "Query.assignment.experiment": "Experiment",
    "Query.explainAssignment.experiment": "Experiment",
    "Subscription.experimentStats.experiment": "Experiment",
    "Subscription.experimentChanged.experiment": "Experiment",
    "AssignInput.experiment": "Experiment",
    "ConvertInput.experiment": "Experiment",
    "TrackInput.experiment": "Experiment",
    "Query.funnel.id": "Funnel",
    "Funnel.report.experiment": "Experiment",
    "FunnelInput.id": "Spare",
    "FunnelUpdateInput.id": "Spare",
    "ExperimentBy.id": "Draft",
    "VariantInput.id": "DraftVariant",
    "VariantUpdateInput.id": "DraftVariant",
    "ElementInput.id": "DraftElement",
    "ElementUpdateInput.id": "DraftElement",
    "ElementVariantSetInput.element": "DraftElement",
    "ElementVariantSetInput.variant": "DraftVariant",
    "MemberInput.user": "User",
    "MemberUpdateInput.user": "User",
    "ApiKeyInput.id": "ApiKey",
}
TEXTS = {
    "Query.assignment.userId": "user-1",
    "Query.explainAssignment.userId": "user-1",
    "AssignInput.userId": "user-1",
    "ConvertInput.userId": "user-1",
    "TrackInput.userId": "user-1",
    "Experiment.variant.name": "treatment",
    "MemberAddInput.email": "new@shop.example",
}
SCALARS = {"Int": "1", "Float": "0.5", "BigInt": "1", "Boolean": "true", "JSON": "{}"}


def kinds() -> Iterator[GraphQLObjectType | GraphQLInterfaceType]:
    for kind in EXPORTED.type_map.values():
        match kind:
            case GraphQLObjectType() | GraphQLInterfaceType() if not is_introspection_type(kind):
                yield kind


FIELDS = {f"{kind.name}.{name}": field for kind in kinds() for name, field in kind.fields.items()}


def document(coordinate: str, ids: Mapping[str, str]) -> str:
    """`ids` by the names that the tables above use; the field's value is called `reached`."""
    type_name = coordinate.partition(".")[0]
    if type_name in MUTATIONS:
        return _of_payload(coordinate, f"Mutation.{MUTATIONS[type_name]}", ids)
    inside = "{ __typename }" if type_name != "Mutation" else f"{{ {_refusals(coordinate)} }}"
    asked = f"reached: {_asked(coordinate, ids, inside)}"
    return Template(ENTRIES[type_name]).substitute(ids, field=asked)


def _of_payload(coordinate: str, mutation: str, ids: Mapping[str, str]) -> str:
    reached = f"reached: {_asked(coordinate, ids, '{ __typename }')}"
    asked = _asked(mutation, ids, f"{{ {_refusals(mutation)} {reached} }}")
    return f"mutation {{ {asked} }}"


def _refusals(mutation: str) -> str:
    """Of the whole, and of each part of it that may be refused alone."""
    shown = "refusals: errors { code }"
    payload = get_named_type(FIELDS[mutation].type)
    assert isinstance(payload, GraphQLObjectType)
    return f"{shown} results {{ {shown} }}" if "results" in payload.fields else shown


def _asked(coordinate: str, ids: Mapping[str, str], inside: str) -> str:
    field, name = FIELDS[coordinate], coordinate.partition(".")[2]
    arguments = ", ".join(
        f"{argument}: {_literal(given.type, f'{coordinate}.{argument}', ids)}"
        for argument, given in field.args.items()
        if is_required_argument(given)
    )
    called = f"{name}({arguments})" if arguments else name
    return f"{called} {inside}" if is_composite_type(get_named_type(field.type)) else called


def _literal(kind: GraphQLInputType, place: str, ids: Mapping[str, str]) -> str:
    """A value of that type, with what is required and nothing else."""
    match kind:
        case GraphQLNonNull():
            return _literal(kind.of_type, place, ids)
        case GraphQLList():
            return f"[{_literal(kind.of_type, place, ids)}]"
        case GraphQLEnumType():
            return str(next(iter(kind.values)))
        case GraphQLInputObjectType() if place in IDS:
            return f'{{ id: "{ids[IDS[place]]}" }}'
        case GraphQLInputObjectType():
            return _object(kind, ids)
        case GraphQLScalarType() if place in IDS or kind.name == "ID":
            return f'"{ids[IDS[place]]}"'
        case _:
            return SCALARS.get(kind.name) or f'"{TEXTS.get(place, "a text")}"'


def _object(kind: GraphQLInputObjectType, ids: Mapping[str, str]) -> str:
    names = [name for name, field in kind.fields.items() if is_required_input_field(field)]
    if kind.is_one_of:
        names = ["id"]
    values = (
        f"{name}: {_literal(kind.fields[name].type, f'{kind.name}.{name}', ids)}" for name in names
    )
    return f"{{ {', '.join(values)} }}"


def outcome(body: dict[str, Any], coordinate: str) -> str:
    """`hidden` where what is asked for does not exist for the caller."""
    if "errors" in body:
        if all("there is no " in error["message"] for error in body["errors"]):
            return "hidden"
        return " and ".join({error["extensions"]["code"] for error in body["errors"]})
    refusals = [refusal for found in _found(body["data"], "refusals") for refusal in found]
    values = list(_found(body["data"], "reached"))
    is_nothing = not values or (coordinate.startswith("Query.") and values[0] in (None, [None]))
    return "hidden" if is_nothing or {"code": "NOT_FOUND"} in refusals else "ok"


def _found(data: Any, name: str) -> Iterator[Any]:
    if isinstance(data, list):
        for part in data:
            yield from _found(part, name)
    if isinstance(data, dict):
        if name in data:
            yield data[name]
        for part in data.values():
            yield from _found(part, name)
