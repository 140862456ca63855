"""How a message is sent: signed, to a checked address, and with a bounded answer."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks.webhooks import Webhook

from graphql_api.customers.events import CustomerDeleted, Event, EventsMissed, Moment
from graphql_api.webhooks import sending
from graphql_api.webhooks.addresses import Resolve
from graphql_api.webhooks.endpoints import Endpoint, new_endpoint
from graphql_api.webhooks.messages import (
    Message,
    message_of,
    new_test_message,
    secret_as_text,
    signed_headers,
)
from graphql_api.webhooks.sending import AT_ONCE, Failed, Sender

from ..support.receivers import Answer, Receiver, receiving

HOST = "hooks.example"
MESSAGE = Message("msg_1", b'{"type":"test"}')


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def endpoint(url: str, *, allows_private: bool = True) -> Endpoint:
    return new_endpoint(url, "", None, allows_private=allows_private)


def loopback(*before: str) -> Resolve:
    """A look-up that finds these addresses, and then the loopback address."""

    async def resolve(_host: str, _port: int) -> list[str]:
        return [*before, "127.0.0.1"]

    return resolve


LOOPBACK = loopback()


@asynccontextmanager
async def sender_to(
    to: Endpoint, resolve: Resolve = LOOPBACK, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Sender]:
    sender = Sender(to, tls or ssl.create_default_context(), resolve)
    try:
        yield sender
    finally:
        await sender.aclose()


async def failure(to: Endpoint, resolve: Resolve = LOOPBACK, tls: Any = None) -> Failed:
    """Why a message does not arrive."""
    async with sender_to(to, resolve, tls) as sender:
        with pytest.raises(Failed) as failed:
            await sender.send(MESSAGE)
    return failed.value


async def test_a_message_is_signed_as_standard_webhooks_says(receiver: Receiver) -> None:
    receiver.received.clear()
    to = endpoint(f"{receiver.url}/path?query=1".replace("127.0.0.1", HOST))

    async with sender_to(to) as sender:
        assert await sender.send(message := new_test_message()) == 204

    [received] = receiver.received
    secret = secret_as_text(to.secret)
    assert received.verified(secret) == {
        "type": "test",
        "timestamp": received.payload["timestamp"],
        "data": {},
    }
    assert received.path == "/path?query=1"
    assert received.id == message.id
    assert received.headers["host"] == to.url.split("/")[2]
    assert received.headers["content-type"] == "application/json"
    assert secret.startswith("whsec_")
    assert 24 <= len(to.secret) <= 64


def test_a_signature_is_that_of_the_library() -> None:
    secret, now = b"s" * 32, datetime.now(UTC)

    headers = signed_headers(MESSAGE, secret, int(now.timestamp()))

    assert headers["webhook-signature"] == Webhook(secret).sign(
        MESSAGE.id, now, MESSAGE.body.decode()
    )


def test_a_message_follows_from_its_event_and_its_endpoint() -> None:
    def time_of(_moment: Moment) -> datetime:
        return datetime(2026, 11, 22, 8, tzinfo=UTC)

    deleted = Event(Moment(b"1"), CustomerDeleted(UUID(int=1)))

    message = message_of(deleted, "one", time_of)

    assert message == message_of(replace(deleted), "one", time_of)
    assert json.loads(message.body) == {
        "type": "customer.deleted",
        "timestamp": "2026-11-22T08:00:00Z",
        "data": {"id": str(UUID(int=1))},
    }
    missed = message_of(Event(Moment(b"2"), EventsMissed()), "one", time_of)
    assert json.loads(missed.body)["data"] == {}
    ids = {message.id, missed.id, message_of(deleted, "two", time_of).id}
    assert len(ids) == 3
    assert all(id_.startswith("msg_") and "." not in id_ for id_ in ids)


@pytest.mark.parametrize(
    ("answer", "retry_after"),
    [
        (Answer(500), 0),
        (Answer(410), 0),
        (Answer(429, (("Retry-After", "120"),)), 120),
        (Answer(503, (("Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT"),)), 0),
        # It is not followed.
        (Answer(302, (("Location", "/elsewhere"),)), 0),
    ],
    ids=lambda value: str(getattr(value, "status", "")),
)
async def test_only_an_answer_of_success_is_a_delivery(
    answer: Answer, retry_after: float, receiver: Receiver
) -> None:
    receiver.received.clear()
    receiver.answer = lambda _: answer

    failed = await failure(endpoint(receiver.url))

    assert failed.reason == f"The endpoint answered with status {answer.status}."
    assert (failed.retry_after, failed.is_gone) == (retry_after, answer.status == 410)
    assert len(receiver.received) == 1


async def test_a_long_answer_is_not_read_and_a_short_one_keeps_the_connection(
    receiver: Receiver,
) -> None:
    receiver.received.clear()
    answers = [Answer(200, body=b"x" * 50_000_000), Answer(200, body=b"ok"), Answer()]
    receiver.answer = lambda _: answers[len(receiver.received) - 1]

    async with sender_to(endpoint(receiver.url)) as sender:
        statuses = [await sender.send(MESSAGE) for _ in answers]

    assert statuses == [200, 200, 204]


async def test_a_slow_answer_is_a_failure(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_SECONDS", 0.1)
    receiver.answer = lambda _: Answer(seconds=0.3)

    failed = await failure(endpoint(receiver.url))

    assert "did not answer" in failed.reason


async def test_an_address_is_looked_up_and_checked_for_each_message(receiver: Receiver) -> None:
    receiver.received.clear()
    receiver.answer = lambda _: Answer()
    answers = iter([["127.0.0.1"], ["169.254.169.254"], [], ["127.0.0.1"]])

    async def rebinding(_host: str, _port: int) -> list[str]:
        return next(answers)

    async with sender_to(endpoint(receiver.url.replace("127.0.0.1", HOST)), rebinding) as sender:
        await sender.send(MESSAGE)
        with pytest.raises(Failed, match="messages are never sent"):
            await sender.send(MESSAGE)
        with pytest.raises(Failed, match="no address"):
            await sender.send(MESSAGE)
        await sender.send(MESSAGE)

    # Each look-up was asked once: what was checked is what was connected to.
    assert len(receiver.received) == 2
    assert not list(answers)


async def test_a_host_that_dns_does_not_tell_is_looked_up_once_at_a_time(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.answer = lambda _: Answer()
    answered = asyncio.Event()
    asked = 0

    async def slow(_host: str, _port: int) -> list[str]:
        nonlocal asked
        asked += 1
        await answered.wait()
        return ["127.0.0.1"]

    async with sender_to(endpoint(receiver.url), slow) as sender:
        with monkeypatch.context() as impatient:
            impatient.setattr(sending, "_SECONDS", 0.1)
            sent = await asyncio.gather(
                *(sender.send(MESSAGE) for _ in range(AT_ONCE)), return_exceptions=True
            )
        answered.set()
        status = await sender.send(MESSAGE)

    assert [type(one) for one in sent] == [Failed] * AT_ONCE
    assert (status, asked) == (204, 1)


async def test_the_next_address_is_tried_if_one_cannot_be_reached(receiver: Receiver) -> None:
    receiver.answer = lambda _: Answer()

    async with sender_to(endpoint(receiver.url), loopback("127.0.0.2")) as sender:
        assert await sender.send(MESSAGE) == 204


async def unknown(_host: str, _port: int) -> list[str]:
    raise OSError


# On Python 3.11, coverage does not see what follows a failure, so that each is the end of a test.
@pytest.mark.parametrize(
    ("reason", "of"),
    [
        (
            "private address",
            lambda url: failure(endpoint(url.replace("http:", "https:"), allows_private=False)),
        ),
        ("unknown", lambda url: failure(endpoint(url), unknown)),
        ("does not accept connections", lambda _: failure(endpoint("http://127.0.0.1:1/"))),
        ("connection was lost", lambda url: failure(endpoint(url))),
    ],
    ids=["private", "unknown", "closed", "lost"],
)
async def test_what_cannot_be_reached_is_a_failure(
    reason: str, of: Callable[[str], Awaitable[Failed]], receiver: Receiver
) -> None:
    receiver.answer = lambda _: None

    assert reason in (await of(receiver.url)).reason


def self_signed(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The contexts of a server with a certificate for a name, and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=file)


async def test_tls_verifies_the_name_although_the_connection_is_to_an_address(
    tmp_path: Path,
) -> None:
    server, client = self_signed(tmp_path, HOST)
    with receiving(server) as receiver:
        right = endpoint(receiver.url.replace("127.0.0.1", HOST))
        async with sender_to(right, tls=client) as sender:
            assert await sender.send(MESSAGE) == 204
        wrong = endpoint(receiver.url.replace("127.0.0.1", "other.example"))
        reasons = [
            (await failure(wrong, tls=client)).reason,
            (await failure(right)).reason,
            (await failure(endpoint(receiver.url), tls=client)).reason,
        ]

    assert set(reasons) == {"The TLS certificate of the endpoint is not valid."}
    assert [received.headers["host"] for received in receiver.received] == [right.url[8:]]
