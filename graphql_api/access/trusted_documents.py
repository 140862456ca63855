"""Trusted documents: the operator registers them, and clients send their ids."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

ID_IN_WORDS = "1 to 255 printable ASCII characters"
_ID = re.compile("[ -~]{1,255}")


class IdsTaken(Exception):
    """Other texts are already registered with these ids."""

    def __init__(self, ids: list[str]) -> None:
        super().__init__()
        self.ids = ids


@dataclass(frozen=True)
class TrustedDocument:
    """A GraphQL document as it is stored. A code generator made its `id`, often a hash."""

    id: str
    text: str
    registered_at: datetime


class TrustedDocuments(Protocol):
    """All trusted documents. Every method raises `faults.Unavailable`."""

    async def add(self, texts: Mapping[str, str], at: datetime) -> int:
        """Register texts by their ids, all or none. Returns how many of them are new.

        Raises `IdsTaken` if an id has another text: the text of an id does not change.
        """

    async def get(self, id_: str) -> str | None:
        """The text with this id; None if it is not registered. Clients may send any id."""

    async def texts(self, ids: Collection[str]) -> dict[str, str]:
        """The texts of these ids, by id, without those that are not registered."""

    async def all(self) -> list[TrustedDocument]:
        """Every trusted document, in the order of their registration."""

    async def remove(self, id_: str) -> bool:
        """Remove a document. Returns whether it was registered."""


def is_document_id(text: str) -> bool:
    """Whether this text can be the id of a document: `ID_IN_WORDS`."""
    return _ID.fullmatch(text) is not None
