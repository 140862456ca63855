"""The life of customers in plain Python: what each operation answers, by the specification.

It knows few values, so that names, addresses, places and times of several customers are the same.
It takes nothing from the server but the declared names of the fields.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from graphql_api.customers.fields import FIELDS

_START = datetime(2026, 1, 1, tzinfo=UTC)
# The names of the fields in the enum `CustomerField`, in the order of the declaration.
_ENUM = {field.public_name: field.name.upper() for field in FIELDS}

# A customer, or a result, as the API returns it.
Json = dict[str, Any]
# What a list orders a customer by, and its id.
Place = tuple[str, str]
NOT_FOUND = {"__typename": "CustomerNotFound"}
CONFLICT = {"__typename": "IdempotencyConflict"}


@dataclass(frozen=True)
class Sent:
    """A value as a client sends it: either what is stored for it, or its error."""

    value: Any
    stored: str | None = None
    error: str | None = None


Input = Mapping[str, Sent]
# For optional fields.
NULL = Sent(None)


def _valid(*values: Any) -> list[Sent]:
    """Valid values, or pairs of a valid value and what is stored for it."""
    pairs = (value if isinstance(value, tuple) else (value, value) for value in values)
    return [Sent(value, stored) for value, stored in pairs]


ADDRESSES = [
    f"{local}@{domain}"
    for local in ("ann", "ann+x", "bob", "bob.ann", "zoë5")
    for domain in ("a.example", "b-ann.example", "bob.example")
]
VALID = {
    "name": _valid("Ann", ("\tANN ", "ANN"), "Änn", ("Bob  Ann", "Bob Ann"), "Zoë Straßer"),
    "email": _valid(*ADDRESSES, *(f"{address[0].upper()}{address[1:]}" for address in ADDRESSES)),
    "description": _valid("annex five", "Bobsled RUN"),
    "country": _valid("US", "us", "Österreich"),
    "city": _valid("Wien", "WIEN", "New York"),
    "state": _valid("NY", "Wien"),
    "zipCode": _valid("10469-2345", (10469, "10469")),
    "phoneNumber": _valid("54", (5417543010, "5417543010")),
}
INVALID = {
    "name": [Sent("X", error="TooShortError"), Sent("Ann5", error="InvalidFormatError")],
    "email": [Sent("", error="RequiredFieldError"), Sent("ann@", error="InvalidFormatError")],
    "description": [Sent("four", error="TooShortError")],
    "country": [Sent("U S", error="InvalidFormatError")],
    "city": [Sent("W" * 51, error="TooLongError")],
    "state": [Sent("N", error="TooShortError")],
    "zipCode": [Sent(value=True, error="WrongTypeError")],
    "phoneNumber": [Sent("+54", error="InvalidFormatError")],
}
# Searches, and the folded beginnings of words that they look for.
SEARCHES: dict[str | None, list[str]] = {
    None: [],
    "": [],
    " \t": [],
    **{text: [text] for text in ("a", "an", "ann", "anne", "bobs", "b-ann.ex", "exam", "5", "541")},
    **{text: [text] for text in ("10469", "10469-2", "ann+x@", "ann@a.example", "bob.ex")},
    "ÄNN": ["ann"],
    "strasse": ["strasse"],
    "an bob": ["an", "bob"],
    "(ann), bobsled": ["ann", "bobsled"],
    "a b z": ["a", "b", "z"],
    **{text: [text] for text in (".*", "^ann", "an+", "a|b", "ann$", "a?n", "\\w", "[a-z]+x")},
}


def time_of(milliseconds: int) -> datetime:
    return _START + timedelta(milliseconds=milliseconds)


def text_of(time: datetime) -> str:
    """A time as the API returns it. Such texts have the order of their times."""
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z"


def values_of(sent: Input) -> Json:
    """The variables of an input."""
    return {name: one.value for name, one in sent.items()}


def folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


@dataclass(frozen=True)
class PlainList:
    """The arguments of a list, and of the page that is read of it."""

    search: str | None
    filter: Json
    field: str
    direction: str

    def arguments(self) -> Json:
        order = {"field": self.field, "direction": self.direction}
        return {"search": self.search, "filter": self.filter, "orderBy": order}

    def place(self, customer: Json) -> Place:
        key = {
            "CREATED_AT": customer["createdAt"],
            "UPDATED_AT": customer["updatedAt"],
            "NAME": folded(customer["name"] or ""),
            "EMAIL": folded(customer["email"]),
        }[self.field]
        return key, customer["id"]

    def is_before(self, one: Place, other: Place) -> bool:
        return one < other if self.direction == "ASC" else other < one

    def has(self, customer: Json) -> bool:
        words = _words(customer)
        return all(
            any(word.startswith(sought) for word in words) for sought in SEARCHES[self.search]
        ) and all(_fulfils(customer, name, wanted) for name, wanted in self.filter.items())


def _words(customer: Json) -> list[str]:
    email = folded(customer["email"])
    words = folded(f"{customer['name'] or ''} {customer['description'] or ''}").split()
    words += [email, *email.split("@"), *re.split("[.+@-]", email)]
    return [*words, customer["zipCode"] or "", customer["phoneNumber"] or ""]


def _fulfils(customer: Json, name: str, wanted: Any) -> bool:
    if name == "has":
        return all(customer[each] is not None for each in _ENUM if _ENUM[each] in wanted)
    if name == "hasNot":
        return all(customer[each] is None for each in _ENUM if _ENUM[each] in wanted)
    value = customer[name]
    if isinstance(wanted, dict):
        return bool(wanted.get("from", "") <= value < wanted.get("before", "9"))
    return value is not None and folded(value) in [folded(" ".join(one.split())) for one in wanted]


@dataclass
class PlainCustomers:
    """All customers. Each method returns what the operation with its name answers."""

    time: datetime = _START
    stored: dict[str, Json] = field(default_factory=dict)
    # In which version each field was changed last, by id.
    _changed_in: dict[str, dict[str, int]] = field(default_factory=dict)
    # The id and the values of each creation, by idempotency key.
    _attempts: dict[str | None, tuple[str, Json]] = field(default_factory=dict)

    def create(self, sent: Input, key: str | None, id_: str) -> Json:
        """`id_` is the id of a new customer."""
        errors = _errors(sent)
        return self._known(sent, key, errors) or self._create(sent, key, id_)

    def create_many(
        self, inputs: list[Input], policy: str, key: str | None, ids: list[str]
    ) -> list[Json]:
        rows: list[tuple[Input, str | None, list[str]]] = []
        addresses: list[str] = []
        for number, sent in enumerate(inputs):
            errors = _errors(sent)
            address = (sent["email"].stored or "").casefold()
            if not errors and address in addresses:
                errors = ["DuplicateInListError"]
            addresses += [] if errors else [address]
            rows.append((sent, key and f"{key} of row {number}", errors))
        results = [self._known(*row) for row in rows]
        is_possible = all(one is None or "replayed" in one for one in results)
        if policy == "CREATE_NONE" and not is_possible:
            return [one or _failure([]) for one in results]
        return [
            one or self._create(sent, row_key, id_)
            for one, (sent, row_key, _), id_ in zip(results, rows, ids, strict=True)
        ]

    def update(self, id_: str, sent: Input, if_version: int | None) -> Json:
        if id_ not in self.stored:
            return NOT_FOUND
        if errors := _errors(sent):
            return _failure(errors, "UpdateCustomerFailure")
        old = self.stored[id_]
        new = {**old, **_stored(sent)}
        if if_version not in (None, old["version"]) and (
            # Otherwise the request is repeated, and finds its own change.
            new != old or not sent.keys() & self._changed(id_, if_version or 0)
        ):
            return self._conflict(id_, if_version or 0)
        if new == old:
            return {"__typename": "UpdateCustomerSuccess", "changed": False, "customer": old}
        holder = self.by_email(new["email"])
        if holder is not None and holder["id"] != id_:
            return _failure(["EmailTakenError"], "UpdateCustomerFailure")
        new["version"] += 1
        for name in _ENUM:
            if new[name] != old[name]:
                self._changed_in[id_][name] = new["version"]
        new["updatedAt"] = max(old["updatedAt"], text_of(self.time))
        self.stored[id_] = new
        return {"__typename": "UpdateCustomerSuccess", "changed": True, "customer": new}

    def delete(self, id_: str, if_version: int | None) -> Json:
        if id_ not in self.stored:
            return NOT_FOUND
        if if_version not in (None, self.stored[id_]["version"]):
            return self._conflict(id_, if_version or 0)
        del self.stored[id_]
        return {"__typename": "DeleteCustomerSuccess", "id": id_}

    def validate(self, sent: Input, id_: str | None) -> list[str]:
        """The kinds of the errors."""
        if errors := _errors(sent):
            return errors
        holder = self.by_email(sent["email"].stored or "")
        return [] if holder is None or holder["id"] == id_ else ["EmailTakenError"]

    def by_email(self, email: str) -> Json | None:
        found = (c for c in self.stored.values() if c["email"].casefold() == email.casefold())
        return next(found, None)

    def listed(self, wanted: PlainList) -> list[Json]:
        found = filter(wanted.has, self.stored.values())
        return sorted(found, key=wanted.place, reverse=wanted.direction == "DESC")

    def _known(self, sent: Input, key: str | None, errors: list[str]) -> Json | None:
        """The result of a creation; None if the customer can be created."""
        if key in self._attempts:
            id_, values = self._attempts[key]
            if errors or id_ not in self.stored or values != _given(sent):
                return CONFLICT
            return _created(self.stored[id_], replayed=True)
        if not errors and self.by_email(sent["email"].stored or ""):
            errors = ["EmailTakenError"]
        return _failure(errors) if errors else None

    def _create(self, sent: Input, key: str | None, id_: str) -> Json:
        times = dict.fromkeys(("createdAt", "updatedAt"), text_of(self.time))
        values = {**dict.fromkeys(_ENUM), **_stored(sent)}
        self.stored[id_] = {"id": id_, **values, **times, "version": 1}
        self._changed_in[id_] = {}
        if key is not None:
            self._attempts[key] = id_, _given(sent)
        return _created(self.stored[id_], replayed=False)

    def _changed(self, id_: str, version: int) -> list[str]:
        """The fields that were changed after this version."""
        return [name for name in _ENUM if self._changed_in[id_].get(name, 0) > version]

    def _conflict(self, id_: str, version: int) -> Json:
        names = [_ENUM[name] for name in self._changed(id_, version)]
        current = self.stored[id_]
        return {"__typename": "CustomerChanged", "current": current, "changedFields": names}


def _stored(sent: Input) -> Json:
    return {name: one.stored for name, one in sent.items()}


def _given(sent: Input) -> Json:
    return {name: text for name, text in _stored(sent).items() if text is not None}


def _errors(sent: Input) -> list[str]:
    required = {"email": "RequiredFieldError"}
    found = [
        one.error or (required.get(name) if one.value is None else None)
        for name in _ENUM
        if (one := sent.get(name)) is not None
    ]
    return [error for error in found if error is not None]


def _failure(errors: Iterable[str], kind: str = "CreateCustomerFailure") -> Json:
    return {"__typename": kind, "errors": list(errors)}


def _created(customer: Json, *, replayed: bool) -> Json:
    return {"__typename": "CreateCustomerSuccess", "replayed": replayed, "customer": customer}
