"""What became of new customers, from the documents that a majority has."""

from collections.abc import Sequence
from typing import Any

from bson.raw_bson import RawBSONDocument

from ..customers.store import AddOutcome, CustomerRemoved, EmailTaken, StoredCustomer
from .customer_documents import claim, from_document, idempotency_key, is_removed


def find_in(documents: list[dict[str, Any]], new: StoredCustomer) -> StoredCustomer | None:
    """The new customer, or the one that its idempotency key created, if one of them is stored.

    `documents` are all that have one of its unique values. Returns None if the list is empty.
    Raises `CustomerRemoved`, and `EmailTaken` if another customer has the email address.
    """
    for document in documents:
        is_new = document["_id"] == new.customer.id
        if is_new and is_removed(document):
            # It was stored, and another request has removed it already.
            return new
        if is_new or (new.attempt is not None and idempotency_key(document) == new.attempt.key):
            if is_removed(document):
                raise CustomerRemoved
            return from_document(document)
    if documents:
        raise EmailTaken
    return None


class WholeList:
    """A list of new customers that is stored as a whole or not at all.

    `outcomes` has what is known of each customer: None if it is not stored yet.
    """

    def __init__(
        self,
        new: Sequence[StoredCustomer],
        documents: Sequence[RawBSONDocument],
        *,
        with_claims: bool = False,
    ) -> None:
        """`documents` are those of the customers, in the same order."""
        self._new = new
        self._documents = documents
        self._with_claims = with_claims
        self.outcomes: list[AddOutcome | None] = [None] * len(new)

    def missing(self) -> list[RawBSONDocument]:
        """The documents of the customers that are to be stored."""
        pairs = zip(self._documents, self.outcomes, strict=True)
        return [document for document, outcome in pairs if outcome is None]

    def missing_claims(self) -> list[dict[str, Any]]:
        """The claims of the idempotency keys of these customers, in the form for sharding."""
        pairs = zip(self._new, self.outcomes, strict=True)
        return [
            claim(new.attempt.key)
            for new, outcome in pairs
            if self._with_claims and outcome is None and new.attempt is not None
        ]

    def note(self, found: list[list[dict[str, Any]]]) -> None:
        """Notes what a majority has: for each customer, the documents with its unique values."""
        pairs = zip(found, self._new, strict=True)
        self.outcomes = [_outcome(documents, new) for documents, new in pairs]

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to store: all customers are stored, or one of them cannot be."""
        are_possible = all(
            outcome is None
            or (isinstance(outcome, StoredCustomer) and outcome.attempt == new.attempt)
            for outcome, new in zip(self.outcomes, self._new, strict=True)
        )
        return not are_possible or None not in self.outcomes

    def stored(self) -> list[AddOutcome | None]:
        """The outcomes after all that was missing is stored."""
        pairs = zip(self._new, self.outcomes, strict=True)
        return [new if outcome is None else outcome for new, outcome in pairs]


def _outcome(documents: list[dict[str, Any]], new: StoredCustomer) -> AddOutcome | None:
    try:
        return find_in(documents, new)
    except (EmailTaken, CustomerRemoved) as refused:
        return refused
