"""How large a document is, found in one pass over its text: every fragment is looked at once,
however often it is spread."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
)

from domain.paging import DEFAULT_SIZE
from domain.snapshots import MOST_POINTS
from domain.tracking import MAX_BATCH

_NESTED = 100  # selections in selections; beyond it a walk could exhaust the stack
_MOST_DIGITS = 10
_POINTS = 100  # of a history that is not told how many
_SPREADS = "..."  # fragments are compared with each other, as fields of one name are
# They are computed; a report reads every event.
_OWN_COST = {"results": 10, "resultsHistory": 10, "experimentStats": 10, "report": 1_000}


class NestedTooDeeply(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Times:
    """How often what is below a field is had: as an argument says, which may be a variable."""

    values: Sequence[ValueNode]
    default: int
    most: int  # beyond it the operation is refused anyway
    size: Callable[[object], int | None]  # of an argument
    path: Sequence[str] = ()  # into the argument

    def told(self, variables: Mapping[str, Any]) -> int:
        found = (self.size(_plain(value, self.path, variables)) for value in self.values)
        sizes = [size for size in found if size is not None]
        return min(max(sizes), self.most) if sizes else self.default


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """Of a selection set, with all that hangs on it. `names` are its response names: how often
    each is selected, and how many comparisons it takes to see that what hangs on it can be merged.
    `parts` are priced once for all places that spread them. `defaults` are those of variables."""

    nesting: int = 0
    depth: int = 0
    aliases: int = 0
    directives: int = 0
    names: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    cost: int = 0
    parts: tuple["tuple[Times | None, Weight]", ...] = ()
    defaults: Mapping[str, ValueNode] = field(default_factory=dict)

    @property
    def comparisons(self) -> int:
        return sum(count * count * each for count, each in self.names.values())

    @property
    def fields(self) -> int:
        return sum(count for name, (count, _) in self.names.items() if name != _SPREADS)

    def price(self, variables: Mapping[str, Any]) -> int:
        return _price(self, {**self.defaults, **variables}, {})


_NOTHING = Weight()


def _price(weight: Weight, variables: Mapping[str, Any], known: dict[int, int]) -> int:
    found = known.get(id(weight))
    if found is None:
        found = weight.cost
        for times, part in weight.parts:
            told = 1 if times is None else times.told(variables)
            found += told * _price(part, variables, known)
        known[id(weight)] = found
    return found


class Weigher:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, page: int) -> None:
        """No page holds more than `page`."""
        self._schema = schema
        self._page = page
        self._weighed: dict[str, Weight] = {}
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }

    def weigh(self, operation: OperationDefinitionNode) -> Weight:
        """Raises NestedTooDeeply."""
        root = self._schema.get_root_type(operation.operation)
        whole = self._selections(root, operation.selection_set, 0)
        defaults = {
            each.variable.name.value: each.default_value
            for each in operation.variable_definitions or ()
            if each.default_value is not None
        }
        return replace(_marked(whole, operation.directives), defaults=defaults)

    def unspread(self) -> Sequence[Weight]:
        """Of fragments that no operation spreads, which takes as long to see. Raises
        NestedTooDeeply."""
        return [self._fragment(name, 0) for name in self._fragments if name not in self._weighed]

    def _selections(self, parent: Any, selected: SelectionSetNode, nesting: int) -> Weight:
        if nesting > _NESTED:
            raise NestedTooDeeply
        whole = _joined([self._weight(parent, node, nesting + 1) for node in selected.selections])
        if whole.nesting > _NESTED:  # by a fragment that was weighed before
            raise NestedTooDeeply
        return whole

    def _weight(self, parent: Any, node: SelectionNode, nesting: int) -> Weight:
        match node:
            case FieldNode():
                return self._field(parent, node, nesting)
            case InlineFragmentNode():
                condition = node.type_condition
                kind = self._schema.get_type(condition.name.value) if condition else parent
                inside = self._selections(kind, node.selection_set, nesting)
                return _marked(inside, node.directives)
            case FragmentSpreadNode():
                inside = self._fragment(node.name.value, nesting)
                count, _ = inside.names.get(_SPREADS, (0, 1))
                names = {**inside.names, _SPREADS: (count + 1, 1)}
                return _marked(replace(inside, names=names), node.directives)
            case _:
                raise TypeError(f"{node.kind} is no selection")

    def _fragment(self, name: str, nesting: int) -> Weight:
        if name not in self._weighed:
            self._weighed[name] = _NOTHING  # for a cycle, which validation refuses
            if fragment := self._fragments.get(name):
                kind = self._schema.get_type(fragment.type_condition.name.value)
                self._weighed[name] = self._selections(kind, fragment.selection_set, nesting)
        return self._weighed[name]

    def _field(self, parent: Any, node: FieldNode, nesting: int) -> Weight:
        name, alias = node.name.value, node.alias
        definition = getattr(parent, "fields", {}).get(name)
        kind = get_named_type(definition.type) if definition else None
        below = _NOTHING
        if node.selection_set is not None:
            below = self._selections(kind, node.selection_set, nesting)
        response = name if alias is None else alias.value
        return Weight(
            nesting=below.nesting,
            depth=0 if name.startswith("__") else below.depth + 1,  # a rule of its own bounds it
            aliases=below.aliases + (alias is not None),
            directives=below.directives + len(node.directives or ()),
            names={response: (1, max(1, below.comparisons))},
            cost=_OWN_COST.get(name, 1),
            parts=((self._times(node, kind), below),),
        )

    def _times(self, node: FieldNode, kind: object) -> Times | None:
        """What multiplies what is below a field: the size of a page, the length of a list."""
        given = {each.name.value: each.value for each in node.arguments or ()}
        if isinstance(kind, GraphQLObjectType) and kind.name.endswith("Connection"):
            sizes = [given[name] for name in ("first", "last") if name in given]
            return Times(sizes, min(DEFAULT_SIZE, self._page), self._page, _number)
        name = node.name.value
        if name == "resultsHistory":
            points = [given["points"]] if "points" in given else []
            return Times(points, _POINTS, MOST_POINTS, _number)
        if name == "nodes" and "ids" in given:
            return Times([given["ids"]], 1, MAX_BATCH, _length)
        if name.endswith("Batch") and "input" in given:
            return Times([given["input"]], 1, MAX_BATCH, _length, ("items",))
        return None


def _joined(weights: Sequence[Weight]) -> Weight:
    names: dict[str, tuple[int, int]] = {}
    for weight in weights:
        for name, (count, comparisons) in weight.names.items():
            before, most = names.get(name, (0, 1))
            names[name] = before + count, max(most, comparisons)
    return Weight(
        nesting=1 + max((each.nesting for each in weights), default=0),
        depth=max((each.depth for each in weights), default=0),
        aliases=sum(each.aliases for each in weights),
        directives=sum(each.directives for each in weights),
        names=names,
        parts=tuple((None, each) for each in weights),
    )


def _marked(weight: Weight, directives: Sequence[object] | None) -> Weight:
    return replace(weight, directives=weight.directives + len(directives)) if directives else weight


def _length(value: object) -> int | None:
    return len(value) if isinstance(value, list | tuple) else None


def _number(value: object) -> int | None:
    """JSON's 100.0 is an Int as well."""
    return int(value) if isinstance(value, int | float) and value >= 0 else None


def _plain(node: ValueNode | None, path: Sequence[str], variables: Mapping[str, Any]) -> object:
    """The value at the end of the path, of which any part may be a variable."""
    match node:
        case VariableNode():
            found = variables.get(node.name.value)
            if isinstance(found, ValueNode):  # a default
                return _plain(found, path, {})
            for name in path:
                found = found.get(name) if isinstance(found, Mapping) else None
            return found
        case ObjectValueNode() if path:
            inside = (each.value for each in node.fields if each.name.value == path[0])
            return _plain(next(inside, None), path[1:], variables)
        case ListValueNode():
            return node.values
        case IntValueNode() if len(node.value) <= _MOST_DIGITS:
            return int(node.value)
        case _:
            return None
