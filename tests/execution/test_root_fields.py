"""Every root field of the schema is covered by prepared operations."""

from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLInputType,
    GraphQLNamedType,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_object_type,
    is_required_argument,
    is_required_input_field,
    parse,
    validate,
)

from graphql_api.execution.covered import NotCovered
from graphql_api.execution.prepared import FallBack, PreparedOperation
from graphql_api.schema.schema import create_schema

from ..support.operations import literal
from ..support.unusual_schema import SCHEMA as UNUSUAL_SCHEMA

SCHEMA = create_schema()

# The kinds of operations, with their root types.
ROOTS = [("query", SCHEMA.query_type), ("mutation", SCHEMA.mutation_type)]
ROOT_FIELDS = [
    pytest.param(kind, name, id=f"{root.name}.{name}")
    for kind, root in ROOTS
    if root is not None
    for name in root.fields
]

# A value of each scalar, as JSON has it. All other scalars accept any text.
SCALARS: dict[str, Any] = {
    "Int": 1,
    "Float": 1.5,
    "Boolean": True,
    "DateTime": "2026-11-22T08:59:51.042Z",
}


def value_of(type_: GraphQLInputType, *, only_required: bool) -> Any:
    """A value of the type, as JSON has it."""
    nullable = get_nullable_type(type_)
    if is_list_type(nullable):
        return [value_of(nullable.of_type, only_required=only_required)]
    if is_input_object_type(nullable):
        return {
            name: value_of(field.type, only_required=only_required)
            for name, field in nullable.fields.items()
            if is_required_input_field(field) or not only_required
        }
    if is_enum_type(nullable):
        return next(iter(nullable.values))
    return SCALARS.get(f"{nullable}", "1")


def everything_of(schema: GraphQLSchema, type_: GraphQLNamedType) -> str:
    """A selection of every field of the type, at every level."""
    if is_abstract_type(type_):
        members = schema.get_possible_types(type_)
        inner = (f"... on {member.name} {everything_of(schema, member)}" for member in members)
        return f"{{ __typename {' '.join(inner)} }}"
    if is_object_type(type_):
        fields = (
            f"{name}{required_arguments(field)} {everything_of(schema, get_named_type(field.type))}"
            for name, field in type_.fields.items()
        )
        return f"{{ {' '.join(fields)} }}"
    return ""


def required_arguments(field: GraphQLField) -> str:
    """The arguments that the field needs, as a document has them."""
    values = ", ".join(
        f"{name}: {literal(value_of(argument.type, only_required=True), argument.type)}"
        for name, argument in field.args.items()
        if is_required_argument(argument)
    )
    return values and f"({values})"


async def is_covered(schema: GraphQLSchema, kind: str, name: str, *, only_required: bool) -> bool:
    """Whether a prepared operation calls the field's resolver, with variables for its arguments."""
    root = {"query": schema.query_type, "mutation": schema.mutation_type}[kind]
    assert root is not None
    field = root.fields[name]
    arguments = {
        argument: definition
        for argument, definition in field.args.items()
        if is_required_argument(definition) or not only_required
    }
    declared = ", ".join(f"${name}: {definition.type}" for name, definition in arguments.items())
    passed = ", ".join(f"{name}: ${name}" for name in arguments)
    selection = everything_of(schema, get_named_type(field.type))
    text = (
        f"{kind} {f'({declared})' if declared else ''}"
        f" {{ {name}{f'({passed})' if passed else ''} {selection} }}"
    )
    document = parse(text)
    assert validate(schema, document) == [], text
    [node] = document.definitions
    assert isinstance(node, OperationDefinitionNode)
    values = {
        argument: value_of(definition.type, only_required=only_required)
        for argument, definition in arguments.items()
    }
    try:
        # Without a context the resolver fails, which shows that it was called.
        await PreparedOperation(schema, document, node).execute(values, None)
    except (NotCovered, RecursionError):
        return False
    except FallBack as fall_back:
        return name in fall_back.resolved
    return True


@pytest.mark.parametrize(("kind", "name"), ROOT_FIELDS)
@pytest.mark.parametrize("only_required", [True, False])
async def test_every_root_field_is_covered(kind: str, name: str, *, only_required: bool) -> None:
    assert await is_covered(SCHEMA, kind, name, only_required=only_required), (
        f"Prepared operations do not cover the {kind} {name}: graphql-core would execute each of "
        "them, which takes several times as long. graphql_api/execution/ says what is covered: "
        "coercion.py for arguments, completion.py for results, prepared.py for resolvers."
    )


@pytest.mark.parametrize(
    ("name", "covered"),
    [
        ("default", True),
        ("defaultColour", True),
        ("defaultObject", True),
        ("thing", True),
        ("numbers", True),
        ("lists", True),
        ("withMaybes", True),
        ("order", True),
        ("range", True),
        ("globalId", False),
        ("oneOf", False),
        ("loud", True),
        ("atOnce", True),
        ("extended", False),
    ],
)
async def test_an_uncovered_root_field_is_found(name: str, *, covered: bool) -> None:
    assert await is_covered(UNUSUAL_SCHEMA, "query", name, only_required=False) is covered
