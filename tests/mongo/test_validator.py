"""MongoDB's validator, behind the rules: it rejects the values that they reject, and no others."""

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from pymongo.collection import Collection
from pymongo.errors import WriteError

from graphql_api.customers.fields import FIELDS
from graphql_api.mongo.customer_documents import validator

from ..support.values import (
    BAD,
    GOOD,
    INVISIBLE_LETTERS,
    ONLY_THE_RULE_REFUSES,
    as_value,
    public_name,
)

Documents = Collection[dict[str, Any]]


@pytest.fixture
def guarded(documents: Documents) -> Documents:
    """A collection with the validator only, without the indexes."""
    return documents.database.create_collection(uuid4().hex, validator=validator())


def document(**values: Any) -> dict[str, Any]:
    """A valid customer's document, with these values instead of its own."""
    now = datetime.now(UTC)
    return {
        "_id": uuid4(),
        "email": "john@example.com",
        "emailCaseFolded": "john@example.com",
        "createdAt": now,
        "updatedAt": now,
        **values,
    }


def test_values_that_the_rules_accept_are_accepted(guarded: Documents) -> None:
    for valid in GOOD:
        guarded.insert_one(document(**{public_name(valid.field): valid.stored}))

    assert guarded.count_documents({}) == len(GOOD)


def test_values_that_the_rules_reject_are_rejected(guarded: Documents) -> None:
    rules = {field.name: field.rule for field in FIELDS}
    accepted = []
    for bad in BAD:
        value = as_value(bad.sent)
        stored = rules[bad.field].format.read(value)[0] if isinstance(value, str) else bad.sent
        try:
            guarded.insert_one(document(**{public_name(bad.field): stored}))
            accepted.append(bad.sent)
        except (WriteError, UnicodeEncodeError):
            pass

    assert accepted == ONLY_THE_RULE_REFUSES


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": 5},
        {"zipCode": 10469},
        {"email": None},
        {"zipCode": "94107\n"},
        {"phoneNumber": "5417543010\n"},
        {"createdAt": "2026-11-22"},
        {"_id": "no uuid"},
        {"idempotency": {"key": "k"}},
        {"nameSort": None},
        {"emailSort": 5},
        {"search": "john"},
        {"given": "name"},
        {"schemaVersion": 2.5},
        {"version": 0},
        {"version": "1"},
        {"changed": {"name": "2"}},
        {"lastChange": "no uuid"},
        # MongoDB would delete it.
        {"expiresAt": datetime(2026, 11, 22, tzinfo=UTC)},
    ],
    ids=str,
)
def test_documents_that_the_rules_never_produce_are_rejected(
    guarded: Documents, wrong: dict[str, Any]
) -> None:
    with pytest.raises(WriteError) as refusal:
        guarded.insert_one(document(**wrong))

    assert refusal.value.code == 121


def left_of_a_removed_customer(**values: Any) -> dict[str, Any]:
    """The remains of a removed customer, with these values in addition or in place of their own."""
    return {
        "_id": uuid4(),
        "emailCaseFolded": f"\0{uuid4()}",
        "version": 2,
        "lastChange": uuid4(),
        "expiresAt": datetime.now(UTC),
        "idempotency": {"key": "key"},
        **values,
    }


def test_the_remains_of_a_removed_customer_are_accepted(guarded: Documents) -> None:
    guarded.insert_one(left_of_a_removed_customer())
    without_key = left_of_a_removed_customer()
    del without_key["idempotency"]
    guarded.insert_one(without_key)

    assert guarded.count_documents({}) == 2


@pytest.mark.parametrize(
    "more",
    [
        {"emailCaseFolded": "john@example.com"},
        {"email": "john@example.com"},
        {"name": "John Smith"},
        {"createdAt": datetime(2026, 11, 22, tzinfo=UTC)},
        {"idempotency": {"key": "key", "fingerprint": "f"}},
        {"version": 1},
    ],
    ids=str,
)
def test_nothing_else_is_left_of_a_removed_customer(
    guarded: Documents, more: dict[str, Any]
) -> None:
    with pytest.raises(WriteError):
        guarded.insert_one(left_of_a_removed_customer(**more))


def test_every_letter_and_mark_that_the_rules_know_is_accepted(guarded: Documents) -> None:
    names = list(_names("LM"))

    guarded.insert_many([document(name=name) for name in names])

    assert guarded.count_documents({}) == len(names)


def test_every_printable_character_is_accepted(guarded: Documents) -> None:
    texts = list(_names("LMNPSZ"))

    guarded.insert_many([document(description=text) for text in texts])

    assert guarded.count_documents({}) == len(texts)


def _names(categories: str) -> Iterator[str]:
    """Texts of at most 50 code points that together hold all of these general categories."""
    characters = [
        character
        for character in map(chr, range(0x110000))
        if unicodedata.category(character)[0] in categories and character not in INVISIBLE_LETTERS
    ]
    for start in range(0, len(characters), 49):
        yield ("a" + "".join(characters[start : start + 49])).ljust(5, "a")
