"""Trusted documents: registered by the operator, and named by their ids in requests."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

ID_IN_WORDS = "1 to 255 printable ASCII characters"
_ID = re.compile("[ -~]{1,255}")


class IdsTaken(Exception):
    """Other texts are registered with these ids."""

    def __init__(self, ids: list[str]) -> None:
        super().__init__()
        self.ids = ids


@dataclass(frozen=True)
class TrustedDocument:
    """A GraphQL document as it is kept. Its `id` is whatever a code generator made of it."""

    id: str
    text: str
    registered_at: datetime


class TrustedDocuments(Protocol):
    """All trusted documents. Every method raises `faults.Unavailable`."""

    async def add(self, texts: Mapping[str, str], at: datetime) -> int:
        """Register these texts by their ids, all or none; how many of them are new.

        Raises `IdsTaken`: what an id stands for does not change.
        """

    async def get(self, id_: str) -> str | None:
        """The text that a client names; strangers may ask for more than there is."""

    async def texts(self, ids: Collection[str]) -> dict[str, str]:
        """The texts of those that are registered among these ids."""

    async def all(self) -> list[TrustedDocument]:
        """Every trusted document, in the order of their registration."""

    async def remove(self, id_: str) -> bool:
        """Trust a document no longer; whether there was one with this id."""


def is_document_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None
