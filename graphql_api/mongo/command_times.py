"""For the metrics: how long MongoDB takes for commands, and how many connections there are."""

from collections.abc import Sequence
from typing import Any

from pymongo import AsyncMongoClient, MongoClient
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from ..metrics.measurements import Measurements


class CommandTimes(CommandListener):
    """Measures every command of a client. The driver calls it in the thread of the command."""

    def __init__(self, measurements: Measurements) -> None:
        self._durations = measurements.commands

    def started(self, event: CommandStartedEvent) -> None:
        """Does nothing. The driver measures the time itself."""

    def succeeded(self, event: CommandSucceededEvent) -> None:
        self._durations.observe(event.duration_micros / 1e6, (event.command_name, "success"))

    def failed(self, event: CommandFailedEvent) -> None:
        self._durations.observe(event.duration_micros / 1e6, (event.command_name, "failure"))


def connections(
    clients: Sequence[MongoClient[dict[str, Any]] | AsyncMongoClient[dict[str, Any]]],
) -> tuple[int, int]:
    """How many connections the clients have open, and how many of them are in use.

    This reads the driver's pools, because the driver's events of pools would add two thirds to the
    cost of its events of commands.
    """
    in_use = idle = 0
    for client in clients:
        # A client with a `mongodb+srv` URI has no topology before the first command.
        topology: Any = client._topology  # the driver has no public way
        for server in [] if topology is None else list(topology._servers.values()):  # as above
            in_use += server.pool.active_sockets
            idle += len(server.pool.conns)
    return in_use + idle, in_use
