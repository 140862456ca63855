"""The limits on documents, and how a document is measured: without expanding its fragments."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_introspection_type,
    is_list_type,
    is_object_type,
)
from graphql.type import GraphQLNamedType

from .costs import Costs
from .list_sizes import Sizes, sizes_of

# A list costs this many times as much as one of its items if no `ListSize` says how long it is.
_ASSUMED_LIST_SIZE = 10.0

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
    # The cost of one item of each list whose length an argument of the field above decides.
    item_cost: float = 0.0


class Measure:
    """Measures the selection sets of one document, each fragment once."""

    def __init__(self, costs: Costs, document: DocumentNode, sizes: Sizes | None = None) -> None:
        """`sizes` is that of `sizes_of`; None if the values of the variables are not known yet."""
        self._costs = costs
        self._schema = costs.schema
        self._document = document
        self._sizes = sizes
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        # The size of each fragment by its name; None while it is being measured.
        self._measured: dict[str, Size | None] = {}
        # Whether a fragment contains itself.
        self.is_circular = False
        # The operations that exceed the limit of cost with some variables, and not with others.
        self.undecided: list[OperationDefinitionNode] = []

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
            cost = 0.0
            if isinstance(definition, OperationDefinitionNode):
                root = self._schema.get_root_type(definition.operation)
                size = self.selections(definition.selection_set, root)
                root_fields = size.fields
                cost = self._decided_cost(definition, size, limits.max_cost)
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
                (max(cost, size.expanded), limits.max_cost, "points of cost"),
            ):
                if count > limit:
                    is_small = False
                    yield f"{limit:,} {what}"
        if is_small and not self.is_circular:
            pairs = sum(self.pairs([selection_set]) for selection_set in measured)
            if pairs > _MAX_PAIRS:
                yield f"{_MAX_PAIRS:,} pairs of fields with the same response key"

    def _decided_cost(self, operation: OperationDefinitionNode, size: Size, max_cost: int) -> float:
        """The largest cost that the operation can have; if that exceeds the limit, the smallest.

        If the largest exceeds the limit and the smallest does not, the operation is `undecided`.
        """
        cost = self.cost(operation, size)
        if cost > max_cost:
            smallest = {d.variable.name.value: 0 for d in operation.variable_definitions or ()}
            cost = Measure(self._costs, self._document, smallest).cost(operation)
            if cost <= max_cost:
                self.undecided.append(operation)
        return cost

    def cost(self, operation: OperationDefinitionNode, size: Size | None = None) -> float:
        """The cost of an operation, in points. `size` is that of its selections, if it is known."""
        root = self._schema.get_root_type(operation.operation)
        fields = list(islice(self._fields([operation.selection_set]), 2))
        if len(fields) == 1:
            list_size = self._costs.list_size(root, fields[0].name.value)
            if list_size is not None and list_size.size_if_alone is not None:
                return self._field(fields[0], root, list_size.size_if_alone).cost
        return (size or self.selections(operation.selection_set, root)).cost

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
            cost=self._cost(selection_set, [size.cost for size in sizes]),
            item_cost=self._cost(selection_set, [size.item_cost for size in sizes]),
        )

    def _cost(self, selection_set: SelectionSetNode, costs: list[float]) -> float:
        """The cost of all selections together, from the cost of each.

        An object has one type. So of the fragments on different object types, those on the most
        expensive type count alone.
        """
        shared = 0.0
        by_type: dict[GraphQLNamedType, float] = defaultdict(float)
        for node, cost in zip(selection_set.selections, costs, strict=True):
            on = self._condition(node)
            if is_object_type(on):
                by_type[on] += cost
            else:
                shared += cost
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

    def _field(
        self, node: FieldNode, parent: GraphQLNamedType | None, items: float | None = None
    ) -> Size:
        """`items` is the size that an argument gives; None to read the argument."""
        name = node.name.value
        definition = self._schema.get_field(cast("GraphQLCompositeType", parent), name)
        inner = Size()
        if node.selection_set is not None:
            named = get_named_type(definition.type) if definition else None
            inner = self.selections(node.selection_set, named)
        list_size = self._costs.list_size(parent, name)
        if items is None:
            items = list_size.size(node, self._sizes) if list_size else _ASSUMED_LIST_SIZE
        below = inner.cost + inner.item_cost * items
        own, item_cost = 1.0, 0.0
        if list_size is not None:
            own += list_size.cost_of_an_item * items
        if parent is not None and is_introspection_type(parent):
            own = self._costs.introspection.cost_of_a_field
            below *= self._costs.introspection.size(name)
        elif self._costs.is_sized(parent, name):
            below, item_cost = 0.0, below
        elif definition is not None and is_list_type(get_nullable_type(definition.type)):
            below *= _ASSUMED_LIST_SIZE
        return Size(
            fields=1,
            depth=inner.depth + 1,
            aliases=inner.aliases + (node.alias is not None),
            directives=inner.directives,
            expanded=inner.expanded + 1,
            cost=own + below,
            item_cost=item_cost,
        )


class CostLimit:
    """The limit of cost for an operation whose variables decide whether it exceeds it."""

    def __init__(
        self,
        max_cost: int,
        costs: Costs,
        document: DocumentNode,
        operation: OperationDefinitionNode,
    ) -> None:
        self.max_cost = max_cost
        self._costs = costs
        self._document = document
        self._operation = operation
        # Those of the last request that did not exceed the limit: clients repeat their sizes.
        self._allowed: Sizes | None = None

    def is_exceeded(self, variables: Mapping[str, Any]) -> bool:
        """Whether the operation costs too much with these variables, which may be invalid."""
        sizes = sizes_of(self._operation, variables)
        if sizes == self._allowed:
            return False
        cost = Measure(self._costs, self._document, sizes).cost(self._operation)
        if cost <= self.max_cost:
            self._allowed = sizes
        return cost > self.max_cost
