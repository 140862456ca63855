"""The limits on documents, and how a document is measured: without expanding its fragments."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLSchema,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    introspection_from_schema,
    is_introspection_type,
    is_list_type,
    is_object_type,
)
from graphql.type import GraphQLNamedType

# A list costs this many times as much as one of its items: its length is not known in advance.
_ASSUMED_LIST_SIZE = 10.0

# Reading the whole schema, as tools do, costs about this many points, however large the schema is.
_COST_OF_THE_SCHEMA = 1000.0

# Validation compares each field with every other field at the same place in the answer.
_MAX_PAIRS = 5000


@dataclass(frozen=True)
class Limits:
    """The most that a document may contain, its fragments expanded where they are spread."""

    max_tokens: int
    max_fragments: int
    max_root_fields: int
    max_depth: int
    max_aliases: int
    max_directives: int
    max_cost: int
    # Whether documents may query the schema, and errors may suggest names that are in it.
    allows_introspection: bool


class Introspection:
    """The cost of querying the schema itself: a list counts by the average size of such lists."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema

    @property
    def cost_of_a_field(self) -> float:
        """In points."""
        return _COST_OF_THE_SCHEMA / self._counted[0]

    def size(self, field: str) -> float:
        """The average number of objects in a field such as `types` or `ofType`."""
        return self._counted[1].get(field, 1.0)

    @cached_property
    def _counted(self) -> tuple[int, dict[str, float]]:
        """The number of all fields in an introspection of the whole schema, and the sizes by name.

        `introspection_from_schema` gives what a client would read.
        """
        fields: Counter[str] = Counter()
        objects: Counter[str] = Counter()
        pending: list[dict[str, Any]] = [dict(introspection_from_schema(self._schema))]
        while pending:
            one = pending.pop()
            fields.update(one.keys())
            for name, value in one.items():
                inner = value if isinstance(value, list) else [value]
                found = [item for item in inner if isinstance(item, dict)]
                objects[name] += len(found)
                pending += found
        # Fields without objects are left out: a size of 0 would make their selections cost nothing.
        return fields.total(), {name: objects[name] / fields[name] for name in +objects}


@dataclass(frozen=True)
class Size:
    """What a selection set contains, with its fragments expanded."""

    # At its top level.
    fields: int = 0
    # Levels of fields.
    depth: int = 0
    aliases: int = 0
    directives: int = 0
    # Fields at every level.
    expanded: int = 0
    # In points; a fraction, because lists of the schema itself count by their average sizes.
    cost: float = 0.0


class Measure:
    """Measures the selection sets of one document, each fragment once."""

    def __init__(
        self, schema: GraphQLSchema, introspection: Introspection, document: DocumentNode
    ) -> None:
        self._schema = schema
        self._introspection = introspection
        self._document = document
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        # The size of each fragment by its name; None while it is being measured.
        self._measured: dict[str, Size | None] = {}
        # Whether a fragment contains itself.
        self.is_circular = False

    def exceeded(self, limits: Limits) -> list[str]:
        """Each limit that the document exceeds, in words such as `15 levels of fields`."""
        if len(self._fragments) > limits.max_fragments:
            return [f"{limits.max_fragments:,} fragments"]
        try:
            return list(self._exceeded(limits))
        except RecursionError:
            return [f"{limits.max_depth} levels of fields"]

    def _exceeded(self, limits: Limits) -> Iterator[str]:
        is_small = True
        measured = []
        for definition in self._document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                root = self._schema.get_root_type(definition.operation)
                size = self.selections(definition.selection_set, root)
                root_fields = size.fields
            elif isinstance(definition, FragmentDefinitionNode):
                # Validation reads all of it, even if nothing spreads it.
                size = self.fragment(definition.name.value)
                root_fields = 0
            else:
                continue
            measured.append(definition.selection_set)
            for count, limit, what in (
                (root_fields, limits.max_root_fields, "fields at the top level of an operation"),
                (size.depth, limits.max_depth, "levels of fields"),
                (size.aliases, limits.max_aliases, "aliases"),
                (size.directives, limits.max_directives, "directives"),
                (max(size.cost, size.expanded), limits.max_cost, "points of cost"),
            ):
                if count > limit:
                    is_small = False
                    yield f"{limit:,} {what}"
        if is_small and not self.is_circular:
            pairs = sum(self.pairs([selection_set]) for selection_set in measured)
            if pairs > _MAX_PAIRS:
                yield f"{_MAX_PAIRS:,} pairs of fields with the same response key"

    def selections(self, selection_set: SelectionSetNode, parent: GraphQLNamedType | None) -> Size:
        """Measures a selection set on the type `parent`; None is a type that does not exist.

        Raises `RecursionError` if it is nested too deeply.
        """
        sizes = [self._selection(node, parent) for node in selection_set.selections]
        own_directives = sum(len(node.directives or ()) for node in selection_set.selections)
        return Size(
            fields=sum(size.fields for size in sizes),
            depth=max((size.depth for size in sizes), default=0),
            aliases=sum(size.aliases for size in sizes),
            directives=sum(size.directives for size in sizes) + own_directives,
            expanded=sum(size.expanded for size in sizes),
            cost=self._cost(selection_set, sizes),
        )

    def _cost(self, selection_set: SelectionSetNode, sizes: list[Size]) -> float:
        """The cost of all selections together.

        An object has one type. So of the fragments on different object types, those on the most
        expensive type count alone.
        """
        shared = 0.0
        by_type: dict[GraphQLNamedType, float] = defaultdict(float)
        for node, size in zip(selection_set.selections, sizes, strict=True):
            on = self._condition(node)
            if is_object_type(on):
                by_type[on] += size.cost
            else:
                shared += size.cost
        return shared + max(by_type.values(), default=0.0)

    def _condition(self, node: SelectionNode) -> GraphQLNamedType | None:
        """The type that a fragment is on; None for a field or a fragment without a type."""
        fragment: Node | None = node
        if isinstance(node, FragmentSpreadNode):
            fragment = self._fragments.get(node.name.value)
        condition = getattr(fragment, "type_condition", None)
        return None if condition is None else self._schema.get_type(condition.name.value)

    def fragment(self, name: str) -> Size:
        """Measures a fragment. One that is missing or contains itself has the size 0.

        Validation rejects both.
        """
        if name not in self._measured:
            self._measured[name] = None
            fragment = self._fragments.get(name)
            size = Size()
            if fragment is not None:
                on = self._schema.get_type(fragment.type_condition.name.value)
                size = self.selections(fragment.selection_set, on)
            self._measured[name] = size
        measured = self._measured[name]
        self.is_circular |= measured is None
        return measured or Size()

    def pairs(self, selection_sets: Sequence[SelectionSetNode]) -> int:
        """The number of pairs of fields with the same response key.

        Validation compares each pair. The time is proportional to the number of expanded fields,
        and no fragment may contain itself.
        """
        by_key: dict[str, list[FieldNode]] = defaultdict(list)
        for field in self._fields(selection_sets):
            by_key[(field.alias or field.name).value].append(field)
        return sum(
            len(fields) * (len(fields) - 1) // 2
            + self.pairs([field.selection_set for field in fields if field.selection_set])
            for fields in by_key.values()
        )

    def _fields(self, selection_sets: Sequence[SelectionSetNode]) -> Iterator[FieldNode]:
        """The fields at the top level of all these selection sets, each fragment expanded once."""
        pending = list(selection_sets)
        expanded = set()
        while pending:
            for node in pending.pop().selections:
                if isinstance(node, FieldNode):
                    yield node
                elif isinstance(node, InlineFragmentNode):
                    pending.append(node.selection_set)
                else:
                    name = cast("FragmentSpreadNode", node).name.value
                    if name in self._fragments and name not in expanded:
                        pending.append(self._fragments[name].selection_set)
                    expanded.add(name)

    def _selection(self, node: SelectionNode, parent: GraphQLNamedType | None) -> Size:
        if isinstance(node, FieldNode):
            return self._field(node, parent)
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            on = self._schema.get_type(condition.name.value) if condition else parent
            return self.selections(node.selection_set, on)
        return self.fragment(cast("FragmentSpreadNode", node).name.value)

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Size:
        name = node.name.value
        definition = self._schema.get_field(cast("GraphQLCompositeType", parent), name)
        inner = Size()
        if node.selection_set is not None:
            named = get_named_type(definition.type) if definition else None
            inner = self.selections(node.selection_set, named)
        own, size = 1.0, 1.0
        if parent is not None and is_introspection_type(parent):
            own, size = self._introspection.cost_of_a_field, self._introspection.size(name)
        elif definition is not None and is_list_type(get_nullable_type(definition.type)):
            size = _ASSUMED_LIST_SIZE
        return Size(
            fields=1,
            depth=inner.depth + 1,
            aliases=inner.aliases + (node.alias is not None),
            directives=inner.directives,
            expanded=inner.expanded + 1,
            cost=own + inner.cost * size,
        )
