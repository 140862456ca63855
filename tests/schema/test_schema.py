"""The contract: `schema.graphql` matches the code, and the code matches the specification."""

import json
import re

import pytest
from graphql import (
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    ObjectTypeDefinitionNode,
    TypeDefinitionNode,
    build_schema,
    is_specified_directive,
    is_specified_scalar_type,
    parse,
    print_ast,
    strip_ignored_characters,
)
from strawberry.utils.str_converters import to_camel_case

from graphql_api.customers.fields import FIELDS, Field
from graphql_api.schema import types
from graphql_api.schema.schema import sdl

from ..support.paths import ROOT

SCHEMA_FILE = ROOT / "schema.graphql"

# The specification's own text, with every member's fields written out.
SPECIFIED = """
type Mutation {
  createCustomer(input: CreateCustomerInput!, idempotencyKey: String): CreateCustomerResult
  createCustomers(
    inputs: [CreateCustomerInput!]!, onError: BulkErrorPolicy! = CREATE_VALID,
    idempotencyKey: String
  ): CreateCustomersResult
  updateCustomer(id: ID!, input: UpdateCustomerInput!, ifVersion: Int): UpdateCustomerResult
  deleteCustomer(id: ID!, ifVersion: Int): DeleteCustomerResult
}
union CreateCustomerResult = CreateCustomerSuccess | CreateCustomerFailure | IdempotencyConflict
type CreateCustomerSuccess { customer: Customer! replayed: Boolean! }
type CreateCustomerFailure { errors: [CustomerFieldError!]! }
type IdempotencyConflict { message: String! }
enum BulkErrorPolicy { CREATE_VALID CREATE_NONE }
type CreateCustomersResult {
  results: [CreateCustomerResult!]! createdCount: Int! replayedCount: Int! failedCount: Int!
}
union UpdateCustomerResult = UpdateCustomerSuccess | UpdateCustomerFailure
                           | CustomerNotFound | CustomerChanged
type UpdateCustomerSuccess { customer: Customer! changed: Boolean! }
type UpdateCustomerFailure { errors: [CustomerFieldError!]! }
type CustomerNotFound { message: String! }
type CustomerChanged { message: String! current: Customer! changedFields: [CustomerField!]! }
union DeleteCustomerResult = DeleteCustomerSuccess | CustomerNotFound | CustomerChanged
type DeleteCustomerSuccess { id: ID! }
interface Node { id: ID! }
union CustomerFieldError = RequiredFieldError | TooShortError | TooLongError
                         | InvalidFormatError | WrongTypeError | EmailTakenError
                         | DuplicateInListError
interface FieldError { field: CustomerField! path: [String!]! message: String! }
type RequiredFieldError implements FieldError {
  field: CustomerField! path: [String!]! message: String!
}
type TooShortError implements FieldError {
  field: CustomerField! path: [String!]! message: String! minLength: Int! actualLength: Int!
}
type TooLongError implements FieldError {
  field: CustomerField! path: [String!]! message: String! maxLength: Int! actualLength: Int!
}
type InvalidFormatError implements FieldError {
  field: CustomerField! path: [String!]! message: String! allowed: String! example: String!
}
type WrongTypeError implements FieldError {
  field: CustomerField! path: [String!]! message: String! expected: String!
}
type EmailTakenError implements FieldError {
  field: CustomerField! path: [String!]! message: String!
}
type DuplicateInListError implements FieldError {
  field: CustomerField! path: [String!]! message: String! firstIndex: Int!
}
enum CustomerField {
  NAME EMAIL DESCRIPTION SEND_EMAIL_ADDRESS CC_EMAIL_ADDRESS COUNTRY ADDRESS_LINE1 ADDRESS_LINE2
  CITY STATE ZIP_CODE PHONE_NUMBER
}
type CustomerFieldRule {
  field: CustomerField! name: String! label: String! description: String!
  required: Boolean! minLength: Int maxLength: Int! pattern: String! format: String
  allowed: String! example: String!
}
type CustomerConnection {
  edges: [CustomerEdge!]! nodes: [Customer!]! pageInfo: PageInfo!
  totalCount(limit: Int! = 10000): Count!
}
type CustomerEdge { cursor: String! node: Customer! }
type PageInfo {
  hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String
}
type Count { count: Int! precision: CountPrecision! }
enum CountPrecision { EXACT AT_LEAST }
enum CustomerOrderField { CREATED_AT UPDATED_AT NAME EMAIL }
enum OrderDirection { ASC DESC }
input CustomerOrder { field: CustomerOrderField! direction: OrderDirection! = ASC }
input CustomerFilter {
  createdAt: DateTimeRange updatedAt: DateTimeRange
  country: [String!] state: [String!] city: [String!]
  has: [CustomerField!] hasNot: [CustomerField!]
}
input DateTimeRange { from: DateTime before: DateTime }
union CustomerEvent = CustomerCreated | CustomerUpdated | CustomerDeleted | EventsMissed
type CustomerCreated { cursor: String! customer: Customer! }
type CustomerUpdated { cursor: String! customer: Customer! changedFields: [CustomerField!]! }
type CustomerDeleted { cursor: String! id: ID! }
type EventsMissed { cursor: String! message: String! }
type Query {
  node(id: ID!): Node
  customer(id: ID!): Customer
  customerByEmail(email: String!): Customer
  customers(
    first: Int, after: String, last: Int, before: String,
    search: String, filter: CustomerFilter,
    orderBy: CustomerOrder! = {field: CREATED_AT, direction: DESC}
  ): CustomerConnection
  customerFieldRules: [CustomerFieldRule!]
  validateCustomer(input: CreateCustomerInput!, id: ID): [CustomerFieldError!]
}
type Subscription { customerEvents(after: String): CustomerEvent! }
"""


def test_the_committed_schema_matches_the_code() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == sdl(), "run `make schema`"


def test_the_schema_has_the_specified_types_in_the_specified_order() -> None:
    specified, printed = _definitions(SPECIFIED), _definitions(sdl())

    assert [name for name in printed if name in specified] == list(specified)
    assert {name: printed[name] for name in specified} == specified


def test_the_schema_document_is_valid() -> None:
    built = build_schema(sdl())

    assert built.get_type("CreateCustomerInput") is not None


def test_everything_has_a_description() -> None:
    built = build_schema(sdl())
    silent = []

    for name, named in built.type_map.items():
        if name.startswith("__") or is_specified_scalar_type(named):
            continue
        members = {**getattr(named, "fields", {}), **getattr(named, "values", {})}
        for key, member in {"": named, **members}.items():
            arguments = getattr(member, "args", {}).items()
            silent += [f"{name}.{key}"] if not member.description else []
            silent += [f"{name}.{key}.{n}" for n, a in arguments if not a.description]
    for directive in built.directives:
        if not is_specified_directive(directive):
            # Strawberry has no place for descriptions of a schema directive's arguments.
            silent += [directive.name] if not directive.description else []

    assert silent == []


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: str(field.name))
def test_a_field_has_its_name_type_words_and_rule_from_its_declaration(field: Field) -> None:
    rule = field.rule
    [input_field] = [f for f in _fields("CreateCustomerInput") if f.name.value == field.public_name]
    [changed_field] = [
        f for f in _fields("UpdateCustomerInput") if f.name.value == field.public_name
    ]
    [output_field] = [f for f in _fields("Customer") if f.name.value == field.public_name]

    assert to_camel_case(field.name) == field.public_name
    assert types.CustomerField(field.name).name == field.name.upper()
    for printed in (input_field, changed_field, output_field):
        assert printed.description is not None
        assert printed.description.value.startswith(rule.description)
        assert rule.example in printed.description.value
        assert str(rule.max_length) in printed.description.value
    [constraint] = input_field.directives or ()
    assert [print_ast(d) for d in changed_field.directives or ()] == [print_ast(constraint)]
    assert {a.name.value: print_ast(a.value) for a in constraint.arguments or ()} == {
        key: json.dumps(value, ensure_ascii=False)
        for key, value in {
            "minLength": rule.min_length,
            "maxLength": rule.max_length,
            "pattern": f"^{rule.format.pattern}$",
            "format": rule.format.directive_format,
        }.items()
        if value is not None
    }


def test_inputs_outputs_and_the_enum_list_the_fields_in_the_same_order() -> None:
    names = [field.public_name for field in FIELDS]

    assert [f.name.value for f in _fields("CreateCustomerInput")] == names
    assert [f.name.value for f in _fields("UpdateCustomerInput")] == names
    own = ["createdAt", "updatedAt", "version"]
    assert [f.name.value for f in _fields("Customer")] == ["id", *names, *own]
    assert [member.value for member in types.CustomerField] == [field.name for field in FIELDS]


def test_the_scalars_name_their_specification_and_their_rule() -> None:
    printed = sdl()

    for name in ("ZipCode", "PhoneNumber"):
        [line] = [line for line in printed.splitlines() if line.startswith(f"scalar {name} ")]
        assert "@specifiedBy(url: " in line
        assert "@constraint(" in line


def _definitions(text: str) -> dict[str, str]:
    """Each definition by its name, without descriptions and white space."""
    document = parse(text)
    return {
        definition.name.value: strip_ignored_characters(
            re.sub(r'""".*?"""', "", print_ast(definition), flags=re.DOTALL)
        )
        for definition in document.definitions
        if isinstance(definition, TypeDefinitionNode)
    }


def _fields(type_name: str) -> list[InputValueDefinitionNode | FieldDefinitionNode]:
    [definition] = [
        definition
        for definition in parse(sdl()).definitions
        if isinstance(definition, InputObjectTypeDefinitionNode | ObjectTypeDefinitionNode)
        and definition.name.value == type_name
    ]
    return list(definition.fields or ())
