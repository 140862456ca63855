"""The GraphQL types list the declared fields. A difference is an error at import."""

from enum import Enum

import pytest
import strawberry

from graphql_api.customers.fields import FIELDS
from graphql_api.schema.directives import declared, declared_enum

NAMES = [field.name for field in FIELDS]
OWN_NAMES = ["id", "created_at", "updated_at", "version"]


def class_with(*names: str) -> type:
    """A class with these annotations, named as one of the schema's own types."""
    return type("Customer", (), {"__annotations__": dict.fromkeys(names, str)})


def enum_with(*names: str) -> type[Enum]:
    return Enum("CustomerField", {name.upper(): name for name in names})  # type: ignore[return-value]  # mypy takes it for a member


def test_an_input_without_a_declared_field_is_an_error_that_says_where_to_add_it() -> None:
    with pytest.raises(TypeError) as error:
        declared(strawberry.input(class_with(*(name for name in NAMES if name != "city"))))

    assert str(error.value) == ("Customer lacks city. Add it to graphql_api/schema/types.py.")


@pytest.mark.parametrize("missing", ["name", "created_at"])
def test_an_output_without_a_field_of_a_customer_is_an_error(missing: str) -> None:
    names = [name for name in [*NAMES, *OWN_NAMES] if name != missing]

    with pytest.raises(TypeError, match=rf"^Customer lacks {missing}\. Add it to "):
        declared(strawberry.type(class_with(*names)))


def test_an_enum_without_declared_fields_is_an_error_that_names_each() -> None:
    with pytest.raises(
        TypeError, match=rf"^CustomerField lacks {NAMES[0]}, {NAMES[1]}\. Add it to "
    ):
        declared_enum(strawberry.enum(enum_with(*NAMES[2:])))


def test_a_field_that_is_not_declared_is_an_error_that_says_where_to_declare_it() -> None:
    text = "has fax_number, which is not declared. Declare it in graphql_api/customers/fields.py."

    for make in (strawberry.input, strawberry.type):
        own = OWN_NAMES if make is strawberry.type else []
        with pytest.raises(TypeError) as error:
            declared(make(class_with(*NAMES, *own, "fax_number")))
        assert str(error.value) == f"Customer {text}"
    with pytest.raises(TypeError) as error:
        declared_enum(strawberry.enum(enum_with(*NAMES, "fax_number")))
    assert str(error.value) == f"CustomerField {text}"
