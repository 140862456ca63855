"""One write to the customers' collection, and what is known of each document afterwards."""

import contextlib
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any

from bson import Binary
from bson.raw_bson import RawBSONDocument
from pymongo import IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import ConfigurationError, PyMongoError, ServerSelectionTimeoutError, WriteError

from ..faults import Unavailable
from .additions import WholeList
from .customer_changes import Change
from .customers_collection import CLAIMS, NAME, RAW, has_indexes, list_indexes
from .deadline import ended_by_driver, run_until
from .driver import Driver
from .driver_errors import TRANSIENT_CODES, is_transient

_DUPLICATE_KEY = 11000
_COLLECTION_UUID_MISMATCH = 361
# A later try may succeed, or may find the document that this one duplicates.
_REFUSAL_CODES = TRANSIENT_CODES | {_DUPLICATE_KEY, _COLLECTION_UUID_MISMATCH}

# How long the outcome of a transaction waits for its end. A healthy MongoDB needs a hundredth
# of this.
_KILL_SECONDS = 0.2


class Outcome(Enum):
    """What became of one document, or of one change of a document."""

    # A majority has the document in its journal, and the collection has its unique indexes.
    STORED = auto()
    # This try did not store it: another document has one of its unique values, no document is left
    # to change, or MongoDB had a transient error.
    REFUSED = auto()
    # It may be stored now, or later, or never. Only a read can tell.
    UNCLEAR = auto()


@dataclass(frozen=True)
class Written:
    """The outcome of each document, in the order in which the documents were sent.

    An error in place of an outcome: this document is not stored, and a second try would fail as
    well. `is_set_up` is False if the collection was found missing, replaced or without an index.
    """

    outcomes: list[Outcome | Exception]
    is_set_up: bool


async def insert(
    driver: Driver,
    collection_uuid: Binary,
    documents: list[RawBSONDocument],
    deadline: float,
    required: tuple[IndexModel, ...],
) -> Written:
    """Sends the documents once, into the customers' collection if it has this UUID.

    Each document has its `_id`. `required` are the collection's unique indexes. Raises
    `Unavailable` if the documents were never sent, and `pymongo.errors.PyMongoError` if none is
    stored and a second try would fail as well.
    """
    command = {
        "insert": NAME,
        "documents": documents,
        "ordered": False,
        "collectionUUID": collection_uuid,
    }
    return await _write(driver, command, deadline, count=len(documents), required=required)


async def change(
    driver: Driver,
    collection_uuid: Binary,
    changed: Change,
    deadline: float,
    required: tuple[IndexModel, ...],
) -> Written:
    """Sends one change once, into the customers' collection if it has this UUID.

    The outcome is `REFUSED` if the customer does not have the version that the change is for.
    Raises what `insert` raises.
    """
    command = {
        "update": NAME,
        "updates": [{"q": changed.query, "u": changed.update}],
        "collectionUUID": collection_uuid,
    }
    # Without a new address, the customer cannot become a duplicate.
    required = required if changed.is_new_address else ()
    if changed.moves:
        # MongoDB moves a document to another shard only in a transaction.
        return await _write_all(driver, [command], deadline, required)
    write = partial(_write, driver, command, deadline, count=1, required=required)
    # It goes on if the request is cancelled, as a batch does.
    try:
        return await run_until(deadline, write)
    except TimeoutError:
        return Written([Outcome.UNCLEAR], is_set_up=True)


async def insert_all(
    driver: Driver,
    collection_uuid: Binary,
    whole: WholeList,
    deadline: float,
    required: tuple[IndexModel, ...],
) -> Written:
    """Inserts what is missing of a list, all or nothing, in one transaction, once.

    All of it has one outcome. Raises `pymongo.errors.PyMongoError` if nothing is stored and a
    second try would fail as well.
    """
    commands: list[dict[str, Any]] = [
        {"insert": NAME, "documents": whole.missing(), "collectionUUID": collection_uuid}
    ]
    if claims := whole.missing_claims():
        commands.append({"insert": CLAIMS, "documents": claims})
    return await _write_all(driver, commands, deadline, required)


async def _write_all(
    driver: Driver,
    commands: list[dict[str, Any]],
    deadline: float,
    required: tuple[IndexModel, ...],
) -> Written:
    """Executes all commands or none, in one transaction, once. All of them have one outcome."""
    work = partial(_execute_all, commands=commands, required=required, measured=driver.measured)
    try:
        return await run_until(deadline, partial(driver.in_thread, work))
    except TimeoutError:
        # The thread goes on, and may commit.
        return Written([Outcome.UNCLEAR], is_set_up=True)
    except PyMongoError as error:
        # It was not committed. While no member answers, the driver says that there are no sessions.
        is_set_up = getattr(error, "code", None) != _COLLECTION_UUID_MISMATCH
        may_succeed_later = isinstance(error, ConfigurationError) or is_transient(error)
        if is_set_up and not may_succeed_later:
            raise
        return Written([Outcome.REFUSED], is_set_up)


async def _write(
    driver: Driver,
    command: dict[str, Any],
    deadline: float,
    *,
    count: int,
    required: tuple[IndexModel, ...],
) -> Written:
    """Sends the command, which writes this number of documents, once."""
    # The driver's own methods would retry and report only their last try. They also cannot name
    # the collection's UUID, and would write to any other collection with the same name.
    command["writeConcern"] = driver.database.write_concern.document
    # After the write, not before: a collection that has its unique indexes contains no duplicate,
    # whenever they were built. Between a check and a write, an operator could drop them.
    commands = [command, list_indexes()] if required else [command]
    try:
        with ended_by_driver(deadline):
            answer, *listed = await driver.send(commands, RAW)
    except ServerSelectionTimeoutError:
        raise Unavailable from None
    except (TimeoutError, PyMongoError) as error:
        is_set_up = getattr(error, "code", None) != _COLLECTION_UUID_MISMATCH
        if is_set_up and not is_transient(error):
            raise
        return Written([Outcome.UNCLEAR] * count, is_set_up)
    outcomes = _outcomes(count, answer)
    if any(error["code"] == _COLLECTION_UUID_MISMATCH for error in answer.get("writeErrors", ())):
        return Written(outcomes, is_set_up=False)
    if not required or (listed and has_indexes(listed[0], required)):
        return Written(outcomes, is_set_up=True)
    unconfirmed = [o if isinstance(o, Exception) else Outcome.UNCLEAR for o in outcomes]
    # Without the list, nothing is known of the indexes.
    return Written(unconfirmed, is_set_up=not listed)


def _execute_all(
    database: Database[dict[str, Any]],
    *,
    commands: list[dict[str, Any]],
    required: tuple[IndexModel, ...],
    measured: Callable[[str], AbstractContextManager[None]],
) -> Written:
    """Executes the commands in a transaction. The driver's own method would try several times."""
    with database.client.start_session() as session:
        session.start_transaction(write_concern=database.write_concern)
        for command in commands:
            try:
                with measured(next(iter(command))):
                    answer = database.command(
                        command, session=session, codec_options=database.codec_options
                    )
            except PyMongoError as error:
                # Without a server, the first command was not sent, so there is nothing to abort.
                if not (command is commands[0] and isinstance(error, ServerSelectionTimeoutError)):
                    _kill(session)
                raise
            # After the first error, MongoDB has aborted the transaction.
            for code in (error["code"] for error in answer.get("writeErrors", ())):
                if code not in _REFUSAL_CODES:
                    raise WriteError("MongoDB refuses a customer.", code)
                return Written([Outcome.REFUSED], is_set_up=code != _COLLECTION_UUID_MISMATCH)
            if not answer["n"]:
                # The query of a change found no document. The end of the session aborts.
                return Written([Outcome.REFUSED], is_set_up=True)
        try:
            with measured("commitTransaction"):
                session.commit_transaction()
        except PyMongoError:
            _kill(session)
            return Written([Outcome.UNCLEAR], is_set_up=True)
    if not required:
        return Written([Outcome.STORED], is_set_up=True)
    try:
        with measured("listIndexes"):
            listed = database.command(list_indexes(), codec_options=RAW)
    except PyMongoError:
        return Written([Outcome.UNCLEAR], is_set_up=True)
    is_set_up = has_indexes(listed, required)
    return Written([Outcome.STORED if is_set_up else Outcome.UNCLEAR], is_set_up)


def _kill(session: ClientSession) -> None:
    """Aborts the session's transaction, unless it is committed already.

    Otherwise it could hold its email addresses and keys for a minute, also against a second try.
    It is aborted in a thread of its own, also after the deadline: if MongoDB does not answer soon,
    the outcome must not wait for that.
    """
    kill = partial(session.client.admin.command, "killSessions", [session.session_id])

    def run() -> None:
        with contextlib.suppress(PyMongoError):
            kill()

    killing = threading.Thread(target=run, daemon=True)
    # The system may allow no further thread.
    with contextlib.suppress(RuntimeError):
        killing.start()
        killing.join(_KILL_SECONDS)


def _outcomes(count: int, answer: Mapping[str, Any]) -> list[Outcome | Exception]:
    """The outcomes of `count` documents, from MongoDB's answer to the write."""
    write_errors = answer.get("writeErrors", ())
    # Without a majority, an election may roll back what was written.
    has_majority = "writeConcernError" not in answer
    if has_majority and answer["n"] + len(write_errors) == count:
        outcome = Outcome.STORED
    elif has_majority and not answer["n"] and not write_errors:
        # The query of a change found no document.
        outcome = Outcome.REFUSED
    else:
        outcome = Outcome.UNCLEAR
    outcomes: list[Outcome | Exception] = [outcome] * count
    for error in write_errors:
        code = error["code"]
        outcomes[error["index"]] = (
            Outcome.REFUSED
            if code in _REFUSAL_CODES
            # MongoDB's own text may show a customer's values.
            else WriteError("MongoDB refuses a customer.", code)
        )
    return outcomes
