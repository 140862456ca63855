"""Sends messages to one endpoint."""

import asyncio
import contextlib
import re
import ssl
import time

import httpx

from .addresses import RefusedUrl, Resolve, permitted_addresses, resolve_by_system
from .endpoints import Endpoint
from .messages import Message, signed_headers

# The number of customers whose messages are sent to an endpoint at once.
AT_ONCE = 8

# How long an attempt may take, from the look-up of the name to the end of the answer.
_SECONDS = 15.0
# At most this much of an answer is read.
_MOST_BYTES = 16_384

_GONE = 410


class Failed(Exception):
    """An attempt has failed. The message is a phrase without any part of the URL or the answer.

    `retry_after` is the pause in seconds that the endpoint asks for. `is_gone`: the endpoint wants
    no messages any more.
    """

    def __init__(self, reason: str, *, retry_after: float = 0.0, is_gone: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        self.is_gone = is_gone


class Sender:
    """The connections to one endpoint. Each leads to an address that was checked.

    They are not shared with other endpoints: a connection to the same address may have been
    verified for another name. httpx's transport follows no redirect, has no cookies and uses no
    proxy.
    """

    def __init__(
        self, endpoint: Endpoint, tls: ssl.SSLContext, resolve: Resolve = resolve_by_system
    ) -> None:
        self._endpoint = endpoint
        self._url = httpx.URL(endpoint.url)
        self._resolve = resolve
        # The latest look-up. Messages share it while it runs: each look-up takes one of the
        # process's few threads, for as long as DNS does not answer.
        self._looking_up: asyncio.Task[list[str]] | None = None
        limits = httpx.Limits(max_connections=AT_ONCE, keepalive_expiry=30.0)
        self._transport = httpx.AsyncHTTPTransport(verify=tls, trust_env=False, limits=limits)

    async def send(self, message: Message) -> int:
        """Sends a message once. Returns the status of the answer, 200 to 299. Raises `Failed`."""
        try:
            async with asyncio.timeout(_SECONDS):
                return await self._send(message)
        except TimeoutError:
            raise Failed(f"The endpoint did not answer within {_SECONDS:.0f} seconds.") from None

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._looking_up is not None:
            self._looking_up.cancel()
        await self._transport.aclose()

    async def _send(self, message: Message) -> int:
        try:
            addresses = await self._addresses()
        except RefusedUrl as refused:
            raise Failed(str(refused)) from None
        except OSError:
            raise Failed("The host of the URL is unknown.") from None
        failed = Failed("The host of the URL has no address.")
        for address in addresses:
            try:
                return await self._send_to(address, message)
            except httpx.ConnectError as error:
                # The next address may be reachable.
                failed = _cannot_connect(error)
            except httpx.HTTPError:
                raise Failed("The connection was lost before the answer.") from None
        raise failed

    async def _addresses(self) -> list[str]:
        """The addresses of the URL's host. Raises what `permitted_addresses` raises."""
        if self._looking_up is None or self._looking_up.done():
            self._looking_up = asyncio.create_task(
                permitted_addresses(
                    self._url, self._resolve, allows_private=self._endpoint.allows_private
                )
            )
        return await asyncio.shield(self._looking_up)

    async def _send_to(self, address: str, message: Message) -> int:
        request = httpx.Request(
            "POST",
            self._url.copy_with(host=address),
            headers={
                "Host": self._url.netloc.decode("ascii"),
                "Content-Type": "application/json",
                "User-Agent": "graphql-api",
                **signed_headers(message, self._endpoint.secret, int(time.time())),
            },
            content=message.body,
            # TLS verifies the name, although the connection is to an address.
            extensions={"sni_hostname": self._url.raw_host.decode("ascii")},
        )
        response = await self._transport.handle_async_request(request)
        async with contextlib.aclosing(response):
            if response.is_success:
                await _read(response)
                return response.status_code
        raise Failed(
            f"The endpoint answered with status {response.status_code}.",
            retry_after=_retry_after(response),
            is_gone=response.status_code == _GONE,
        )


def tls_context() -> ssl.SSLContext:
    """Verifies certificates with the system's authorities; `SSL_CERT_FILE` replaces their file."""
    return ssl.create_default_context()


async def _read(response: httpx.Response) -> None:
    """Reads the answer, so that its connection can be used again, unless it is long."""
    read = 0
    with contextlib.suppress(httpx.HTTPError):
        # Without `aiter_raw`, a small answer could be unpacked to a large one.
        async for chunk in response.aiter_raw():
            read += len(chunk)
            if read > _MOST_BYTES:
                break


def _retry_after(response: httpx.Response) -> float:
    """The pause that an answer asks for; a date is ignored."""
    text = response.headers.get("retry-after", "")
    return float(text) if re.fullmatch("[0-9]{1,6}", text) else 0.0


def _cannot_connect(error: BaseException) -> Failed:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return Failed("The TLS certificate of the endpoint is not valid.")
        cause = cause.__cause__ or cause.__context__
    return Failed("The endpoint does not accept connections.")
