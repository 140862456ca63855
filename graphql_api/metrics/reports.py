"""Reports: a server process sends its numbers to the process that shows them, over a socket.

Each report has all numbers since the process started, so a report that is lost or late does no
harm. The first report says that the process serves now, and the last one that it has answered its
last request. In between, each report answers a question.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import orjson

from .measurements import Measurements, Samples

# A question is its number. A report begins with the number of the question, which is 0 for the
# first and the last report, and its own length in bytes.
QUESTION = struct.Struct("!I")
_HEAD = struct.Struct("!II")

# How long a process that ends waits until its last report is read.
_LAST_SECONDS = 1.0


@contextlib.asynccontextmanager
async def reporting(measurements: Measurements, connection: socket.socket) -> AsyncIterator[None]:
    """Sends reports until the context ends, and then the last one."""
    reader, writer = await asyncio.open_unix_connection(sock=connection)
    _send(writer, 0, measurements)
    answering = asyncio.create_task(_answer_questions(reader, writer, measurements))
    try:
        yield
    finally:
        answering.cancel()
        await asyncio.wait([answering])
        _send(writer, 0, measurements)
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                await writer.wait_closed()


async def _answer_questions(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, measurements: Measurements
) -> None:
    # It ends with the process that asks.
    with contextlib.suppress(asyncio.IncompleteReadError, OSError):
        while True:
            [number] = QUESTION.unpack(await reader.readexactly(QUESTION.size))
            _send(writer, number, measurements)
            await writer.drain()


def _send(writer: asyncio.StreamWriter, number: int, measurements: Measurements) -> None:
    samples = {name: list(numbers.items()) for name, numbers in measurements.samples().items()}
    content = orjson.dumps(samples)
    writer.write(_HEAD.pack(number, len(content)) + content)


async def read_report(reader: asyncio.StreamReader) -> tuple[int, Samples]:
    """The next report, and the number of the question that it answers.

    Raises `asyncio.IncompleteReadError` or `OSError` after the last report.
    """
    number, length = _HEAD.unpack(await reader.readexactly(_HEAD.size))
    content = orjson.loads(await reader.readexactly(length))
    return number, {
        name: {tuple(labels): numbers for labels, numbers in entries}
        for name, entries in content.items()
    }
