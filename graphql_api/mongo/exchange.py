"""Commands that are sent together over one connection, at the least cost."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from bson import CodecOptions
from bson.errors import BSONError
from pymongo.database import Database
from pymongo.errors import NotPrimaryError, OperationFailure, PyMongoError
from pymongo.helpers_shared import _check_command_response
from pymongo.message import _op_msg
from pymongo.read_preferences import ReadPreference, _ServerMode
from pymongo.synchronous.pool import Connection

# An answer, decoded with the options of its caller.
Answer = Any


def exchange(
    database: Database[dict[str, Any]],
    commands: Sequence[dict[str, Any]],
    options: CodecOptions[Any],
    measured: Callable[[str], AbstractContextManager[None]],
) -> list[Answer]:
    """Sends all commands at once, each of them once, and returns their answers.

    MongoDB executes the commands of one connection one after another, so each of them sees what
    those before it have done. `measured` is a context in which the answer to the named command
    arrives. If a command fails, only the answers before it are returned. Raises
    `pymongo.errors.PyMongoError` if the first command fails, and `bson.errors.BSONError` for an
    answer that cannot be decoded.

    For each command, the driver's public methods make a session, choose a server, take a connection
    and wait for the answer, which together takes twice the CPU time.
    """
    answers: list[Answer] = []
    name = next(iter(commands[0]))
    try:
        with database.client._conn_for_reads(ReadPreference.PRIMARY, None, name) as checked_out:
            connection, preference = checked_out
            if _needs_the_driver(connection):
                for command in commands:
                    with measured(next(iter(command))):
                        answer: Answer = connection.command(
                            database.name, command, preference, options, client=database.client
                        )
                    answers.append(answer)
                return answers
            ids = _send(connection, preference, database, commands)
            sent = iter(zip(commands, ids, strict=True))
            try:
                for command, id_ in sent:
                    with measured(next(iter(command))):
                        answers.append(_receive(connection, id_, options))
            except (OperationFailure, NotPrimaryError, BSONError):
                # The next commands of this connection must not get these answers.
                for _, id_ in sent:
                    connection.receive_message(id_)
                raise
    except PyMongoError:
        if not answers:
            raise
    return answers


def _needs_the_driver(connection: Connection) -> bool:
    """Whether traces listen to commands, or an access token can expire between two commands."""
    listeners, credentials = connection.listeners, connection.opts._credentials
    return (listeners is not None and listeners.enabled_for_commands) or (
        credentials is not None and credentials.mechanism == "MONGODB-OIDC"
    )


def _send(
    connection: Connection,
    preference: _ServerMode,
    database: Database[dict[str, Any]],
    commands: Sequence[dict[str, Any]],
) -> list[int]:
    """Returns the number of each message, which its answer has, too."""
    ids, messages = [], []
    for command in commands:
        # From `pymongo.timeout`.
        connection.apply_timeout(command)
        id_, message, *_ = _op_msg(
            0,
            command,
            database.name,
            preference,
            database.codec_options,
            connection.compression_context,
        )
        ids.append(id_)
        messages.append(message)
    connection.send_message(b"".join(messages), 0)
    return ids


def _receive(connection: Connection, id_: int, options: CodecOptions[Any]) -> Answer:
    [answer] = connection.receive_message(id_).unpack_response(codec_options=options)
    _check_command_response(answer, connection.max_wire_version)
    return answer
