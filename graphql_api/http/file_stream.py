"""An answer that is sent part by part, while the client reads it and no longer."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Send


async def send_parts(
    parts: AsyncGenerator[bytes, None],
    headers: list[tuple[bytes, bytes]],
    receive: Receive,
    send: Send,
) -> None:
    """Sends an answer with the status 200. The next part is taken when the last one is on its way.

    `parts` are closed in any case, so that nothing works for a client that has gone. Raises
    `ClientDisconnect` when the client has closed the connection, and what `parts` raises. Then the
    answer has no end, so that the client cannot take it for a complete one.
    """
    # Nginx would hold the parts back.
    headers = [*headers, (b"x-accel-buffering", b"no")]
    sending = asyncio.create_task(_send(parts, headers, send))
    leaving = asyncio.create_task(_left(receive))
    try:
        await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not sending.done():
            raise ClientDisconnect
        sending.result()
    finally:
        sending.cancel()
        leaving.cancel()
        await asyncio.wait([sending, leaving])


async def _send(
    parts: AsyncGenerator[bytes, None], headers: list[tuple[bytes, bytes]], send: Send
) -> None:
    async with aclosing(parts):
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
