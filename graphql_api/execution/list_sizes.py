"""How long lists in an answer are: what the schema declares, and what a request asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    OperationDefinitionNode,
    ValueNode,
    VariableNode,
)

# The sizes that the values of variables ask for, by the names of the variables; None for a variable
# that is absent or null.
Sizes = Mapping[str, int | None]


@dataclass(frozen=True)
class ListSize:
    """Says of a field that its arguments decide how many items it reads or writes.

    The names are those of the directive `@listSize` in IBM's GraphQL Cost Directives specification.
    """

    # The size is the value of a number, or the length of a list. The largest one counts.
    slicing_arguments: tuple[str, ...]
    # The lists that are as long: fields of the type that the field returns.
    sized_fields: tuple[str, ...]
    # The size if no such argument is given.
    assumed_size: int
    # No more items are returned, whatever the arguments are.
    maximum: int
    # The size, whatever the arguments are, if the field is the only one at the top level of an
    # operation; None if there is no such exception.
    size_if_alone: int | None = None
    # The cost of the field for each item, in points, whatever is selected of its result.
    cost_of_an_item: float = 0.0

    def size(self, node: FieldNode, sizes: Sizes | None) -> int:
        """The size that the arguments in the document ask for.

        If `sizes` is None, the variables are unknown, and may ask for the maximum.
        """
        asked = []
        for argument in node.arguments or ():
            if argument.name.value in self.slicing_arguments:
                value = argument.value
                if not isinstance(value, VariableNode):
                    asked.append(_size_of_literal(value))
                elif sizes is None:
                    asked.append(self.maximum)
                else:
                    asked.append(sizes.get(value.name.value))
        given = [size for size in asked if size is not None]
        return max(0, min(max(given, default=self.assumed_size), self.maximum))


def sizes_of(operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Sizes:
    """The sizes that these variables of an operation ask for. They may be invalid."""
    sizes = {}
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        if name in variables:
            sizes[name] = _size_of(variables[name])
        else:
            default = definition.default_value
            sizes[name] = None if default is None else _size_of_literal(default)
    return sizes


def _size_of(value: object) -> int | None:
    """The size that a value of a variable asks for, as JSON has it."""
    if isinstance(value, list):
        return len(value)
    if isinstance(value, int | float):
        # GraphQL accepts 2.0 as an integer, and JSON numbers may be infinite here.
        return int(max(0, min(2**31, value)))
    # A value that is not a list counts as a list of one.
    return None if value is None else 1


def _size_of_literal(node: ValueNode) -> int | None:
    if isinstance(node, ListValueNode):
        return len(node.values)
    if isinstance(node, IntValueNode):
        # Ten digits exceed every maximum, and Python does not convert thousands of digits.
        return int(node.value[:10])
    # As above.
    return None if isinstance(node, NullValueNode) else 1
