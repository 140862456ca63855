"""What the documents of customers contain beside the customers' own values."""

from datetime import UTC, datetime
from uuid import uuid4

from graphql_api.customers.fields import FIELDS, Customer, NewCustomer, PhoneNumber, ZipCode
from graphql_api.customers.store import StoredCustomer
from graphql_api.mongo.customer_documents import (
    BITS,
    derived_fields,
    from_document,
    to_document,
)

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def test_everything_that_lists_read_follows_from_the_customers_own_values() -> None:
    customer = NewCustomer(
        name="José Straße",
        email="José.S@Example.com",
        country="Österreich",
        city="Sankt Pölten",
        state="NÖ",
        zip_code=ZipCode("3100"),
        phone_number=PhoneNumber("54"),
    )

    derived = derived_fields(customer)

    tokens = derived.pop("search")
    assert derived == {
        "emailCaseFolded": "jose\N{COMBINING ACUTE ACCENT}.s@example.com",
        "nameSort": "jose strasse",
        "emailSort": "jose.s@example.com",
        "given": sum(
            BITS[name]
            for name in ("name", "email", "country", "city", "state", "zip_code", "phone_number")
        ),
        "schemaVersion": 2,
    }
    words = {"jose.s@example.com", "strasse", "example.com", "3100", "54"}
    beginnings = {"jos\1", "str\1", "exa\1", "com\1", "310\1"}
    places = {"\1country=osterreich", "\1city=sankt polten", "\1state=no"}
    assert sorted(tokens) == sorted(words | beginnings | places)


def test_the_bits_of_stored_fields_never_change() -> None:
    # Stored documents contain them. A new field gets the next bit.
    assert list(BITS) == [field.name for field in FIELDS]
    assert list(BITS.items())[:12] == [
        ("name", 0x1),
        ("email", 0x2),
        ("description", 0x4),
        ("send_email_address", 0x8),
        ("cc_email_address", 0x10),
        ("country", 0x20),
        ("address_line1", 0x40),
        ("address_line2", 0x80),
        ("city", 0x100),
        ("state", 0x200),
        ("zip_code", 0x400),
        ("phone_number", 0x800),
    ]


def test_a_document_has_the_version_of_its_customer_and_one_without_is_version_1() -> None:
    customer = Customer(
        email="john@example.com", id=uuid4(), version=3, created_at=NOW, updated_at=NOW
    )
    document = to_document(StoredCustomer(customer, None))
    assert from_document(document).customer == customer

    for name in ("version", "schemaVersion", "nameSort", "emailSort", "search", "given"):
        del document[name]

    assert from_document(document).customer.version == 1
