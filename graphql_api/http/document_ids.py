"""Trusted documents: each is looked up and read once, and remembered until it is removed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import structlog

from ..access.trusted_documents import TrustedDocuments, is_document_id
from ..execution.documents import Document, Documents
from ..execution.fair_cache import FairCache
from ..faults import Unavailable
from ..logs import places
from .errors import RequestError

logger = structlog.get_logger()

# How late a removal may hold.
_REMEMBERED_SECONDS = 3.0
# In tokens, as other documents are counted: hundreds of usual ones.
_REMEMBERED_TOKENS = 32_768

# No stranger adds to them, so they have one share.
_OWNER = "the operator"

_NOT_FOUND = Document(
    [
        {
            "message": "No document is registered with this `documentId`. Register the document, "
            "or send the id of a registered one.",
            "extensions": {"code": "DOCUMENT_NOT_FOUND"},
        }
    ],
    {},
    1,
)


@dataclass(frozen=True)
class _Known:
    text: str
    document: Document


class Trusted:
    """The trusted documents that clients have named; no stranger can add to them."""

    def __init__(self, registered: TrustedDocuments, documents: Documents) -> None:
        self._registered = registered
        self._documents = documents
        # By their ids.
        self._known = FairCache[_Known](_REMEMBERED_TOKENS)

    def get(self, id_: str) -> Document | None:
        """The document, where it is remembered."""
        return None if (known := self._known.get(id_)) is None else known.document

    async def look_up(self, id_: str) -> Document:
        """A document that is not. Raises `RequestError` where the database cannot tell."""
        try:
            text = await self._registered.get(id_) if is_document_id(id_) else None
        except Unavailable:
            raise RequestError(
                503,
                "The document cannot be looked up at the moment. Retry in 1 second.",
                {"Retry-After": "1"},
                code="UNAVAILABLE",
            ) from None
        if text is None:
            return _NOT_FOUND
        # Of several requests that looked it up at once, the first to know reads it.
        if (known := self._known.get(id_)) is None:
            known = _Known(text, self._documents.prepare(text))
            self._known.add(id_, known, _OWNER, known.document.weight)
        return known.document

    @contextlib.asynccontextmanager
    async def kept_up(self) -> AsyncIterator[None]:
        """For this while, what is removed is forgotten soon."""
        keeping_up = asyncio.create_task(self._keep_up())
        try:
            yield
        finally:
            keeping_up.cancel()
            await asyncio.wait([keeping_up])

    async def _keep_up(self) -> None:
        while True:
            await asyncio.sleep(_REMEMBERED_SECONDS)
            try:
                await self._forget_removed()
            except Unavailable:
                # What was trusted before goes on being served.
                continue
            except Exception as error:  # noqa: BLE001  # whatever it is, the next time may succeed
                logger.error("Trusted documents cannot be read.", exception=places(error))  # noqa: TRY400  # no texts

    async def _forget_removed(self) -> None:
        remembered = dict(self._known.items())
        if remembered:
            texts = await self._registered.texts(remembered)
            for id_, known in remembered.items():
                if texts.get(id_) != known.text:
                    self._known.pop(id_)
