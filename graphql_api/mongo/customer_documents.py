"""A customer as a MongoDB document, the indexes, and the validator."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from bson import CodecOptions, ObjectId, encode
from bson.raw_bson import RawBSONDocument
from pymongo import IndexModel

from ..customers.fields import FIELDS, Customer, Field, NewCustomer
from ..customers.identity import email_key
from ..customers.search import folded, words_of
from ..customers.store import Attempt, StoredCustomer

logger = structlog.get_logger()

EMAIL_KEY = "emailCaseFolded"
IDEMPOTENCY_KEY = "idempotency.key"

NAME_SORT = "nameSort"
EMAIL_SORT = "emailSort"
SEARCH = "search"
GIVEN = "given"

EXPIRES_AT = "expiresAt"

# The schema version of the documents that this program stores. Of the fields that `derived_fields`
# makes, documents of version 1 have only the email key.
SCHEMA_VERSION = 2


def unique_indexes(*, is_sharded: bool) -> list[IndexModel]:
    """The indexes without which no customer is stored: they refuse duplicates.

    In a sharded collection, only an index that begins with the shard key can be unique. There,
    claims take the place of the other unique index.
    """
    idempotency_options = {} if is_sharded else {"unique": True}
    return [
        IndexModel([(EMAIL_KEY, 1)], name=EMAIL_KEY, unique=True),
        IndexModel(
            [(IDEMPOTENCY_KEY, 1)],
            name=IDEMPOTENCY_KEY,
            partialFilterExpression={IDEMPOTENCY_KEY: {"$type": "string"}},
            **idempotency_options,
        ),
    ]


# Each page of a list is read from one of these, named by its first field.
LIST_INDEXES = [
    IndexModel([("createdAt", -1), ("_id", -1)], name="createdAt"),
    IndexModel([("updatedAt", -1), ("_id", -1)], name="updatedAt"),
    IndexModel([(NAME_SORT, 1), ("_id", 1)], name=NAME_SORT),
    IndexModel([(EMAIL_SORT, 1), ("_id", 1)], name=EMAIL_SORT),
    IndexModel([(SEARCH, 1), ("createdAt", -1), ("_id", -1)], name=SEARCH),
    IndexModel([(GIVEN, 1)], name=GIVEN),
]

# MongoDB deletes the remains of a removed customer, or a claim, at this time.
EXPIRY_INDEX = IndexModel(
    [(EXPIRES_AT, 1)],
    name=EXPIRES_AT,
    expireAfterSeconds=0,
    partialFilterExpression={EXPIRES_AT: {"$type": "date"}},
)


def indexes(*, is_sharded: bool) -> list[IndexModel]:
    """All indexes of the collection."""
    return [*unique_indexes(is_sharded=is_sharded), *LIST_INDEXES, EXPIRY_INDEX]


# Marks tokens that are not whole words. No word of a customer and no search contains it.
_MARK = "\1"
# The length of the beginnings that are tokens of their own.
BEGINNING = 3

# How long the idempotency key of a removed customer cannot be used again.
_REMOVED_FOR = timedelta(hours=24)

# A claim outlives each write that may be under way: MongoDB ends a transaction after a minute.
_CLAIMED_FOR = timedelta(hours=1)


# The name of a field with a unique index, and a value that one customer alone can have there.
UniqueValue = tuple[str, Any]

_TEXT_OR_MISSING = {str, type(None)}

_NAMES = [(field.name, field.public_name) for field in FIELDS]
_PUBLIC_NAMES = dict(_NAMES)
# Stored documents contain these bits, so a field must never get another one: add new fields to the
# end of the declaration, or migrate the documents.
BITS = {field.name: 1 << number for number, field in enumerate(FIELDS)}
_BITS = [*BITS.items()]


def unique_values(stored: StoredCustomer) -> list[UniqueValue]:
    """The values that unique indexes let one customer have.

    MongoDB refuses a new customer if a document, which may be its own, has one of them.
    """
    customer = stored.customer
    values: list[UniqueValue] = [("_id", customer.id), (EMAIL_KEY, email_key(customer.email))]
    if stored.attempt is not None:
        values.append((IDEMPOTENCY_KEY, stored.attempt.key))
    return values


def unique_values_in(document: Mapping[str, Any]) -> list[UniqueValue]:
    """The unique values of a document.

    The value is None for a field that is missing or has another type: other programs can store
    documents past the validator.
    """
    id_, key = document["_id"], document.get(EMAIL_KEY)
    return [
        ("_id", id_ if isinstance(id_, UUID) else None),
        (EMAIL_KEY, key if isinstance(key, str) else None),
        (IDEMPOTENCY_KEY, idempotency_key(document)),
    ]


def idempotency_key(document: Mapping[str, Any]) -> str | None:
    """The idempotency key that created the customer of a document, if it has one."""
    attempt = document.get("idempotency")
    key = attempt.get("key") if isinstance(attempt, dict) else None
    return key if isinstance(key, str) else None


def any_of(values: Iterable[UniqueValue]) -> dict[str, Any]:
    """The query for the documents that have at least one of these values."""
    by_field: dict[str, list[Any]] = {}
    for field, value in values:
        by_field.setdefault(field, []).append(value)
    queries = [_field_in(field, values_of_field) for field, values_of_field in by_field.items()]
    return queries[0] if len(queries) == 1 else {"$or": queries}


def _field_in(field: str, values: list[Any]) -> dict[str, Any]:
    if field == IDEMPOTENCY_KEY:
        # MongoDB uses the partial index only for a query with the type, as in the index's filter.
        # Without it, MongoDB would read every customer.
        return {field: {"$in": values, "$type": "string"}}
    # MongoDB finds a single `_id` faster by equality than by `$in`.
    return {field: values[0] if len(values) == 1 else {"$in": values}}


def to_document(stored: StoredCustomer) -> dict[str, Any]:
    """The document of a customer. It lacks the optional fields that were not given."""
    customer, values = stored.customer, vars(stored.customer)
    document: dict[str, Any] = {"_id": customer.id}
    for name, public_name in _NAMES:
        if (value := values[name]) is not None:
            document[public_name] = value
    document.update(derived_fields(customer))
    document["version"] = customer.version
    document["createdAt"] = customer.created_at
    document["updatedAt"] = customer.updated_at
    if stored.changed_in:
        document["changed"] = {_PUBLIC_NAMES[name]: version for name, version in stored.changed_in}
    if stored.attempt is not None:
        document["idempotency"] = dict(vars(stored.attempt))
    return document


def derived_fields(customer: NewCustomer) -> dict[str, Any]:
    """The fields of a document that follow from the customer's own, and the schema version.

    They are the email key, what orders sort by (a missing name sorts as an empty one), the tokens
    of the search and of the filters, and the bits of the fields that are given.
    """
    values, email, name = vars(customer), customer.email, customer.name
    given = 0
    for field, bit in _BITS:
        if values[field] is not None:
            given |= bit
    return {
        EMAIL_KEY: email_key(email),
        NAME_SORT: "" if name is None else folded(name),
        EMAIL_SORT: folded(email),
        SEARCH: _tokens(customer),
        GIVEN: given,
        "schemaVersion": SCHEMA_VERSION,
    }


def _tokens(customer: NewCustomer) -> list[str]:
    """The customer's words, their beginnings of three characters, and its places.

    A beginning is found by equality, so MongoDB reads it in the order of creation. It takes the
    place of a word of three characters.
    """
    words = words_of(customer)
    tokens = [word for word in words if len(word) != BEGINNING]
    tokens += {beginning_token(word) for word in words if len(word) >= BEGINNING}
    if customer.country is not None:
        tokens.append(place_token("country", customer.country))
    if customer.state is not None:
        tokens.append(place_token("state", customer.state))
    if customer.city is not None:
        tokens.append(place_token("city", customer.city))
    return tokens


def beginning_token(word: str) -> str:
    """The token of the first three characters of a folded word."""
    return word[:BEGINNING] + _MARK


def place_token(field: str, value: str) -> str:
    """The token of a value of `country`, `state` or `city`."""
    return f"{_MARK}{field}={folded(value)}"


def to_bson(stored: StoredCustomer, options: CodecOptions[Any]) -> RawBSONDocument:
    """The document of a customer, encoded. Raises what `bson.encode` raises."""
    return RawBSONDocument(encode(to_document(stored), codec_options=options))


def remains(old: StoredCustomer) -> dict[str, Any]:
    """The remains of a customer that is removed now: a document without its values.

    It takes the place of the customer's document, so that a late insert of the same customer, and a
    late request with the same idempotency key, still find a duplicate. It has no email address
    that a customer could have.
    """
    id_ = old.customer.id
    document: dict[str, Any] = {
        "_id": id_,
        EMAIL_KEY: f"\0{id_}",
        "version": old.customer.version + 1,
        EXPIRES_AT: datetime.now(UTC) + _REMOVED_FOR,
    }
    if old.attempt is not None:
        document["idempotency"] = {"key": old.attempt.key}
    return document


def customer_in(document: Mapping[str, Any]) -> StoredCustomer | None:
    """The customer of a document; None for the remains of one and for what is not a customer."""
    try:
        return None if is_removed(document) else from_document(document)
    except NotACustomer:
        logger.warning(
            "A read left out a document that is not a customer. Run `graphql-api database check`."
        )
        return None


def claim(key: str) -> dict[str, Any]:
    """The claim of an idempotency key: a document of a collection in which `_id` alone is unique.

    Without it, two requests that use the same key for different customers at the same time could
    both succeed on different shards. Later ones find the key in the customer.
    """
    return {"_id": key, EXPIRES_AT: datetime.now(UTC) + _CLAIMED_FOR}


def is_removed(document: Mapping[str, Any]) -> bool:
    """Whether the document is the remains of a removed customer."""
    return EXPIRES_AT in document


def shown_id(id_: object) -> str:
    """An id for operators. A text or a number may be a customer's value, and is not shown."""
    return str(id_) if isinstance(id_, UUID | ObjectId) else "(not a UUID)"


class NotACustomer(Exception):
    """Another program stored a document that has no valid id, or a value of another type."""


def from_document(document: Mapping[str, Any]) -> StoredCustomer:
    """The customer of a document of any schema version; its times are in UTC.

    Raises `NotACustomer`, for example for a time after the year 9999, which Python lacks.
    """
    id_, email = document["_id"], document.get("email")
    created_at, updated_at = document.get("createdAt"), document.get("updatedAt")
    # Customers that older servers stored have no version.
    version = document.get("version", 1)
    values = {name: document.get(public_name) for name, public_name in _NAMES}
    if not (
        isinstance(id_, UUID)
        and email is not None
        and _TEXT_OR_MISSING.issuperset(map(type, values.values()))
        and isinstance(version, int)
        and isinstance(created_at, datetime)
        and isinstance(updated_at, datetime)
        and _is_unicode(values)
    ):
        raise NotACustomer
    customer = Customer(
        **values,  # type: ignore[arg-type]  # the types are checked above
        id=id_,
        version=version,
        created_at=created_at,
        updated_at=updated_at,
    )
    attempt = document.get("idempotency")
    changed = document.get("changed")
    try:
        return StoredCustomer(
            customer,
            None if attempt is None else Attempt(**attempt),
            () if changed is None else tuple((n, changed[p]) for n, p in _NAMES if p in changed),
        )
    except TypeError:
        raise NotACustomer from None


def _is_unicode(values: Mapping[str, str | None]) -> bool:
    """Whether the texts have no lone surrogate, which `connect` reads in place of other bytes."""
    together = "".join(filter(None, values.values()))
    try:
        together.encode()
    except UnicodeEncodeError:
        return False
    return True


def validator() -> dict[str, Any]:
    """A `$jsonSchema` made from the fields' declarations. It also checks other programs' writes."""
    return {"$jsonSchema": {"bsonType": "object", "anyOf": [_customer(), _remains()]}}


def _customer() -> dict[str, Any]:
    return {
        "required": [
            "_id",
            *(field.public_name for field in FIELDS if field.required),
            EMAIL_KEY,
            "createdAt",
            "updatedAt",
        ],
        "properties": {
            "_id": {"bsonType": "binData"},
            **{field.public_name: _schema(field) for field in FIELDS},
            EMAIL_KEY: {"bsonType": "string"},
            NAME_SORT: {"bsonType": "string"},
            EMAIL_SORT: {"bsonType": "string"},
            SEARCH: {"bsonType": "array"},
            GIVEN: {"bsonType": "int"},
            "schemaVersion": {"bsonType": "int"},
            "version": {"bsonType": "int", "minimum": 1},
            "changed": {"bsonType": "object", "additionalProperties": {"bsonType": "int"}},
            "lastChange": {"bsonType": "binData"},
            "createdAt": {"bsonType": "date"},
            "updatedAt": {"bsonType": "date"},
            "idempotency": _idempotency("key", "fingerprint"),
        },
        # MongoDB would delete the customer at that time.
        "not": {"required": [EXPIRES_AT]},
    }


def _remains() -> dict[str, Any]:
    return {
        "required": ["_id", EMAIL_KEY, "version", "lastChange", EXPIRES_AT],
        "properties": {
            "_id": {"bsonType": "binData"},
            EMAIL_KEY: {"bsonType": "string", "pattern": r"\A\x00"},
            "version": {"bsonType": "int", "minimum": 2},
            "lastChange": {"bsonType": "binData"},
            EXPIRES_AT: {"bsonType": "date"},
            "idempotency": {**_idempotency("key"), "additionalProperties": False},
        },
        "additionalProperties": False,
    }


def _idempotency(*names: str) -> dict[str, Any]:
    return {
        "bsonType": "object",
        "required": list(names),
        "properties": {name: {"bsonType": "string"} for name in names},
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
    r"""The pattern for MongoDB (PCRE), where `$` would also match before a last line break.

    MongoDB must accept every value that the rules accept, and its Unicode tables are older than
    Python's. So the pattern also accepts code points that MongoDB does not know (`\p{Cn}`).
    """
    known = pattern.replace(r"[\p{L}", r"[\p{L}\p{Cn}").replace(r"[^\p{Cc}\p{Cn}", r"[^\p{Cc}")
    numbered = known.replace(r"\u{", r"\x{")
    return rf"\A{numbered}\z"
