"""The rules of the fields as JSON, for a peer that is not written in Python."""

import json

from graphql_api.customers.fields import FIELDS, Field
from graphql_api.customers.formats import EMAIL, PRINTABLE


def rules_as_json() -> str:
    """A list with one object for each field, in the order of the declaration."""
    return json.dumps([_rule(field) for field in FIELDS])


def _rule(field: Field) -> dict[str, object]:
    """Leaves out a limit that the field does not have, so that it is `undefined` in JavaScript."""
    rule = field.rule
    values = {
        "name": field.public_name,
        "enumName": field.name.upper(),
        "required": field.required,
        "minLength": rule.min_length,
        "maxLength": rule.max_length,
        "pattern": f"^{rule.format.pattern}$",
        "allowed": rule.format.allowed,
        "instruction": rule.format.instruction,
        "example": rule.example,
        "hasLines": rule.format is PRINTABLE,
        "isEmail": rule.format is EMAIL,
    }
    return {name: value for name, value in values.items() if value is not None}
