"""The subscriptions of one process: counted, and ended with their tokens and with the server.

Other long requests end with their tokens, too.
"""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator

import structlog
from starlette.requests import HTTPConnection

from ..access.principal import ANYBODY, Principal
from ..logs import stack_frames
from .addresses import client_address, network
from .authentication import Authenticate
from .errors import RequestError, retry_later
from .exchange import exchange_of

logger = structlog.get_logger()

# How often tokens are checked again. A token that was valid at its last check may be remembered for
# as long.
_CHECK_SECONDS = 2.0

# How long a server that stops waits for its subscriptions to end, before it closes connections.
_END_SECONDS = 1.0

# Why a subscription ends.
TOKEN_ENDED = RequestError(
    401, "The token has expired or was revoked. Subscribe with another one.", code="UNAUTHENTICATED"
)
SHUTTING_DOWN = RequestError(503, "The server is stopping. Subscribe again.", code="SHUTTING_DOWN")


class Ticket:
    """The right to one subscription, until it is returned to `Subscriptions`."""

    __slots__ = ("_end", "authorization", "client", "reason")

    def __init__(self, client: str, authorization: bytes) -> None:
        self.client = client
        # The header with the token.
        self.authorization = authorization
        # Why the subscription must end; None if it may go on.
        self.reason: RequestError | None = None
        self._end: Callable[[RequestError], None] | None = None

    def on_end(self, end: Callable[[RequestError], None]) -> None:
        """Sets the function that ends the subscription."""
        self._end = end
        if self.reason is not None:
            end(self.reason)

    def end(self, reason: RequestError) -> None:
        self.reason = reason
        if self._end is not None:
            self._end(reason)


class Subscriptions:
    """All subscriptions of this process, and their limits: in total, and for each client."""

    def __init__(self, authenticate: Authenticate, maximum: int, maximum_of_a_client: int) -> None:
        self._authenticate = authenticate
        self._maximum = maximum
        self._maximum_of_a_client = maximum_of_a_client
        self._tickets: set[Ticket] = set()
        # The tickets of other requests, which only end with their tokens.
        self._watched: set[Ticket] = set()
        self._clients: Counter[str] = Counter()
        self._none_left = asyncio.Event()
        self._is_stopping = False

    def admit(self, connection: HTTPConnection, principal: Principal) -> Ticket:
        """A ticket for a new subscription. Raises `RequestError` if there are too many."""
        if self._is_stopping:
            raise SHUTTING_DOWN
        if len(self._tickets) >= self._maximum:
            raise retry_later(503, "The server has too many subscriptions.", "OVERLOADED")
        client = principal.id
        if principal is ANYBODY:
            client = network(client_address(connection))
        if self._clients[client] >= self._maximum_of_a_client:
            raise retry_later(
                429, "Too many subscriptions. End one of yours.", "TOO_MANY_SUBSCRIPTIONS"
            )
        self._clients[client] += 1
        headers = exchange_of(connection.scope).headers
        ticket = Ticket(client, headers.get(b"authorization", b""))
        self._tickets.add(ticket)
        self._none_left.clear()
        return ticket

    @contextlib.contextmanager
    def watched(self, connection: HTTPConnection) -> Iterator[Ticket]:
        """A ticket for another long request, which ends with its token. It counts in no limit."""
        headers = exchange_of(connection.scope).headers
        ticket = Ticket("", headers.get(b"authorization", b""))
        self._watched.add(ticket)
        try:
            yield ticket
        finally:
            self._watched.discard(ticket)

    def release(self, ticket: Ticket) -> None:
        """Takes a ticket back: its subscription has ended."""
        self._tickets.discard(ticket)
        self._clients[ticket.client] -= 1
        if not self._clients[ticket.client]:
            del self._clients[ticket.client]
        if not self._tickets:
            self._none_left.set()

    async def end_all(self) -> None:
        """Ends all subscriptions, and accepts no more: the server stops."""
        self._is_stopping = True
        if not self._tickets:
            return
        for ticket in list(self._tickets):
            ticket.end(SHUTTING_DOWN)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                await self._none_left.wait()

    @contextlib.asynccontextmanager
    async def checked_in_background(self) -> AsyncIterator[None]:
        """Ends the subscriptions of tokens that are no longer valid, until the context ends."""
        checking = asyncio.create_task(self._check())
        try:
            yield
        finally:
            checking.cancel()
            await asyncio.wait([checking])

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            by_token: dict[bytes, list[Ticket]] = defaultdict(list)
            for ticket in (*self._tickets, *self._watched):
                by_token[ticket.authorization].append(ticket)
            for authorization, tickets in by_token.items():
                try:
                    is_valid = await self._authenticate.is_valid_still(authorization)
                except Exception as error:  # noqa: BLE001  # the next tokens must be checked, too
                    logger.error("The server failed.", exception=stack_frames(error))  # noqa: TRY400  # no texts
                    continue
                if not is_valid:
                    for ticket in tickets:
                        ticket.end(TOKEN_ENDED)
