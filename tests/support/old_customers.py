"""Customers in the form in which servers stored them before there were lists and changes."""

from typing import Any

from graphql_api.customers.fields import Customer
from graphql_api.customers.store import Attempt, StoredCustomer
from graphql_api.mongo.customer_documents import to_document

_LATER_FIELDS = ("version", "schemaVersion", "nameSort", "emailSort", "search", "given")


def old_document(customer: Customer, attempt: Attempt | None = None) -> dict[str, Any]:
    """The document of schema version 1, with the email key of the oldest servers."""
    document = to_document(StoredCustomer(customer, attempt))
    for name in _LATER_FIELDS:
        del document[name]
    document["emailCaseFolded"] = customer.email.casefold()
    return document
