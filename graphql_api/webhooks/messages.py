"""The messages of webhooks and their signatures, as Standard Webhooks 1.0.0 describes them."""

import base64
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Any, assert_never

from ..customers.events import (
    CustomerCreated,
    CustomerDeleted,
    CustomerUpdated,
    Event,
    EventsMissed,
    Moment,
)

_SECRET_PREFIX = "whsec_"  # noqa: S105  # the beginning of every secret
# The specification allows 24 to 64.
_SECRET_BYTES = 32
_ID_BYTES = 16


class MessageType(StrEnum):
    """The `type` in the payload of a message."""

    CREATED = "customer.created"
    UPDATED = "customer.updated"
    DELETED = "customer.deleted"
    # Every endpoint gets it.
    EVENTS_MISSED = "customer.events_missed"
    TEST = "test"


# An endpoint gets those that its operator chooses.
CUSTOMER_TYPES = (MessageType.CREATED, MessageType.UPDATED, MessageType.DELETED)


@dataclass(frozen=True)
class Message:
    """One message. Each time that it is sent, it has the same id, which is a text without dots."""

    id: str
    body: bytes


def type_of(event: Event) -> MessageType:
    """The type of the message about an event."""
    match event.what:
        case CustomerCreated():
            return MessageType.CREATED
        case CustomerUpdated():
            return MessageType.UPDATED
        case CustomerDeleted():
            return MessageType.DELETED
        case EventsMissed():
            return MessageType.EVENTS_MISSED
        case _ as never:
            assert_never(never)


def message_of(event: Event, endpoint_id: str, time_of: Callable[[Moment], datetime]) -> Message:
    """The message about an event for one endpoint. It contains no values of a customer.

    Its id follows from the endpoint and the event, so that the receiver recognises a repetition,
    whichever process sends it. `time_of` tells when the event happened.
    """
    data: dict[str, Any] = {}
    match event.what:
        case CustomerCreated(customer) | CustomerUpdated(customer):
            data = {"id": str(customer.id), "version": customer.version}
        case CustomerDeleted(id_):
            data = {"id": str(id_)}
    digest = blake2b(event.moment, digest_size=_ID_BYTES, key=endpoint_id.encode())
    return _message(digest.hexdigest(), type_of(event), time_of(event.moment), data)


def new_test_message() -> Message:
    """A message for a test. It is about no event."""
    return _message(secrets.token_hex(_ID_BYTES), MessageType.TEST, datetime.now(UTC), {})


def _message(id_: str, type_: MessageType, time: datetime, data: dict[str, Any]) -> Message:
    payload = {"type": type_, "timestamp": f"{time:%Y-%m-%dT%H:%M:%SZ}", "data": data}
    return Message(f"msg_{id_}", json.dumps(payload, separators=(",", ":")).encode())


def new_secret() -> bytes:
    """A new random secret, with which messages are signed."""
    return secrets.token_bytes(_SECRET_BYTES)


def secret_as_text(secret: bytes) -> str:
    """The secret in the form in which libraries for Standard Webhooks read it."""
    return _SECRET_PREFIX + base64.b64encode(secret).decode()


def signed_headers(message: Message, secret: bytes, now: int) -> dict[str, str]:
    """The headers that a receiver verifies. `now` is the time of this attempt, in Unix seconds."""
    content = f"{message.id}.{now}.".encode() + message.body
    signature = base64.b64encode(hmac.digest(secret, content, "sha256")).decode()
    return {
        "webhook-id": message.id,
        "webhook-timestamp": str(now),
        "webhook-signature": f"v1,{signature}",
    }
