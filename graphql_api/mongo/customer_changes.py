"""A change of one version of a customer, as MongoDB executes it, and how its outcome is found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from ..customers.fields import FIELDS
from ..customers.identity import email_key
from ..customers.store import EmailTaken, StoredCustomer
from ..faults import ChangeUnknown
from .customer_documents import EMAIL_KEY, UniqueValue, remains, to_document

_LAST_CHANGE = "lastChange"


@dataclass(frozen=True)
class Change:
    """A change of one version of a customer. MongoDB executes it once at most.

    It makes the next version, in whose document `lastChange` is the change's own `id`.
    `email_key` is the key of the email address after the change; None if the customer is removed.
    `is_new_address`: it may differ from the stored key. `shard_key`, for the form for sharding, is
    the email key before the change.
    """

    id: UUID
    customer_id: UUID
    version: int
    update: Mapping[str, Any]
    email_key: str | None
    is_new_address: bool
    shard_key: str | None

    @property
    def moves(self) -> bool:
        """Whether the change may move the document to another shard."""
        return self.shard_key is not None and (self.is_new_address or self.email_key is None)

    @property
    def query(self) -> dict[str, Any]:
        """Finds the document of the customer while it has this version."""
        # Customers that older servers stored have no version, which is null to MongoDB.
        version = {"$in": [1, None]} if self.version == 1 else self.version
        query = {"_id": self.customer_id, "version": version}
        # With the shard key, the change reaches one shard only.
        return query if self.shard_key is None else {**query, EMAIL_KEY: self.shard_key}

    @property
    def unique_values(self) -> list[UniqueValue]:
        """The values of the documents that `is_made` needs."""
        values: list[UniqueValue] = [("_id", self.customer_id)]
        # The stored key may differ from that of the same address: older servers had another rule.
        if self.email_key is not None:
            values.append((EMAIL_KEY, self.email_key))
        return values

    def is_made(self, documents: list[dict[str, Any]], *, is_unclear: bool) -> bool | None:
        """Whether MongoDB has executed the change, from what a majority has stored.

        `documents` are those with one of the `unique_values`. `is_unclear`: an earlier try may have
        succeeded. Returns None if the change can still be made. Raises `EmailTaken` if another
        customer has the email address, and `ChangeUnknown` if the documents cannot tell.
        """
        own = next((d for d in documents if d["_id"] == self.customer_id), None)
        if own is not None and own.get(_LAST_CHANGE) == self.id:
            return True
        # The number of changes that were made since.
        changes = None if own is None else own.get("version", 1) - self.version
        if changes == 0:
            if any(document["_id"] != self.customer_id for document in documents):
                raise EmailTaken
            return None
        # A single change that was made since is another one. Of several, one may be this one.
        if is_unclear and changes != 1:
            raise ChangeUnknown
        return False


def replacement(old: StoredCustomer, new: StoredCustomer, *, is_sharded: bool = False) -> Change:
    """The change that stores the next version of a customer."""
    change_id = uuid4()
    document = to_document(new)
    id_ = document.pop("_id")
    document[_LAST_CHANGE] = change_id
    removed = [field.public_name for field in FIELDS if field.public_name not in document]
    new_key, old_email = document[EMAIL_KEY], old.customer.email
    # Older servers made other keys of addresses that are not ASCII.
    has_same_key = old_email.isascii() and new_key == email_key(old_email)
    return Change(
        change_id,
        id_,
        old.customer.version,
        # Other fields of the document, which other programs may have added, remain.
        {"$set": document, "$unset": dict.fromkeys(removed, "")},
        new_key,
        is_new_address=not has_same_key,
        shard_key=_shard_key(old, is_sharded=is_sharded),
    )


def removal(old: StoredCustomer, *, is_sharded: bool = False) -> Change:
    """The change that removes a customer."""
    change_id = uuid4()
    document = {**remains(old), _LAST_CHANGE: change_id}
    return Change(
        change_id,
        old.customer.id,
        old.customer.version,
        document,
        None,
        is_new_address=False,
        shard_key=_shard_key(old, is_sharded=is_sharded),
    )


def _shard_key(old: StoredCustomer, *, is_sharded: bool) -> str | None:
    return email_key(old.customer.email) if is_sharded else None
