"""Columns are recognised by their headers, and changed by the option `--map`."""

from pathlib import Path

import pytest

from graphql_api.customers.fields import FIELDS, NewCustomer
from graphql_api.customers.judge import judge
from graphql_api.files.columns import UnknownColumn, mapping, recognised
from graphql_api.files.records import Records
from graphql_api.files.rows import Rows

EXPORTS = Path(__file__).parent / "exports"

ADA = {
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "description": "Likes engines",
    "country": "US",
    "address_line1": "12 Analytical Street",
    "address_line2": "2nd Floor",
    "city": "Boston",
    "state": "MA",
    "zip_code": "02134",
    "phone_number": "5417543010",
}
GRACE = {
    "name": "Grace Hopper",
    "email": "grace@example.com",
    "description": "Two lines:\none, two",
    "country": "US",
    "city": "Arlington",
    "state": "VA",
    "zip_code": "22201",
}


@pytest.mark.parametrize(
    ("name", "source", "missing"),
    [
        ("shopify.csv", "Shopify", set()),
        ("shopify_older.csv", "Shopify", set()),
        ("stripe.csv", "Stripe", {"phone_number"}),
        ("woocommerce.csv", "WooCommerce", {"description", "address_line1", "address_line2"}),
        ("bigcommerce.csv", "BigCommerce", set()),
        ("crm.csv", None, set()),
        ("api.jsonl", None, set()),
    ],
)
def test_an_export_is_imported_as_it_is(name: str, source: str | None, missing: set[str]) -> None:
    with (EXPORTS / name).open("rb") as file:
        records = Records(file)
        read = list(records)
    columns = recognised(records.columns or list(read[0].cells))
    rows = Rows(columns, records.columns)

    customers = [judge(rows.values(record.cells)) for record in read]

    expected = [
        {field: value for field, value in one.items() if field not in missing}
        for one in (ADA, GRACE)
    ]
    if name == "shopify_older.csv":
        expected = [
            {**one, "state": state}
            for one, state in zip(expected, ("Massachusetts", "Virginia"), strict=True)
        ]
    assert columns.source == source
    assert customers == [NewCustomer(**one) for one in expected]  # type: ignore[arg-type]  # its own fields


@pytest.mark.parametrize("attribute", ["name", "public_name", "label"])
def test_the_names_and_labels_of_this_api_are_recognised_in_any_case_and_order(
    attribute: str,
) -> None:
    headers = {
        field: field.rule.label if attribute == "label" else getattr(field, attribute)
        for field in reversed(FIELDS)
    }

    columns = recognised([header.upper() for header in headers.values()])

    assert columns.of_fields == {field: [headers[field].upper()] for field in FIELDS}


def test_the_code_of_a_country_is_preferred_to_its_name() -> None:
    columns = recognised(["Email", "Country", "Country Code"])

    assert {field.name: used for field, used in columns.of_fields.items()} == {
        "email": ["Email"],
        "country": ["Country Code"],
    }


def test_a_last_name_alone_is_the_name() -> None:
    columns = recognised(["Surname", "Email"])

    assert [*columns.of_fields.values()] == [["Surname"], ["Email"]]


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("E mail 2=email", {"email": ["E-mail 2"], "name": ["First Name", "Last Name"]}),
        ("First Name = name", {"email": ["Email"], "name": ["First Name"]}),
        (
            "Last Name+First Name=Description",
            {"email": ["Email"], "description": ["Last Name", "First Name"]},
        ),
        (
            "A+B=name,City, Town=CITY",
            {"email": ["Email"], "name": ["A+B"], "city": ["City, Town"]},
        ),
        ("Last Name=", {"email": ["Email"], "name": ["First Name"]}),
        (
            "E-mail 2 + Email = sendEmailAddress",
            {"name": ["First Name", "Last Name"], "send_email_address": ["E-mail 2", "Email"]},
        ),
    ],
)
def test_an_option_changes_which_columns_become_a_field(
    text: str, used: dict[str, list[str]]
) -> None:
    headers = ["Email", "E-mail 2", "First Name", "Last Name", "A+B", "City, Town"]

    columns = recognised(headers, mapping(text))

    assert {field.name: names for field, names in columns.of_fields.items()} == used


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Email", "Write COLUMN=FIELD, such as Mail=email."),
        ("Mail=email", "The file has no column `Mail`."),
        ("Email+Mail=email", "The file has no column `Mail`."),
        ("Email=mail", "There is no field `mail`. The fields are name, email, description, "),
    ],
)
def test_an_option_that_names_nothing_is_refused(text: str, message: str) -> None:
    with pytest.raises(UnknownColumn) as refused:
        recognised(["Email"], mapping(text))

    assert str(refused.value).startswith(message)
