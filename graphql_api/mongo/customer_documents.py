"""A customer as a MongoDB document, its indexes, and the validator that guards them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from bson import CodecOptions, encode
from bson.raw_bson import RawBSONDocument
from pymongo import IndexModel

from ..customers.fields import FIELDS, Customer, Field
from ..customers.identity import email_key
from ..customers.store import Attempt, StoredCustomer

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


# A unique index's field, and what one customer alone can have there.
Claim = tuple[str, Any]

_NAMES = [(field.name, field.public_name) for field in FIELDS]


def claims_of(new: StoredCustomer) -> list[Claim]:
    """For whose sake this customer is refused: who has one of them, itself included."""
    claims: list[Claim] = [("_id", new.customer.id), (EMAIL_KEY, email_key(new.customer.email))]
    if new.attempt is not None:
        claims.append((IDEMPOTENCY_KEY, new.attempt.key))
    return claims


def claims_in(document: Mapping[str, Any]) -> list[Claim]:
    """What a document claims; it may lack what others, past the validator, left out."""
    attempt = document.get("idempotency", {})
    return [
        ("_id", document["_id"]),
        (EMAIL_KEY, document.get(EMAIL_KEY)),
        (IDEMPOTENCY_KEY, attempt.get("key")),
    ]


def with_any(claims: Iterable[Claim]) -> dict[str, Any]:
    """The query for the documents that have one of these claims."""
    values: dict[str, list[Any]] = {}
    for field, value in claims:
        values.setdefault(field, []).append(value)
    queries = [_with_one_of(field, some) for field, some in values.items()]
    return queries[0] if len(queries) == 1 else {"$or": queries}


def _with_one_of(field: str, values: list[Any]) -> dict[str, Any]:
    if field == IDEMPOTENCY_KEY:
        # Without the type, MongoDB does not see that its index has them all, and reads everything.
        return {field: {"$in": values, "$type": "string"}}
    # For a single `_id` alone, MongoDB has a shorter way.
    return {field: values[0] if len(values) == 1 else {"$in": values}}


def to_document(kept: StoredCustomer) -> dict[str, Any]:
    """Fields that were not given are absent."""
    customer, values = kept.customer, vars(kept.customer)
    document: dict[str, Any] = {"_id": customer.id}
    for name, public_name in _NAMES:
        if (value := values[name]) is not None:
            document[public_name] = value
    document[EMAIL_KEY] = email_key(customer.email)
    document["createdAt"] = customer.created_at
    document["updatedAt"] = customer.updated_at
    if kept.attempt is not None:
        document["idempotency"] = dict(vars(kept.attempt))
    return document


def to_bson(kept: StoredCustomer, options: CodecOptions[Any]) -> RawBSONDocument:
    """The same, encoded; raises what `bson.encode` does."""
    return RawBSONDocument(encode(to_document(kept), codec_options=options))


def from_document(document: Mapping[str, Any]) -> StoredCustomer:
    """The reverse of `to_document`; times come back in UTC."""
    id_: UUID = document["_id"]
    created_at: datetime = document["createdAt"]
    updated_at: datetime = document["updatedAt"]
    attempt = document.get("idempotency")
    return StoredCustomer(
        Customer(
            **{name: document.get(public_name) for name, public_name in _NAMES},  # type: ignore[arg-type]  # the validator holds the types
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
    known = pattern.replace(r"[\p{L}", r"[\p{L}\p{Cn}").replace(r"[^\p{Cc}\p{Cn}", r"[^\p{Cc}")
    numbered = known.replace(r"\u{", r"\x{")
    return rf"\A{numbered}\z"
