"""Which scope each field needs. A document is looked through once, before anything is executed:
what it needs is known from its text, and costs its fields nothing."""

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from typing import TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLInterfaceType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
)

from domain.access import Caller, Forbidden, Scope, Unauthenticated

Requirement = frozenset[Scope] | None  # any one of these; None: nobody needs any
_Part: TypeAlias = tuple[GraphQLCompositeType, SelectionSetNode]

ANYBODY: Requirement = None
TRACKING: Requirement = frozenset({Scope.TRACK})
TRACKERS: Requirement = frozenset({Scope.TRACK, Scope.READ})
READERS: Requirement = frozenset({Scope.READ})
WRITERS: Requirement = frozenset({Scope.WRITE})
ADMINS: Requirement = frozenset({Scope.ADMIN})


def _fields(type_name: str, names: str) -> Iterator[str]:
    return (f"{type_name}.{name}" for name in names.split())


# Whatever is not named here takes READ, and a mutation WRITE. What a mutation answers with is
# guarded by the mutation, what hangs on it is not. A user is readable by anybody who comes by one:
# whoever logs in has no scope yet. A tracker's key is public: it has no viewer, and no data of its
# own to change.
_RULES: dict[str, Requirement] = {
    "Mutation.sessionCreate": ANYBODY,
    "Query.rateLimit": ANYBODY,
    **dict.fromkeys(_fields("RateLimit", "limit remaining resetAt cost"), ANYBODY),
    **dict.fromkeys(_fields("User", "id email name createdAt"), ANYBODY),
    **dict.fromkeys(_fields("Mutation", "sessionRevoke userUpdate passwordChange"), READERS),
    "Query.activeExperiments": TRACKERS,
    **dict.fromkeys(
        _fields(
            "Experiment",
            "id name status targetBot targetUrl allocation hashAlgorithm hashSeed "
            "trafficAllocation version variants variant",
        ),
        TRACKERS,
    ),
    **dict.fromkeys(
        _fields(
            "Variant",
            "id name label responseTemplate systemPrompt configOverrides content trafficWeight "
            "isControl isActive position contents",
        ),
        TRACKERS,
    ),
    **dict.fromkeys(
        _fields("ElementVariant", "id element name content isActive position"), TRACKERS
    ),
    **dict.fromkeys(
        _fields("Element", "id name selectorType selectorValue elementType position"), TRACKERS
    ),
    **dict.fromkeys(
        _fields(
            "Mutation",
            "assign assignAll convert track assignBatch convertBatch trackBatch",
        ),
        TRACKING,
    ),
    **dict.fromkeys(
        _fields("AssignResult", "experiment assignment variant reason errors"), ANYBODY
    ),
    **dict.fromkeys(
        _fields(
            "Assignment",
            "id experiment variant userId phase assignedAt bucketValue propensity hasConverted "
            "convertedAt conversionValue",
        ),
        TRACKERS,
    ),
    **dict.fromkeys(
        _fields(
            "Metric",
            "id experiment variant assignment eventType eventValue eventTimestamp source createdAt",
        ),
        TRACKERS,
    ),
    **dict.fromkeys(
        _fields("Mutation", "memberAdd memberUpdate memberRemove apiKeyCreate apiKeyRevoke"),
        ADMINS,
    ),
    **dict.fromkeys(_fields("Project", "apiKeys history"), ADMINS),
}


def required(type_name: str, field_name: str, *, answers: bool) -> Requirement:
    """`answers`: the type belongs to a mutation's answer."""
    coordinate = f"{type_name}.{field_name}"
    if field_name.startswith("__"):
        return ANYBODY
    if coordinate in _RULES:
        return _RULES[coordinate]
    if answers:
        return ANYBODY
    return WRITERS if type_name == "Mutation" else READERS


_REMEMBERED = 1_000  # documents
_REMEMBERED_TEXT = 10_000  # characters


class Permissions:
    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._answers = frozenset(_answers(schema))
        self._known: dict[tuple[str, str | None], Mapping[Requirement, str]] = {}

    def check(
        self, document: DocumentNode, operation: OperationDefinitionNode, caller: Caller | None
    ) -> None:
        """Raises Unauthenticated or Forbidden, naming the first field that is out of reach."""
        for requirement, coordinate in self.needed(document, operation).items():
            if requirement is None:
                continue
            if caller is None:
                raise Unauthenticated
            if not caller.may(requirement):
                scopes = " or ".join(sorted(scope.name for scope in requirement))
                raise Forbidden(f"{coordinate} needs the scope {scopes}")

    def needed(
        self, document: DocumentNode, operation: OperationDefinitionNode
    ) -> Mapping[Requirement, str]:
        """Each requirement with the first field that has it. The same text needs the same."""
        source = document.loc.source.body if document.loc else ""
        key = (source, operation.name.value if operation.name else None)
        if key in self._known:
            return self._known[key]
        found = self._looked_through(document, operation)
        if source and len(source) <= _REMEMBERED_TEXT:
            self._known[key] = found
            if len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]
        return found

    def _looked_through(
        self, document: DocumentNode, operation: OperationDefinitionNode
    ) -> Mapping[Requirement, str]:
        walk = _Walk(self._schema, self._answers, document)
        root = self._schema.get_root_type(operation.operation)
        return {} if root is None else walk.through(root, operation.selection_set)


def _answers(schema: GraphQLSchema) -> Iterator[str]:
    """The types that a mutation answers with: payloads and refusals."""
    if schema.mutation_type is not None:
        kinds = {get_named_type(field.type).name for field in schema.mutation_type.fields.values()}
        yield from (name for name in kinds if name.endswith("Payload"))
    errors = schema.get_type("UserError")
    if isinstance(errors, GraphQLInterfaceType):
        yield errors.name
        yield from (kind.name for kind in schema.get_possible_types(errors))


class _Walk:
    """Each fragment is looked through once, however often it is spread; nothing is deep enough to
    exhaust a stack."""

    def __init__(
        self, schema: GraphQLSchema, answers: Collection[str], document: DocumentNode
    ) -> None:
        self._needed: dict[Requirement, str] = {}
        self._schema = schema
        self._answers = answers
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }

    def through(
        self, root: GraphQLCompositeType, selections: SelectionSetNode
    ) -> Mapping[Requirement, str]:
        waiting = deque([(root, selections)])
        while waiting:
            parent, found = waiting.popleft()
            for node in found.selections:
                waiting.extend(self._inside(parent, node))
        return self._needed

    def _inside(self, parent: GraphQLCompositeType, node: SelectionNode) -> Iterator[_Part]:
        match node:
            case FieldNode():
                yield from self._field(parent, node)
            case InlineFragmentNode():
                yield from self._fragment(parent, node)
            case FragmentSpreadNode():
                fragment = self._fragments.pop(node.name.value, None)
                if fragment is not None:
                    yield from self._fragment(parent, fragment)
            case _:
                raise TypeError(f"{node.kind} is no selection")

    def _fragment(
        self, parent: GraphQLCompositeType, node: InlineFragmentNode | FragmentDefinitionNode
    ) -> Iterator[_Part]:
        named = node.type_condition
        kind = self._schema.get_type(named.name.value) if named else parent
        if is_composite_type(kind):
            yield kind, node.selection_set

    def _field(self, parent: GraphQLCompositeType, node: FieldNode) -> Iterator[_Part]:
        name = node.name.value
        need = required(parent.name, name, answers=parent.name in self._answers)
        self._needed.setdefault(need, f"{parent.name}.{name}")
        field = getattr(parent, "fields", {}).get(name)
        kind = get_named_type(field.type) if field else None
        if node.selection_set and is_composite_type(kind):
            yield kind, node.selection_set
