"""The input of `createCustomer` as a JSON Schema, from which programs build forms."""

from typing import Any, cast

from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLString,
    build_schema,
    get_nullable_type,
)

from ..customers.fields import FIELDS, Field
from .schema import sdl


def json_schema() -> dict[str, Any]:
    """`CreateCustomerInput` in JSON Schema, draft 2020-12.

    It describes normalised texts, because JSON Schema has no words for how a text is normalised.
    It has no `format`: the `email` of most validators rejects international addresses, which are
    valid here.
    """
    input_type = cast("GraphQLInputObjectType", build_schema(sdl()).type_map["CreateCustomerInput"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": input_type.name,
        "description": input_type.description,
        "$comment": (
            "Before you validate a text, convert it to Unicode NFC and remove the white space at "
            "its ends."
        ),
        "type": "object",
        "properties": {
            field.public_name: _property(field, input_type.fields[field.public_name].type)
            for field in FIELDS
        },
        "required": [field.public_name for field in FIELDS if field.required],
        "additionalProperties": False,
    }


def _property(field: Field, type_: GraphQLInputType) -> dict[str, Any]:
    rule = field.rule
    types = ["string"]
    limits: dict[str, Any] = {} if rule.min_length is None else {"minLength": rule.min_length}
    limits |= {"maxLength": rule.max_length, "pattern": rule.format.anchored_pattern}
    if get_nullable_type(type_) is not GraphQLString:
        # The scalar accepts an integer, too.
        types.append("integer")
        # It has as many digits as a text may have.
        limits["minimum"] = 10 ** (rule.min_length - 1) if rule.min_length else 0
        limits["maximum"] = 10**rule.max_length - 1
    if not field.required:
        types.append("null")
    return {
        "title": rule.label,
        "description": f"{rule.description} {field.rule_in_words}",
        "type": types if types[1:] else "string",
        **limits,
        "examples": [rule.example],
    }
