"""The query `customerFieldRules`."""

from strawberry.types import Info

from ..customers.fields import FIELDS, Field
from .context import Context
from .types import CustomerField, CustomerFieldRule


async def resolve_customer_field_rules(
    info: Info[Context, None],  # noqa: ARG001  # prepared operations pass it to every resolver
) -> list[CustomerFieldRule] | None:
    # No scope: the rules are part of the contract, and a form needs them whatever its token allows.
    return _RULES


def _rule(field: Field) -> CustomerFieldRule:
    rule = field.rule
    return CustomerFieldRule(
        field=CustomerField(field.name),
        name=field.public_name,
        label=rule.label,
        description=rule.description,
        required=field.required,
        min_length=rule.min_length,
        max_length=rule.max_length,
        pattern=rule.format.anchored_pattern,
        format=rule.format.directive_format,
        allowed=rule.format.allowed,
        example=rule.example,
    )


_RULES = [_rule(field) for field in FIELDS]
