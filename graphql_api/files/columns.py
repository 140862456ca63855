"""Which columns of a file become which fields of a customer.

Columns are recognised by their headers in any case and order: those of this API, of the exports of
some shops and payment services, and of most CRMs.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ..customers.fields import FIELDS, Field

# The headers of each field, without case, spaces and punctuation. Earlier ones have priority: if a
# file has both, codes of countries are better than their names, in which no space is allowed.
_HEADERS = {
    "name": ("name", "fullname", "customername", "contactname", "displayname"),
    "email": ("email", "emailaddress", "customeremail", "mail"),
    "description": ("description", "note", "notes", "comment", "comments"),
    "send_email_address": ("sendemailaddress", "invoiceemail", "billingemail"),
    "cc_email_address": ("ccemailaddress", "ccemail"),
    "country": (
        *("countrycode", "country", "countryregion"),
        *("defaultaddresscountrycode", "cardaddresscountry", "shippingaddresscountry"),
        *("addresscountry1", "billingcountry"),
    ),
    "address_line1": (
        *("addressline1", "address1", "address", "streetaddress", "street"),
        *("defaultaddressaddress1", "cardaddressline1", "shippingaddressline1", "addressline11"),
        "billingaddress1",
    ),
    "address_line2": (
        *("addressline2", "address2", "defaultaddressaddress2", "cardaddressline2"),
        *("shippingaddressline2", "addressline21", "billingaddress2"),
    ),
    "city": (
        *("city", "town", "defaultaddresscity", "cardaddresscity", "shippingaddresscity"),
        *("addresscity1", "billingcity"),
    ),
    "state": (
        *("state", "province", "provincecode", "region", "stateprovince", "county"),
        *("defaultaddressprovincecode", "cardaddressstate", "shippingaddressstate"),
        *("addressstate1", "billingstate"),
    ),
    "zip_code": (
        *("zipcode", "zip", "postalcode", "postcode", "defaultaddresszip", "cardaddresszip"),
        *("shippingaddresspostalcode", "addresszip1", "billingpostcode"),
    ),
    "phone_number": (
        *("phonenumber", "phone", "telephone", "mobile", "mobilephone", "billingphone"),
        *("defaultaddressphone", "addressphone1", "shippingphone"),
    ),
}
# The two parts of a name, which are joined where a file has no column for the whole name.
_FIRST_NAME = ("firstname", "givenname", "forename")
_LAST_NAME = ("lastname", "surname", "familyname")

# An export is recognised by headers that it has, and no other kind has all of.
_SOURCES = {
    "Stripe": {"email", "createdutc", "delinquent"},
    "Shopify": {"firstname", "lastname", "acceptsemailmarketing"},
    "WooCommerce": {"username", "lastactive", "aov", "countryregion"},
    "BigCommerce": {"firstname", "lastname", "storecredit", "customergroup"},
    "this API": {"id", "email", "createdat", "updatedat"},
}

_IGNORED = re.compile(r"[\W_]+")


class UnknownColumn(Exception):
    """An option names a column or a field that does not exist. The message is a sentence."""


@dataclass(frozen=True)
class Columns:
    """The columns that become each field: their headers, by the field. Several are joined.

    `source` is the program that made the file, if that is known.
    """

    of_fields: Mapping[Field, Sequence[str]]
    source: str | None


def recognised(headers: Collection[str], changes: Mapping[str, str] | None = None) -> Columns:
    """The columns of a file with these headers.

    `changes` has columns and the fields that they become, as a person writes them. Columns that are
    joined are separated by `+`. An empty field means that the column is not imported. Raises
    `UnknownColumn`.
    """
    by_key: dict[str, str] = {}
    for header in headers:
        by_key.setdefault(_key(header), header)
    of_fields: dict[Field, Sequence[str]] = {}
    for field in FIELDS:
        if header_ := next((by_key[key] for key in _HEADERS[field.name] if key in by_key), None):
            of_fields[field] = [header_]
        elif field.name == "name":
            parts = [
                next((by_key[key] for key in keys if key in by_key), None)
                for keys in (_FIRST_NAME, _LAST_NAME)
            ]
            if found := [part for part in parts if part is not None]:
                of_fields[field] = found
    for columns, name in (changes or {}).items():
        chosen = _chosen(columns, by_key)
        of_fields = {
            field: [header for header in used if header not in chosen]
            for field, used in of_fields.items()
        }
        if name:
            of_fields[_field(name)] = chosen
    source = next((name for name, keys in _SOURCES.items() if keys <= by_key.keys()), None)
    return Columns({field: used for field, used in of_fields.items() if used}, source)


def chosen(
    headers: Collection[str], of_fields: Mapping[str, Sequence[str]], source: str | None
) -> Columns:
    """The columns that a person has chosen for each field, by the field's name in the API.

    Raises `UnknownColumn`.
    """
    for used in of_fields.values():
        for header in used:
            if header not in headers:
                raise UnknownColumn("The file has other columns. Choose the columns again.")
    found = {_field(name): used for name, used in of_fields.items() if used}
    return Columns(found, source)


def mapping(text: str) -> dict[str, str]:
    """The pairs of `Mail=email,First Name+Last Name=name`. Raises `UnknownColumn`."""
    pairs: dict[str, str] = {}
    columns = ""
    for part in text.split(","):
        columns += part
        if "=" in part:
            header, _, field = columns.rpartition("=")
            pairs[header.strip()] = field.strip()
            columns = ""
        else:
            # The comma is a part of a header.
            columns += ","
    if columns:
        raise UnknownColumn("Write COLUMN=FIELD, such as Mail=email.")
    return pairs


def _chosen(columns: str, by_key: Mapping[str, str]) -> list[str]:
    # A header may contain a `+` itself.
    names = [columns] if columns in by_key.values() else columns.split("+")
    chosen = []
    for name in names:
        if _key(name) not in by_key:
            raise UnknownColumn(f"The file has no column `{name.strip()}`.")
        chosen.append(by_key[_key(name)])
    return chosen


def _field(name: str) -> Field:
    key = _key(name)
    for field in FIELDS:
        if key in (_key(field.name), _key(field.rule.label)):
            return field
    known = ", ".join(field.public_name for field in FIELDS)
    raise UnknownColumn(f"There is no field `{name}`. The fields are {known}.")


def _key(header: str) -> str:
    """The header without case, spaces and punctuation."""
    return _IGNORED.sub("", header).casefold()
