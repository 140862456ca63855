"""Trusted documents that clients send by id: each is looked up once, and then cached."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import structlog

from ..access.trusted_documents import TrustedDocuments, is_document_id
from ..execution.documents import Document, Documents
from ..execution.fair_cache import FairCache
from ..faults import Unavailable
from ..logs import stack_frames
from .errors import retry_later

logger = structlog.get_logger()

# How often cached documents are compared with the registered ones, and so how long a removed one
# is still served.
_REFRESH_SECONDS = 3.0
# The size of the cache in tokens: hundreds of usual documents.
_REMEMBERED_TOKENS = 32_768

# Clients cannot add trusted documents, so all of them have one owner in the cache.
_OWNER = "the operator"

_NOT_FOUND = Document(
    [
        {
            "message": "No document is registered with this `documentId`. Send the id of a "
            "registered document.",
            "extensions": {"code": "DOCUMENT_NOT_FOUND"},
        }
    ],
    {},
    1,
)


@dataclass(frozen=True)
class _Known:
    """The text of a trusted document, and the document that was read from it."""

    text: str
    document: Document


class TrustedDocumentCache:
    """The trusted documents whose ids clients have sent, ready to be executed.

    The server trusts the registered documents and its own, which its pages send.
    """

    def __init__(
        self, registered: TrustedDocuments, own: Mapping[str, str], documents: Documents
    ) -> None:
        """`own` has the texts of the server's own documents, by their ids."""
        self._registered = registered
        self._own = own
        self._documents = documents
        # By document id.
        self._known = FairCache[_Known](_REMEMBERED_TOKENS)

    def get(self, id_: str) -> Document | None:
        """The document with this id, if it is cached."""
        return None if (known := self._known.get(id_)) is None else known.document

    async def look_up(self, id_: str) -> Document:
        """Looks up a document that is not cached, and caches it if it is trusted.

        A document that is not trusted is one with the error `DOCUMENT_NOT_FOUND`. Raises
        `RequestError` if the database is unavailable.
        """
        text = self._own.get(id_)
        if text is None and is_document_id(id_):
            try:
                text = await self._registered.get(id_)
            except Unavailable:
                raise retry_later(
                    503, "The document cannot be looked up at the moment.", "UNAVAILABLE"
                ) from None
        if text is None:
            return _NOT_FOUND
        # Several requests may have looked it up at once. The first one has read it already.
        if (known := self._known.get(id_)) is None:
            known = _Known(text, self._documents.prepare(text, is_trusted=True))
            self._known.add(id_, known, _OWNER, known.document.weight)
        return known.document

    @contextlib.asynccontextmanager
    async def refreshed_in_background(self) -> AsyncIterator[None]:
        """Forgets removed documents within seconds, until the context ends."""
        refreshing = asyncio.create_task(self._refresh())
        try:
            yield
        finally:
            refreshing.cancel()
            await asyncio.wait([refreshing])

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(_REFRESH_SECONDS)
            try:
                await self._forget_removed()
            except Unavailable:
                # Cached documents are served until the database answers again.
                continue
            except Exception as error:  # noqa: BLE001  # any failure is logged, and the next attempt may succeed
                logger.error("Trusted documents cannot be read.", exception=stack_frames(error))  # noqa: TRY400  # no texts

    async def _forget_removed(self) -> None:
        remembered = {id_: known for id_, known in self._known.items() if id_ not in self._own}
        if remembered:
            texts = await self._registered.texts(remembered)
            for id_, known in remembered.items():
                if texts.get(id_) != known.text:
                    self._known.pop(id_)
