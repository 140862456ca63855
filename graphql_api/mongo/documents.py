"""A customer as a MongoDB document, its indexes, and the validator that guards them."""

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pymongo import IndexModel

from ..customers.fields import FIELDS, Customer, Field
from ..customers.store import Attempt, Kept

EMAIL_KEY = "emailCaseFolded"
IDEMPOTENCY_KEY = "idempotency.key"

INDEXES = [
    IndexModel([(EMAIL_KEY, 1)], name=EMAIL_KEY, unique=True),
    IndexModel(
        [(IDEMPOTENCY_KEY, 1)],
        name=IDEMPOTENCY_KEY,
        unique=True,
        partialFilterExpression={IDEMPOTENCY_KEY: {"$type": "string"}},
    ),
]


def with_key(key: str) -> dict[str, Any]:
    """The query for what was created with an idempotency key."""
    # Without the type, MongoDB does not see that its index has them all, and reads everything.
    return {IDEMPOTENCY_KEY: {"$eq": key, "$type": "string"}}


def claims_of(new: Kept) -> dict[str, Any]:
    """The query for the documents, itself among them, for whose sake this one is refused."""
    claims = [{"_id": new.customer.id}, {EMAIL_KEY: _case_folded(new.customer.email)}]
    if new.attempt is not None:
        claims.append(with_key(new.attempt.key))
    return {"$or": claims}


def to_document(kept: Kept) -> dict[str, Any]:
    """Fields that were not given are absent."""
    customer = kept.customer
    document = {
        "_id": customer.id,
        **{
            field.public_name: value
            for field in FIELDS
            if (value := getattr(customer, field.name)) is not None
        },
        EMAIL_KEY: _case_folded(customer.email),
        "createdAt": customer.created_at,
        "updatedAt": customer.updated_at,
    }
    if kept.attempt is not None:
        document["idempotency"] = {
            "key": kept.attempt.key,
            "fingerprint": kept.attempt.fingerprint,
        }
    return document


def from_document(document: Mapping[str, Any]) -> Kept:
    """The reverse of `to_document`; times come back in UTC."""
    id_: UUID = document["_id"]
    created_at: datetime = document["createdAt"]
    updated_at: datetime = document["updatedAt"]
    attempt = document.get("idempotency")
    return Kept(
        Customer(
            **{field.name: document.get(field.public_name) for field in FIELDS},  # type: ignore[arg-type]  # the validator holds the types
            id=id_,
            created_at=created_at,
            updated_at=updated_at,
        ),
        None if attempt is None else Attempt(**attempt),
    )


def validator() -> dict[str, Any]:
    """A `$jsonSchema` from the field declarations: a net under the rules for other writers."""
    properties = {field.public_name: _schema(field) for field in FIELDS}
    return {
        "$jsonSchema": {
            "bsonType": "object",
            "required": [
                "_id",
                *(field.public_name for field in FIELDS if field.required),
                EMAIL_KEY,
                "createdAt",
                "updatedAt",
            ],
            "properties": {
                "_id": {"bsonType": "binData"},
                **properties,
                EMAIL_KEY: {"bsonType": "string"},
                "createdAt": {"bsonType": "date"},
                "updatedAt": {"bsonType": "date"},
                "idempotency": {
                    "bsonType": "object",
                    "required": ["key", "fingerprint"],
                    "properties": {
                        "key": {"bsonType": "string"},
                        "fingerprint": {"bsonType": "string"},
                    },
                },
            },
        }
    }


def _schema(field: Field) -> dict[str, Any]:
    rule = field.rule
    schema: dict[str, Any] = {
        "bsonType": "string",
        "maxLength": rule.max_length,
        "pattern": _pcre(rule.format.pattern),
    }
    if rule.min_length is not None:
        schema["minLength"] = rule.min_length
    return schema


def _pcre(pattern: str) -> str:
    r"""The pattern for MongoDB, whose `$` matches before a last line break, too.

    MongoDB's Unicode tables are older than Python's, and it must never refuse what the rules
    accept: code points that it does not know (`\p{Cn}`) pass.
    """
    known = pattern.replace(r"\p{L}", r"[\p{L}\p{Cn}]").replace(r"[^\p{Cc}\p{Cn}", r"[^\p{Cc}")
    return rf"\A{known}\z"


def _case_folded(email: str) -> str:
    return unicodedata.normalize("NFC", email.casefold())
