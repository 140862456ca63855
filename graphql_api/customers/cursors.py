"""Cursors: positions in a list as opaque texts, which are valid in that list alone."""

import base64
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from uuid import UUID

from .fields import Customer
from .listings import InvalidList, Listing, Order, OrderField, Position, position_of

# A cursor is base64url of the id, the key and a checksum of both and of the listing. The key of a
# time is the number of milliseconds since 1970.
_ID_BYTES = 16
_CHECKSUM_BYTES = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

# No cursor is longer: a name has 50 characters, each of which can become 18 when it is folded.
_LONGEST = 8192


def cursor_of(customer: Customer, listing: Listing) -> str:
    """The cursor of a customer in this listing."""
    position = position_of(customer, listing.order)
    key = position.key
    text = key if isinstance(key, str) else str((key - _EPOCH) // _MILLISECOND)
    body = position.id.bytes + text.encode()
    return base64.urlsafe_b64encode(body + _checksum(body, listing)).rstrip(b"=").decode()


def position_at(cursor: str, listing: Listing) -> Position:
    """The position of a cursor of this listing.

    Raises `InvalidList` for any other text, also for a cursor of another listing.
    """
    try:
        padding = "=" * (-len(cursor) % 4)
        data = base64.b64decode(cursor[:_LONGEST] + padding, altchars=b"-_", validate=True)
        body, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
        if checksum == _checksum(body, listing):
            return _position(body, listing.order)
    # A client can make up a cursor with a valid checksum and any content.
    except (ValueError, OverflowError):
        pass
    raise InvalidList(
        "This cursor does not belong to this list. Send a cursor of the same `orderBy`, `search` "
        "and `filter`, as it was returned."
    )


def _position(body: bytes, order: Order) -> Position:
    """The position of a cursor's bytes. Raises `ValueError` and `OverflowError`."""
    id_, text = UUID(bytes=body[:_ID_BYTES]), body[_ID_BYTES:].decode()
    if order.field in (OrderField.NAME, OrderField.EMAIL):
        return Position(text, id_)
    return Position(_EPOCH + int(text) * _MILLISECOND, id_)


def _checksum(body: bytes, listing: Listing) -> bytes:
    # Equal listings have equal texts, in every process.
    return blake2b(repr(listing).encode() + body, digest_size=_CHECKSUM_BYTES).digest()
